"""What is no regular file, cannot be read, or changes while it is looked at."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.cases import STORED, CannotMakeError, Case, Materials

CHANGED = frozenset({"changed", "unreadable", "stored", "corrupt", "truncated"})


def cases() -> Iterator[Case]:
    """All of them."""
    yield Case("a link to a sibling", _link("film.mp4", "film.mp4"), ends=STORED | {"link"}, is_quick=True)
    outside = frozenset({"outside the folder"})
    yield Case("a link outside", _link_to_canary, ends=outside, is_quick=True)
    for place in ("/etc/passwd", "/dev/zero", "/proc/self/mem", "/", "../../.."):
        yield Case(f"a link to {place}", _link(place), ends=outside | {"link"}, is_quick=place == "/dev/zero")
    yield Case("a link to itself", _link("link.mp4"), ends=frozenset({"broken link"}), is_quick=True)
    yield Case("links in a circle", _circle, ends=frozenset({"broken link"}))
    yield Case("a folder linked into itself", _link("."), ends=frozenset({"link"}))
    yield Case("a FIFO", _fifo, ends=frozenset({"not a regular file"}), is_quick=True)
    yield Case("a socket", _socket, ends=frozenset({"not a regular file"}), is_quick=True)
    for kind, number in ((stat.S_IFCHR, os.makedev(1, 5)), (stat.S_IFBLK, os.makedev(7, 0))):
        name = "character device" if kind == stat.S_IFCHR else "block device"
        yield Case(f"a {name}", _device(kind, number), ends=frozenset({"not a regular file"}))
    yield Case("no permission", _forbidden, ends=frozenset({"unreadable"}))
    yield Case("no permission for the folder", _forbidden_folder, ends=frozenset({"unreadable"}))
    for file in ("early.mp4", "a.mkv", "a.ts"):
        yield Case(f"{file} and two GiB of nothing behind it", _sparse(file, 1 << 31))
    yield Case("two TiB of nothing", _nothing(1 << 41), ends=frozenset({"too large", "not a video"}))
    yield Case("it vanishes", _film, ends=frozenset({"unreadable"}), during=_unlink, is_quick=True)
    yield Case("it grows", _film, ends=CHANGED, during=_append)
    yield Case("it shrinks", _film, ends=CHANGED, during=lambda folder: os.truncate(folder / "film.mp4", 900))
    yield Case("it becomes a link", _film, ends=frozenset({"unreadable"}), during=_become_link, is_quick=True)
    yield Case("it becomes a FIFO", _film, ends=frozenset({"unreadable"}), during=_become_fifo)
    yield Case("it becomes a folder", _film, ends=frozenset({"unreadable"}), during=_become_folder)


def _film(folder: Path, materials: Materials) -> None:
    (folder / "film.mp4").write_bytes(materials.film("late.mp4"))


def _link(target: str, *films: str) -> Callable[[Path, Materials], None]:
    def make(folder: Path, materials: Materials) -> None:
        for film in films:
            (folder / film).write_bytes(materials.film("early.mp4"))
        (folder / "link.mp4").symlink_to(target)

    return make


def _link_to_canary(folder: Path, materials: Materials) -> None:
    (folder / "link.mp4").symlink_to(materials.canary)


def _circle(folder: Path, _: Materials) -> None:
    (folder / "a.mp4").symlink_to("b.mp4")
    (folder / "b.mp4").symlink_to("a.mp4")


def _fifo(folder: Path, _: Materials) -> None:
    os.mkfifo(folder / "pipe.mp4")


def _socket(folder: Path, _: Materials) -> None:
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("socket.mp4")
    finally:
        os.chdir(here)


def _device(kind: int, number: int) -> Callable[[Path, Materials], None]:
    def make(folder: Path, _: Materials) -> None:
        try:
            os.mknod(folder / "device.mp4", kind | 0o600, number)
        except PermissionError as error:
            raise CannotMakeError("only root can make devices") from error

    return make


def _forbidden(folder: Path, materials: Materials) -> None:
    _film(folder, materials)
    (folder / "film.mp4").chmod(0)
    if os.access(folder / "film.mp4", os.R_OK):
        (folder / "film.mp4").unlink()
        raise CannotMakeError("root may read everything")


def _forbidden_folder(folder: Path, materials: Materials) -> None:
    inner = folder / "inner"
    inner.mkdir()
    inner.chmod(0)
    if os.access(inner, os.R_OK):
        inner.rmdir()
        raise CannotMakeError("root may read everything")


def _sparse(file: str, size: int) -> Callable[[Path, Materials], None]:
    def make(folder: Path, materials: Materials) -> None:
        (folder / file).write_bytes(materials.film(file))
        os.truncate(folder / file, size)

    return make


def _nothing(size: int) -> Callable[[Path, Materials], None]:
    def make(folder: Path, _: Materials) -> None:
        (folder / "a.mp4").touch()
        os.truncate(folder / "a.mp4", size)

    return make


def _unlink(folder: Path) -> None:
    (folder / "film.mp4").unlink()


def _append(folder: Path) -> None:
    with (folder / "film.mp4").open("ab") as file:
        file.write(bytes(100_000))


def _become_link(folder: Path) -> None:
    _unlink(folder)
    (folder / "film.mp4").symlink_to(folder.parent.parent / "canary.ts")


def _become_fifo(folder: Path) -> None:
    _unlink(folder)
    os.mkfifo(folder / "film.mp4")


def _become_folder(folder: Path) -> None:
    _unlink(folder)
    (folder / "film.mp4").mkdir()
