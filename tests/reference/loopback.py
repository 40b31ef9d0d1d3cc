"""Servers of this machine's loopback address: a web server that misbehaves as it is told, and a real S3 server."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest


@dataclass
class WebServer:
    """A folder served with byte ranges."""

    root: Path
    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path with its query, and Range of every request."""
    failures: int = 0
    """So many of the next requests are answered with 503."""
    cut: int = 0
    """So many of the next answers with content break off in the middle."""
    status: int = 0
    """Answer every request with this status."""
    refused: str = ""
    """Answer every request of this method with 403."""
    tag: str = ""
    """ETag of every file; none if empty."""
    delay: float = 0.0
    """Seconds before an answer."""

    @property
    def ranges(self) -> list[tuple[str, int, int]]:
        """Path, first byte and end of every request for a range."""
        found = [(path, re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)) for _, path, wanted in self.requests]
        return [(path, int(match[1]), int(match[2]) + 1) for path, match in found if match]


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(with_content=False)

        def do_GET(self) -> None:
            self.answer(with_content=True)

        def answer(self, *, with_content: bool) -> None:
            wanted = self.headers.get("Range", "")
            server.requests.append((self.command, self.path, wanted))
            time.sleep(server.delay)
            path = server.root / unquote(urlsplit(self.path).path).lstrip("/")
            status = server.status
            if server.refused == self.command:
                status = 403
            if server.failures:
                server.failures, status = server.failures - 1, 503
            elif not status and not path.is_file():
                status = 404
            if status:
                return self.plain(status)
            data = path.read_bytes()
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
            if match and int(match[1]) >= len(data):
                return self.plain(416)
            part = data[int(match[1]) : int(match[2]) + 1] if match else data
            self.send_response(206 if match else 200)
            if match:
                end = int(match[1]) + len(part) - 1
                self.send_header("Content-Range", f"bytes {match[1]}-{end}/{len(data)}")
            if server.tag:
                self.send_header("ETag", server.tag)
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if with_content and server.cut:
                server.cut -= 1
                self.wfile.write(part[: len(part) // 2])
                self.close_connection = True
            elif with_content:
                self.wfile.write(part)
            return None

        def plain(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def served(root: Path) -> Iterator[WebServer]:
    """A web server of a folder, with its own faults."""
    server = WebServer(root)
    running = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    running.daemon_threads = True
    server.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


@dataclass
class S3:
    """A real S3 server with one bucket."""

    endpoint: str
    bucket: str = "bucket"

    def put(self, name: str, data: bytes) -> None:
        """Store an object."""
        from obstore.store import S3Store

        keys = {"access_key_id": "key", "secret_access_key": "secret"}
        store = S3Store(self.bucket, endpoint=self.endpoint, client_options={"allow_http": True}, **keys)
        store.put(name, data)

    def upload(self, folder: Path, prefix: str) -> str:
        """Store all files of a folder below `prefix`; gives the address."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())
        return f"s3://{self.bucket}/{prefix}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """moto's server, where it is installed: pip install "moto[s3,server]"."""
    program = shutil.which("moto_server")
    if program is None:
        pytest.skip("moto_server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [program, "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found = S3(f"http://127.0.0.1:{port}")
        _wait_for(f"{found.endpoint}/moto-api/", server)
        urllib.request.urlopen(urllib.request.Request(f"{found.endpoint}/{found.bucket}", data=b"", method="PUT"))
        yield found
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, and the variables that lead to it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return s3_server


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5)
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("the S3 server did not start")
