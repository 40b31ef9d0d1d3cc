"""Films, whose frames are embedded one after the other: raw video files, and the videos of a shot store.

Raw videos are decoded as ingest does (the same frames, the same short side, the same cuts), and no store is made. Their
frames were never JPEG, so they differ from those of a store by what compression costs.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray

from vivi.core.config import build, dump
from vivi.core.errors import StoreError, ViviError
from vivi.data.store import ShotStore
from vivi.data.store.format import Skip, printable
from vivi.transfer.embedding.rows import Broken, Rows
from vivi.transfer.embedding.sources import Encode, Per, joined
from vivi.video.container import DecodeError
from vivi.video.listing import Candidate
from vivi.video.places import PlaceError
from vivi.video.settings import IngestSettings
from vivi.video.shots import Signature
from vivi.video.sources import Selection, find_inputs

_READ = 64
"""Frames of a store that are read at once."""
_FRAMES = 4096
"""Frames of a part of a store, one long video apart."""
_FILES = 4
"""Video files of a part."""


class Film(Protocol):
    """A video while it is embedded."""

    path: str
    """Relative, as `printable` writes it."""

    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """Its frames, RGB, image_HWC of any size, in order."""

    def seconds(self) -> list[float] | None:
        """When each frame is seen, after all of them were; None where nobody knows."""

    def spans(self) -> Sequence[tuple[int, int]]:
        """First frame and number of frames of each shot, after all frames were seen."""


class FilmFile:
    """A video file."""

    def __init__(self, candidate: Candidate, settings: IngestSettings, *, scratch: Path) -> None:
        self.path = printable(candidate.path)
        self._candidate, self._settings, self._scratch = candidate, settings, scratch
        self._seconds: list[float] = []
        self._signatures: list[Signature] = []

    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """Decode.

        Raises:
            DecodeError: the file gives no frames, or is damaged.
            PlaceError: its bytes are not to be had.
        """
        settings, candidate = self._settings, self._candidate
        with candidate.place.fetched(self._scratch, key=candidate.key) as file:
            for second, image_HWC in settings.frames_of(file):
                self._seconds.append(second)
                self._signatures.append(settings.shots.signature(image_HWC))
                yield image_HWC

    def seconds(self) -> list[float] | None:
        """When each frame is seen."""
        return self._seconds

    def spans(self) -> Sequence[tuple[int, int]]:
        """The shots."""
        return self._settings.shots.spans(self._signatures, seconds=self._seconds, video=self._candidate.path)


class StoredFilm:
    """A video of a store."""

    def __init__(self, store: ShotStore, number: int) -> None:
        self.path = store.video_path(number)
        self._store, self._number = store, number

    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """Read and decode.

        Raises:
            StoreError: the store is damaged.
        """
        count = self._store.num_frames(self._number)
        for first in range(0, count, _READ):
            for data in self._store.read_frames(self._number, first=first, count=min(_READ, count - first)):
                try:
                    yield simplejpeg.decode_jpeg(data, colorspace="RGB")
                except ValueError as error:
                    raise StoreError(f"a frame of {self.path!r} cannot be decoded ({error}): ingest again") from error

    def seconds(self) -> list[float] | None:
        """A store does not say."""
        return None

    def spans(self) -> Sequence[tuple[int, int]]:
        """The shots."""
        return [(shot.first, shot.length) for shot in self._store.table.shots(self._number)]


@dataclass(frozen=True, slots=True)
class Videos:
    """Video files."""

    candidates: tuple[Candidate, ...]
    refused: tuple[Broken, ...]
    settings: IngestSettings
    per: Per
    size: int
    batch: int
    scratch: Path
    """Where what is no local file is copied to while it is decoded."""
    unit: str = "videos"

    @classmethod
    def find(
        cls, sources: Sequence[Path | str], *, fps: float, per: Per, size: int, batch: int, scratch: Path
    ) -> "Videos":
        """List videos as ingest does: files, folders, tar files, addresses; `scratch` is not searched.

        Raises:
            ViviError: there is nothing, or an illegal value.
        """
        found = list(find_inputs(sources, selection=Selection(), without=scratch))
        candidates = {each.path: each for each in reversed(found) if isinstance(each, Candidate)}
        if not candidates:
            raise ViviError(f"no videos in {', '.join(map(str, sources))}: name video files or folders that hold some")
        return cls(
            candidates=tuple(candidates[path] for path in sorted(candidates)),
            refused=tuple((skip.path, f"{skip.reason}: {skip.detail}") for skip in found if isinstance(skip, Skip)),
            settings=build(IngestSettings, {"fps": fps}, source="vivi embed"),
            per=per,
            size=size,
            batch=batch,
            scratch=scratch,
        )

    @property
    def count(self) -> int:
        """Number of files that are tried."""
        return len(self.candidates)

    @property
    def parts(self) -> list[range]:
        """A few files each."""
        return [range(start, min(start + _FILES, self.count)) for start in range(0, self.count, _FILES)]

    @property
    def about(self) -> dict[str, Any]:
        """How they are decoded and cut, and what a row is of."""
        return {"kind": "videos", "settings": dump(self.settings), "per": self.per}

    @property
    def state(self) -> Any:
        """Paths, sizes and versions."""
        return [[printable(each.path), each.bytes, each.version] for each in self.candidates]

    def rows(self, inputs: range, encode: Encode) -> tuple[Rows, list[Broken]]:
        """The rows of some files."""
        chosen = self.candidates[inputs.start : inputs.stop]
        films = [FilmFile(each, self.settings, scratch=self.scratch) for each in chosen]
        return film_rows(films, encode=encode, per=self.per, size=self.size, batch=self.batch)


@dataclass(frozen=True, slots=True)
class Stored:
    """All videos of a store."""

    store: ShotStore
    per: Per
    size: int
    batch: int
    unit: str = "videos"
    refused: tuple[Broken, ...] = ()

    @property
    def count(self) -> int:
        """Number of videos."""
        return self.store.info.num_videos

    @property
    def parts(self) -> list[range]:
        """Videos of about _FRAMES frames together."""
        parts, start, frames = [], 0, 0
        for video in range(self.count):
            frames += self.store.num_frames(video)
            if frames >= _FRAMES or video + 1 == self.count:
                parts.append(range(start, video + 1))
                start, frames = video + 1, 0
        return parts

    @property
    def about(self) -> dict[str, Any]:
        """What a row is of."""
        return {"kind": "store", "per": self.per}

    @property
    def state(self) -> Any:
        """The store."""
        return self.store.digest

    def rows(self, inputs: range, encode: Encode) -> tuple[Rows, list[Broken]]:
        """The rows of some videos."""
        films = [StoredFilm(self.store, number) for number in inputs]
        return film_rows(films, encode=encode, per=self.per, size=self.size, batch=self.batch)


def film_rows(films: Sequence[Film], *, encode: Encode, per: Per, size: int, batch: int) -> tuple[Rows, list[Broken]]:
    """Embed the frames of films in batches that may hold several of them; a thread decodes the next batch meanwhile.

    A film that breaks off gives no row at all.

    Raises:
        ViviError: a store is damaged, or features are not finite.
    """
    vectors: list[list[NDArray[np.float32]]] = [[] for _ in films]
    failed: dict[int, Broken] = {}
    pictures = _pictures(films, size=size, failed=failed)
    with ThreadPoolExecutor(1, thread_name_prefix="films") as pool:
        waiting = pool.submit(lambda: list(islice(pictures, batch)))
        while taken := waiting.result():
            waiting = pool.submit(lambda: list(islice(pictures, batch)))
            found_BD = encode(torch.from_numpy(np.stack([image_CHW for _, image_CHW in taken])))
            for (number, _), vector_D in zip(taken, found_BD, strict=True):
                vectors[number].append(vector_D)
    tables = [_PER[per](film, np.stack(vectors[number])) for number, film in enumerate(films) if number not in failed]
    return _stacked(tables), list(failed.values())


def _pictures(
    films: Sequence[Film], *, size: int, failed: dict[int, Broken]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Number of the film and its next frame, squashed, image_CHW; films that break off are noted in `failed`."""
    for number, film in enumerate(films):
        try:
            for image_HWC in film.pictures():
                squashed_HWC = cv2.resize(image_HWC, (size, size), interpolation=cv2.INTER_LINEAR)
                yield number, np.ascontiguousarray(squashed_HWC.transpose(2, 0, 1))
        except (DecodeError, PlaceError) as error:
            failed[number] = (film.path, f"{error.reason}: {error.detail}")


def _by_frame(film: Film, vectors_TD: NDArray[np.float32]) -> Rows:
    count = len(vectors_TD)
    shot_T = np.zeros(count, dtype=np.int64)
    for number, (first, length) in enumerate(film.spans()):
        shot_T[first : first + length] = number
    columns: dict[str, NDArray[Any]] = {"path": _named(film, count), "frame": np.arange(count), "shot": shot_T}
    if (seconds := film.seconds()) is not None:
        columns["seconds"] = np.array(seconds, dtype=np.float64)
    return Rows(columns=columns, vectors_RD=vectors_TD)


def _by_shot(film: Film, vectors_TD: NDArray[np.float32]) -> Rows:
    spans = film.spans()
    columns = {
        "path": _named(film, len(spans)),
        "shot": np.arange(len(spans)),
        "first": np.array([first for first, _ in spans], dtype=np.int64),
        "frames": np.array([length for _, length in spans], dtype=np.int64),
    }
    means = [_mean(vectors_TD[first : first + length]) for first, length in spans]
    return Rows(columns=columns, vectors_RD=np.stack(means))


def _by_video(film: Film, vectors_TD: NDArray[np.float32]) -> Rows:
    columns = {"path": _named(film, 1), "frames": np.array([len(vectors_TD)])}
    return Rows(columns=columns, vectors_RD=_mean(vectors_TD)[None])


_PER = {"frame": _by_frame, "shot": _by_shot, "video": _by_video}


def _mean(vectors_TD: NDArray[np.float32]) -> NDArray[np.float32]:
    """Summed in float64, so that the order of batches does not matter."""
    return np.asarray(vectors_TD.mean(axis=0, dtype=np.float64), dtype=np.float32)


def _named(film: Film, count: int) -> NDArray[Any]:
    return np.full(count, film.path)


def _stacked(tables: Sequence[Rows]) -> Rows:
    if not tables:
        return Rows(columns={}, vectors_RD=joined([]))
    columns = {name: np.concatenate([each.columns[name] for each in tables]) for name in tables[0].columns}
    return Rows(columns=columns, vectors_RD=joined([each.vectors_RD for each in tables]))
