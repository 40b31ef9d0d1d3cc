"""Files of object stores and web servers, read in byte ranges through obstore (extra `remote`).

Addresses: s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH, https://HOST/PATH and http://HOST/PATH. Credentials
are those that obstore finds: the variables AWS_*, GOOGLE_* and AZURE_*, or the role of the machine. Plain HTTP is
spoken only where the address, or the endpoint variable of an object store, begins with http://.
"""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from vivi.core.errors import ViviError
from vivi.core.files import atomic_file

SCHEMES = ("s3", "gs", "az", "https", "http")
PIECE = 8 << 20
"""Bytes of one request of a download."""
PATIENCE = 120.0
"""Seconds for which a request that fails is tried again."""
_AT_ONCE = 4
_REQUEST = timedelta(seconds=60)
_CONNECT = timedelta(seconds=10)
_ENDPOINTS = (
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    *("GOOGLE_BASE_URL", "GOOGLE_SERVICE_URL"),
)
_ADDRESS = re.compile(rf"({'|'.join(SCHEMES)}):/{{1,2}}(?=[^/])")
_CREDENTIALS = {
    "s3": "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or AWS_SKIP_SIGNATURE=true if it is public",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or GOOGLE_SKIP_SIGNATURE=true if it is public",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_STORAGE_SAS_KEY)",
    "https": "the server wants an address that carries its own permission, such as a signed one",
}
NO_RANGES = "Range request not supported"
"""What obstore says of a server that answers a request for some bytes with all of them."""
_REFUSED = ("169.254.", "/api/token", "computeMetadata", "must be specified", "401 Unauthorized", "403 Forbidden")


class RemoteError(ViviError):
    """A remote file that is missing, refused, or cannot be reached."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing: bool = missing
        """Whether the server says that there is no such file."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What a listing says of a file."""

    name: str
    """Relative to the folder that was listed."""
    size: int
    """In bytes."""
    changed: float
    """Seconds since 1970 of its last change."""
    tag: str = ""
    """What the server calls this version of the file, if it says so."""

    @property
    def version(self) -> str:
        """What tells this content of the file from another, as far as the server says: its tag, or size and time."""
        return self.tag or f"{self.size} bytes, {self.changed}"


def address(path: Path | str) -> str | None:
    """The address that `path` is, or None for a path of this machine.

    pathlib makes s3:/bucket/x of s3://bucket/x; this gives the address back, so that flags may stay paths.
    """
    text = str(path)
    found = _ADDRESS.match(text)
    return None if found is None else f"{found[1]}://{text[found.end() :]}"


class RemoteFolder:
    """What lies below one address, read only. Any number of threads may use it at once, but no fork of the process."""

    def __init__(self, url: str, store: Any) -> None:
        """Use `RemoteFolder.open`."""
        self.url: str = _without_query(url)
        self._scheme = urlsplit(url).scheme
        self._store = store

    @classmethod
    def open(cls, url: str, *, patience: float = PATIENCE) -> "RemoteFolder":
        """The folder at `url`; nothing is asked of the server yet.

        Args:
            url: see the top of this file; a query such as that of a signed address goes with every request.
            patience: seconds for which a request that fails in a way that may pass is tried again.

        Raises:
            RemoteError: not such an address.
            ViviError: obstore is not installed.
        """
        store = _obstore().store
        scheme = urlsplit(url).scheme
        if scheme not in SCHEMES:
            known = ", ".join(f"{each}://" for each in SCHEMES)
            raise RemoteError(f"{_without_query(url)} is not a remote address: it must begin with {known}")
        retry = {"max_retries": 10, "retry_timeout": timedelta(seconds=patience)}
        plain = scheme == "http" or any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
        client = {"timeout": min(_REQUEST, timedelta(seconds=patience)), "connect_timeout": _CONNECT}
        with _explained(_without_query(url), scheme):
            opened = store.from_url(url, retry_config=retry, client_options=client | {"allow_http": plain})
        return cls(url, opened)

    @classmethod
    def of_file(cls, url: str, *, patience: float = PATIENCE) -> tuple["RemoteFolder", str]:
        """The folder of the file at `url`, and the file's name in it.

        Raises:
            RemoteError: as `open`, or there is no name behind the last slash.
        """
        parts = urlsplit(url)
        above, _, name = parts.path.rpartition("/")
        if not name:
            raise RemoteError(f"{_without_query(url)} names no file: give the whole address of one")
        return cls.open(urlunsplit(parts._replace(path=above)), patience=patience), unquote(name)

    def size(self, name: str) -> int:
        """Bytes of the file `name`.

        Raises:
            RemoteError: missing, refused, or not to be reached.
        """
        return int(self._head(name)["size"])

    def about(self, name: str) -> RemoteFile:
        """Size, time and version of the file `name`.

        Raises:
            RemoteError: missing, refused, or not to be reached.
        """
        return _file(name, self._head(name))

    def read(self, name: str, offset: int, size: int) -> bytes:
        """`size` bytes of the file `name` from `offset` on, by one request.

        Raises:
            RemoteError: missing, refused, not to be reached, or shorter than that.
        """
        if size == 0:
            return b""
        with self._explained(name):
            data = bytes(self._store.get_range(name, start=offset, length=size))
        if len(data) != size:
            raise RemoteError(f"{self.url}/{name} ends before byte {offset + size}: it is not whole, copy it again")
        return data

    def read_all(self, name: str, *, limit: int) -> bytes:
        """The whole file, of at most `limit` bytes.

        Raises:
            RemoteError: as `read`, or it is larger than that.
        """
        return self.read(name, 0, self._checked_size(name, limit))

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        """All files below the folder `prefix`, however deep, in the order of the server.

        Raises:
            RemoteError: the server does not list; plain web servers do not.
        """
        if self._scheme in ("http", "https") and not _is_object_store(self._store):
            raise RemoteError(f"{self.url}: a web server does not list its files; name each of them")
        with self._explained(prefix):
            for chunk in self._store.list(prefix or None):
                for each in chunk:
                    yield _file(each["path"], each)

    def download(self, name: str, to: Path, *, limit: int | None = None) -> int:
        """Copy the file `name` to `to`, which appears only when it is whole; gives its bytes.

        Raises:
            RemoteError: as `read`, or it is larger than `limit` bytes; no more than that is ever asked for.
            DiskFullError: there is no space.
        """
        size = self._checked_size(name, limit)
        self.download_part(name, to, offset=0, size=size)
        return size

    def download_part(self, name: str, to: Path, *, offset: int, size: int) -> None:
        """Copy `size` bytes of the file `name`, from `offset` on, to `to`, which appears only when it is whole.

        Raises:
            RemoteError: as `read`.
            DiskFullError: there is no space.
        """
        end = offset + size
        with atomic_file(to) as file, ThreadPoolExecutor(_AT_ONCE) as pool:
            for first in range(offset, end, PIECE * _AT_ONCE):
                starts = range(first, min(first + PIECE * _AT_ONCE, end), PIECE)
                for piece in pool.map(lambda start: self.read(name, start, min(PIECE, end - start)), starts):
                    file.write(piece)

    def download_at_once(self, name: str, to: Path, *, limit: int | None = None) -> int:
        """As `download`, by one request, from a server that knows no byte ranges.

        Raises:
            RemoteError: as `download`.
            DiskFullError: there is no space.
        """
        size = self._checked_size(name, limit)
        with atomic_file(to) as file:
            for chunk in self._stream(name):
                if file.tell() + len(chunk) > size:
                    break
                file.write(chunk)
            if file.tell() != size:
                raise RemoteError(f"{self.url}/{name} has not the {size} bytes that the server announced")
        return size

    def _stream(self, name: str) -> Iterator[Any]:
        """The bytes of a file as they come; what goes wrong with them elsewhere is not the server's fault."""
        with self._explained(name):
            yield from self._store.get(name).stream()

    def _head(self, name: str) -> Any:
        """What the server says of a file; a signed address may permit nothing but to read it."""
        with self._explained(name):
            try:
                return self._store.head(name)
            except _obstore().exceptions.BaseError as error:
                if self._scheme not in ("http", "https") or not _is_refused(error):
                    raise
                return self._store.get(name, options={"range": (0, 1)}).meta

    def _checked_size(self, name: str, limit: int | None) -> int:
        size = self.size(name)
        if limit is not None and size > limit:
            raise RemoteError(f"{self.url}/{name} has {size} bytes, at most {limit} are taken")
        return size

    def _explained(self, name: str) -> Any:
        return _explained(f"{self.url}/{name}".rstrip("/"), self._scheme)


def _file(name: str, meta: Any) -> RemoteFile:
    return RemoteFile(name, meta["size"], meta["last_modified"].timestamp(), meta["e_tag"] or "")


@contextmanager
def _explained(what: str, scheme: str) -> Iterator[None]:
    """Turn what obstore raises into one line that names `what` and says what to do."""
    base = _obstore().exceptions.BaseError
    try:
        yield
    except FileNotFoundError as error:
        text = f"{what} does not exist: look at the address, and at the spelling of bucket and path"
        raise RemoteError(text, missing=True) from error
    except (base, ValueError, OSError) as error:
        raise RemoteError(f"cannot read {what}: {_advice(error, scheme)}") from error


def _advice(error: Exception, scheme: str) -> str:
    text = re.sub(r"\?\S+", "?...", " ".join(str(error).partition("Debug source")[0].split()))
    text = text if len(text) <= 300 else f"{text[:300]}..."
    if _is_refused(error) or any(sign in text for sign in _REFUSED):
        advice = _CREDENTIALS.get(scheme, _CREDENTIALS["https"])
        return f"access was refused or no credentials were found; {advice} ({text})"
    if NO_RANGES in text:
        return f"its server gives no byte ranges: copy it to this machine first ({text})"
    return f"{text}; look at the network and the address, then run the same command again"


def _is_refused(error: Exception) -> bool:
    return type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError")


def _without_query(url: str) -> str:
    """Without what may be a signature or a password."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _is_object_store(store: Any) -> bool:
    return not isinstance(store, _obstore().store.HTTPStore)


def _obstore() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise ViviError('remote files need obstore: pip install "vivi[remote]"') from error
    return obstore
