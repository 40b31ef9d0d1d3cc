"""Bytes of remote files: exactly those that were asked for, or one line that says why not."""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reference.loopback import S3, WebServer, s3, s3_server, served

from vivi.core.errors import DiskFullError, ViviError
from vivi.core.remote import PIECE, RemoteError, RemoteFolder, address

__all__ = ["s3", "s3_server"]

pytest.importorskip("obstore")
DATA = bytes(range(256)) * 40
QUICK = 2.0


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    root = tmp_path / "root"
    (root / "some folder").mkdir(parents=True)
    (root / "some folder" / "a%20#é.bin").write_bytes(DATA)
    (root / "some folder" / "empty").touch()
    (root / "data").write_bytes(DATA)
    with served(root) as server:
        yield server


def test_addresses_survive_being_paths() -> None:
    for text in ("s3://bucket/a/b", "gs://b/x", "az://c", "https://host:8000/a?sig=a%2Fb", "http://h/x"):
        assert address(text) == address(Path(text)) == text
    for text in ("/s3/a", "a/s3://b", "s3", "s3:bucket", "./x", "ftp://a/b", "s3://", "C:/x"):
        assert address(text) is None


def test_ranges_of_a_web_server(web: WebServer) -> None:
    folder = RemoteFolder.open(f"{web.url}/some%20folder/")
    assert folder.size("a%20#é.bin") == len(DATA)
    for offset, size in ((0, 1), (5, 300), (len(DATA) - 7, 7), (100, 0)):
        assert folder.read("a%20#é.bin", offset, size) == DATA[offset : offset + size]
    assert folder.read_all("a%20#é.bin", limit=len(DATA)) == DATA
    assert folder.read_all("empty", limit=0) == b""
    assert web.ranges[0][1:] == (0, 1) and web.ranges[1][1:] == (5, 305)


def test_more_than_there_is_is_an_error(web: WebServer) -> None:
    folder = RemoteFolder.open(f"{web.url}/some%20folder")
    with pytest.raises(RemoteError, match="ends before byte 10241: it is not whole"):
        folder.read("a%20#é.bin", len(DATA) - 1, 2)
    with pytest.raises(RemoteError, match=r"cannot read .*416"):
        folder.read("a%20#é.bin", len(DATA), 2)
    with pytest.raises(RemoteError, match="has 10240 bytes, at most 10239 are taken"):
        folder.read_all("a%20#é.bin", limit=len(DATA) - 1)


def test_what_is_missing_is_named(web: WebServer) -> None:
    with pytest.raises(RemoteError, match=r"/some%20folder/none does not exist") as error:
        RemoteFolder.open(f"{web.url}/some%20folder").size("none")
    assert error.value.missing
    with pytest.raises(RemoteError, match="a web server does not list its files"):
        list(RemoteFolder.open(web.url).list())


def test_a_file_by_its_address(web: WebServer) -> None:
    folder, name = RemoteFolder.of_file(f"{web.url}/some%20folder/a%2520%23%C3%A9.bin?sig=secret")
    assert name == "a%20#é.bin"
    assert folder.read(name, 3, 3) == DATA[3:6]
    assert web.requests[-1][1].endswith("?sig=secret")
    with pytest.raises(RemoteError, match=r"/none does not exist") as error:
        folder.size("none")
    assert "secret" not in str(error.value)
    with pytest.raises(RemoteError, match="names no file"):
        RemoteFolder.of_file(f"{web.url}/folder/")


def test_what_fails_for_a_while_is_tried_again(web: WebServer) -> None:
    folder = RemoteFolder.open(f"{web.url}/some%20folder")
    web.failures = 2
    assert folder.read("a%20#é.bin", 0, 10) == DATA[:10]
    assert len(web.requests) == 3


def test_an_answer_that_breaks_off_is_not_taken_for_whole(web: WebServer) -> None:
    folder = RemoteFolder.open(f"{web.url}/some%20folder", patience=QUICK)
    web.cut = 1
    try:
        assert folder.read("a%20#é.bin", 0, 1000) == DATA[:1000]
    except RemoteError as error:
        assert "a%20#é.bin" in str(error)


def test_a_server_that_stays_broken_is_named(web: WebServer) -> None:
    web.status = 500
    with pytest.raises(RemoteError, match=r"cannot read http://127.0.0.1.*500.*run the same command again"):
        RemoteFolder.open(web.url, patience=0.5).size("x")
    web.status = 403
    with pytest.raises(RemoteError, match="access was refused or no credentials were found; the server wants"):
        RemoteFolder.open(web.url, patience=0.5).size("x")


def test_a_server_that_is_slow_or_gone_is_named(web: WebServer) -> None:
    web.delay = 3.0
    with pytest.raises(RemoteError, match="look at the network"):
        RemoteFolder.open(f"{web.url}/some%20folder", patience=0.3).size("empty")
    web.delay = 0.0
    with pytest.raises(RemoteError, match="look at the network"):
        RemoteFolder.open("http://127.0.0.1:9", patience=0.5).size("x")


def test_a_download_is_whole_or_absent(web: WebServer, tmp_path: Path) -> None:
    data = bytes(range(251)) * (1 + (5 * PIECE) // 251)
    (web.root / "large").write_bytes(data)
    folder = RemoteFolder.open(web.url, patience=QUICK)
    assert folder.download("large", tmp_path / "to" / "file", limit=len(data)) == len(data)
    assert (tmp_path / "to" / "file").read_bytes() == data
    assert max(end - start for _, start, end in web.ranges) == PIECE
    with pytest.raises(RemoteError, match=r"has \d+ bytes, at most 100 are taken"):
        folder.download("large", tmp_path / "to" / "other", limit=100)
    with pytest.raises(RemoteError, match="does not exist"):
        folder.download("none", tmp_path / "to" / "other")
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["file"]


def test_other_addresses_are_refused() -> None:
    for url in ("ftp://a/b", "/folder", "file:///etc", "memory:///"):
        with pytest.raises(RemoteError, match="must begin with s3://"):
            RemoteFolder.open(url)


def test_without_obstore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(ViviError, match=r'pip install "vivi\[remote\]"'):
        RemoteFolder.open("s3://bucket/x")


def test_objects_of_a_real_s3_server(s3: S3, tmp_path: Path) -> None:
    s3.put("folder/a/b.bin", DATA)
    s3.put("folder/c", b"c")
    s3.put("folder2/d", b"d")
    folder = RemoteFolder.open("s3://bucket/folder")
    assert {each.name: each.size for each in folder.list()} == {"a/b.bin": len(DATA), "c": 1}
    assert [each.name for each in folder.list("a")] == ["a/b.bin"]
    assert folder.read("a/b.bin", 100, 50) == DATA[100:150]
    assert folder.download("a/b.bin", tmp_path / "b") == len(DATA)
    assert (tmp_path / "b").read_bytes() == DATA
    assert RemoteFolder.of_file("s3://bucket/folder/a/b.bin")[0].size("b.bin") == len(DATA)
    with pytest.raises(RemoteError, match="s3://bucket/folder/none does not exist") as error:
        folder.read("none", 0, 1)
    assert error.value.missing


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with served(Path("/nonexistent")) as machine:  # what the role of a machine would be asked of
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", machine.url)
        with pytest.raises(RemoteError, match="no credentials were found; set AWS_ACCESS_KEY_ID"):
            RemoteFolder.open("s3://bucket/x", patience=0.5).size("a")
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(RemoteError, match="no credentials were found; set AZURE_STORAGE_ACCOUNT_NAME"):
        RemoteFolder.open("az://container/x", patience=0.5).size("a")


def test_credentials_of_google_are_asked_of_the_machine_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GOOGLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")
    with served(Path("/nonexistent")) as machine:
        monkeypatch.setenv("GCE_METADATA_HOST", machine.url.removeprefix("http://"))
        with pytest.raises(RemoteError, match="no credentials were found; set GOOGLE_APPLICATION_CREDENTIALS"):
            RemoteFolder.open("gs://bucket/x", patience=0.5).size("a")
        assert any("computeMetadata" in path for _, path, _ in machine.requests)


def test_objects_of_google_and_of_azure_are_asked_of_their_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obstore.store import AzureStore, GCSStore

    (tmp_path / "bucket" / "deep").mkdir(parents=True)
    (tmp_path / "bucket" / "deep" / "a b.bin").write_bytes(DATA)
    with served(tmp_path) as server:
        server.tag = '"version"'
        for name in ("GOOGLE_BASE_URL", "AZURE_STORAGE_ENDPOINT"):
            monkeypatch.setenv(name, server.url)
        for name in ("GOOGLE_SKIP_SIGNATURE", "AZURE_SKIP_SIGNATURE"):
            monkeypatch.setenv(name, "true")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
        for scheme, kind in (("gs", GCSStore), ("az", AzureStore)):
            folder, name = RemoteFolder.of_file(f"{scheme}://bucket/deep/a%20b.bin")
            assert type(folder._store) is kind and folder.url == f"{scheme}://bucket/deep"
            assert (folder.about(name).size, folder.about(name).tag) == (len(DATA), '"version"')
            assert folder.read(name, 100, 50) == DATA[100:150]
            assert folder.download(name, tmp_path / scheme) == len(DATA)
            assert (tmp_path / scheme).read_bytes() == DATA
            with pytest.raises(RemoteError, match=f"{scheme}://bucket/deep/none does not exist") as error:
                folder.size("none")
            assert error.value.missing


def test_a_part_of_a_file(web: WebServer, tmp_path: Path) -> None:
    folder = RemoteFolder.open(web.url)
    folder.download_part("data", tmp_path / "part", offset=7, size=1000)
    folder.download_part("data", tmp_path / "nothing", offset=7, size=0)
    assert (tmp_path / "part").read_bytes() == DATA[7:1007] and (tmp_path / "nothing").read_bytes() == b""


def test_who_may_only_read_is_told_the_size_too(web: WebServer, tmp_path: Path) -> None:
    web.refused = "HEAD"
    folder = RemoteFolder.open(f"{web.url}?signature=a")
    assert folder.size("data") == folder.download("data", tmp_path / "file") == len(DATA)
    web.refused = "GET"
    with pytest.raises(RemoteError, match="access was refused"):
        folder.download("data", tmp_path / "file")


def test_a_full_disk_is_no_fault_of_the_server(web: WebServer, tmp_path: Path) -> None:
    folder = RemoteFolder.open(web.url)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(DATA) // 2, limits[1]))
    try:
        for copy in (folder.download, folder.download_at_once):
            with pytest.raises(DiskFullError, match=r"no space left while writing .*file"):
                copy("data", tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.glob("*file*")) == []
