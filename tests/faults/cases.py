"""What a fault is: some files, and which ends are right for them."""

import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.films import write_film

STORED = frozenset({"stored"})
NO_VIDEO = frozenset({"not a video"})
DAMAGED = frozenset(
    {"stored", "corrupt", "truncated", "no frames", "not a video", "no video stream", "no decoder", "zero duration"}
) | {"too large", "empty", "encrypted"}
"""A damaged video may give frames, or none for any of these reasons; it never crashes or hangs its worker."""

FILMS = {
    "early.mp4": ("libx264", {"movflags": "faststart"}),
    "late.mp4": ("libx264", {}),
    "a.mkv": ("libx264", {}),
    "a.webm": ("libvpx", {}),
    "a.avi": ("mpeg4", {}),
    "raw.avi": ("rawvideo", {}),
    "a.ts": ("libx264", {}),
    "a.flv": ("libx264", {}),
}


class CannotMakeError(Exception):
    """Something that a case needs is not on this machine."""


@dataclass
class Materials:
    """What cases are made from."""

    port: int
    """Of a server on loopback that nobody may call."""
    canary: Path
    """A good video outside all sources that nobody may open."""
    real: tuple[Path, ...] = ()
    """Real videos."""
    _made: dict[str, bytes] = field(default_factory=dict)

    def film(self, name: str) -> bytes:
        """A small good video, one of `FILMS`."""
        if name not in self._made:
            codec, container_options = FILMS[name]
            with tempfile.TemporaryDirectory() as folder:
                path = write_film(Path(folder) / name, codec=codec, container_options=container_options)
                self._made[name] = path.read_bytes()
        return self._made[name]


@dataclass(frozen=True)
class Case:
    """One or a few inputs with something wrong, or odd, about them."""

    name: str
    make: Callable[[Path, Materials], None]
    """Writes them into a folder of their own, which exists."""
    ends: frozenset[str] = DAMAGED
    """Each of them ends in one of these ways: stored, or skipped for this reason."""
    is_quick: bool = False
    """Whether it belongs to the tests that always run."""
    during: Callable[[Path], None] | None = None
    """Done to the folder when its files have been listed and not yet been opened."""


def of_bytes(
    name: str, data: Callable[[Materials], bytes], *, file: str, ends: Iterable[str], quick: bool = False
) -> Case:
    """A case of one file with some bytes."""

    def make(folder: Path, materials: Materials) -> None:
        (folder / file).write_bytes(data(materials))

    return Case(name, make, ends=frozenset(ends), is_quick=quick)


def of_film(
    name: str,
    film: str,
    change: Callable[[bytes], bytes],
    *,
    file: str,
    ends: Iterable[str] = DAMAGED,
    quick: bool = False,
) -> Case:
    """A case of one of `FILMS`, changed."""
    return of_bytes(name, lambda materials: change(materials.film(film)), file=file, ends=ends, quick=quick)


def chance(*names: object) -> random.Random:
    """Random numbers that are the same every time for the same names."""
    return random.Random(" ".join(map(str, names)))
