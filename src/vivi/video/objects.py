"""Videos in object stores and on web servers: what lies at an address, or below it."""

from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from vivi.core.errors import ViviError
from vivi.core.remote import RemoteError, RemoteFile, RemoteFolder
from vivi.data.store.format import Skip
from vivi.video.listing import Candidate
from vivi.video.names import joined, refuse_name
from vivi.video.places import RemoteObject

_WEB = ("http", "https")


def find_object(url: str) -> RemoteFile | None:
    """What the server says of the object at exactly this address; None if it is a folder of an object store.

    Raises:
        ViviError: it cannot be reached, is refused, or, for a web server, not there; obstore is not installed.
    """
    parts = urlsplit(url)
    is_folder = parts.path.endswith("/") or not parts.path
    if is_folder and parts.scheme not in _WEB:
        return None
    folder, name = RemoteFolder.of_file(url)
    try:
        return folder.about(name)
    except RemoteError as error:
        if not error.missing or parts.scheme in _WEB:
            raise
        return None


def single_object(url: str, *, path: str) -> Candidate:
    """A candidate called `path`, of which nothing is asked yet."""
    return Candidate(path, RemoteObject(url, 0, ""), 0, "")


def known_object(url: str, about: RemoteFile, *, path: str) -> Candidate:
    """A candidate called `path`, of which the server has told size and version."""
    version = about.tag or str(about.changed)
    return Candidate(path, RemoteObject(url, about.size, about.tag), about.size, version)


def search_objects(url: str, *, label: str) -> Iterator[Candidate | Skip]:
    """Every object below an address of an object store.

    Raises:
        ViviError: it cannot be reached or does not list.
    """
    parts = urlsplit(url)
    base = parts.path.rstrip("/")
    for each in RemoteFolder.open(url).list():
        path = joined(label, each.name)
        there = urlunsplit(parts._replace(path=f"{base}/{quote(each.name)}"))
        yield refuse_name(path, size=each.size) or known_object(there, each, path=path)


def name_of(url: str) -> str:
    """The last part of an address, as it was before it was made an address."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or urlsplit(url).netloc


def without_query(url: str) -> str:
    """The address without what may be a signature or a password."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def check_address(url: str) -> None:
    """See before the work that an address can be used.

    Raises:
        ViviError: it cannot, or obstore is not installed.
    """
    if not urlsplit(url).netloc:
        raise ViviError(f"{url} names no host or bucket: write, for example, s3://BUCKET/FOLDER")
    RemoteFolder.open(url)
