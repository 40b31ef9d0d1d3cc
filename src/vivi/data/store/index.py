"""The index of a store: written in one pass with little memory, read as mapped files, its numbers checked.

What decides which frames a sample shows (videos, shots, where each video lies) is compared with its sha256 whenever a
store is opened. The three arrays with an entry for every frame are so too up to `HASHED` bytes; above that only by
`vivi store verify`, because whatever is wrong in them shows when a frame is read: it does not match its checksum.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import StoreError
from vivi.core.files import atomic_file, sha256_file
from vivi.data.store import format as layout
from vivi.data.store.manifest import AGAIN, Manifest

Index = dict[str, NDArray[Any]]

HASHED = 1 << 30
"""Bytes of a frame array up to which it is compared with its sha256 when a store is opened."""
LENGTHS = ("video_start", "frame_start", "video_line")
"""Arrays that count from the start; `IndexWriter` takes how many there are of each video instead."""
_FRAMES = ("frame_offset", "frame_bytes", "frame_crc32")
_LARGEST_SIDE = 65_535
_VIDEOS_AT_ONCE = 1 << 16


class IndexWriter:
    """Writes the index arrays and videos.jsonl; all of them appear when the `with` block ends without an error."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._stack = ExitStack()
        self._files: dict[str, BinaryIO] = {}
        self._ends = dict.fromkeys(LENGTHS, 0)
        self._counts = dict.fromkeys(layout.INDEX, 0)

    def __enter__(self) -> "IndexWriter":
        """Open the files."""
        for name in layout.INDEX:
            file = self._stack.enter_context(atomic_file(self._store / layout.index_name(name)))
            file.write(bytes(layout.HEADER))
            self._files[name] = file
        self._lines = self._stack.enter_context(atomic_file(self._store / layout.VIDEOS))
        for name in LENGTHS:
            self._append(name, np.zeros(1, dtype=np.int64))
        return self

    def __exit__(self, *error: Any) -> None:
        """Write the headers and let the files appear, or nothing of them after an error."""
        if error[0] is None:
            for name, file in self._files.items():
                file.seek(0)
                file.write(layout.array_header(name, self._counts[name]))
        self._stack.__exit__(*error)

    def add(self, columns: Index) -> None:
        """Append videos.

        Args:
            columns: the entries of these videos in every array, with lengths instead of starts for `LENGTHS`.
        """
        for name, values in columns.items():
            if name in LENGTHS:
                ends = self._ends[name] + np.cumsum(values, dtype=np.int64)
                self._ends[name] = int(ends[-1]) if len(ends) else self._ends[name]
                self._append(name, ends)
            else:
                self._append(name, values)

    def add_lines(self, lines: bytes) -> None:
        """Append to videos.jsonl."""
        self._lines.write(lines)

    @property
    def counts(self) -> dict[str, int]:
        """Videos, shots and frames so far, by their name in the manifest."""
        arrays = {"num_videos": "height", "num_shots": "shot_first", "num_frames": "frame_bytes"}
        return {name: self._counts[array] for name, array in arrays.items()}

    def _append(self, name: str, values: Any) -> None:
        plain = np.ascontiguousarray(values, dtype=np.dtype(layout.INDEX[name]).newbyteorder("<"))
        self._files[name].write(plain.data)
        self._counts[name] += len(plain)


def read_index(path: Path, manifest: Manifest) -> Index:
    """The arrays of the store at `path` as mapped files.

    Raises:
        StoreError: one is damaged, or they do not agree with one another; the text names the file.
    """
    index = {array: _read_array(path, array, length, manifest) for array, length in _lengths(manifest).items()}
    _check_starts(path, index, manifest)
    _check_videos(path, index, manifest)
    _check_shots(path, index)
    return index


def _read_array(path: Path, array: str, length: int, manifest: Manifest) -> NDArray[Any]:
    name, dtype = layout.index_name(array), np.dtype(layout.INDEX[array]).newbyteorder("<")
    file, entry = path / name, manifest.lists[name]
    entries = (entry.bytes - layout.HEADER) / dtype.itemsize
    if entries != length:
        raise StoreError(f"{file} has {entries:g} entries instead of {length}: {AGAIN}")
    if (array not in _FRAMES or entry.bytes <= HASHED) and sha256_file(file) != entry.sha256:
        raise StoreError(f"{file} is damaged (its sha256 is not the recorded one): {AGAIN}")
    with file.open("rb") as opened:
        header = opened.read(layout.HEADER)
    if header != layout.array_header(array, length):
        raise StoreError(f"{file} is damaged (not the header of {length} numbers {dtype.str}): {AGAIN}")
    return np.asarray(np.memmap(file, dtype=dtype, mode="r", offset=layout.HEADER, shape=(length,)))


def _lengths(manifest: Manifest) -> dict[str, int]:
    videos, shots, frames = manifest.info.num_videos, manifest.info.num_shots, manifest.info.num_frames
    lengths = dict.fromkeys(layout.INDEX, videos) | dict.fromkeys(LENGTHS, videos + 1)
    return lengths | dict.fromkeys(("shot_first", "shot_length"), shots) | dict.fromkeys(_FRAMES, frames)


def _check_starts(path: Path, index: Index, manifest: Manifest) -> None:
    """Starts begin with 0, never fall, and end with how many there are."""
    totals = (manifest.info.num_shots, manifest.info.num_frames, manifest.lists[layout.VIDEOS].bytes)
    for array, total in zip(LENGTHS, totals, strict=True):
        starts = index[array]
        if starts[0] != 0 or starts[-1] != total or (starts[1:] < starts[:-1]).any():
            raise StoreError(f"{path / layout.index_name(array)} is damaged (not a rise from 0 to {total}): {AGAIN}")


def _check_videos(path: Path, index: Index, manifest: Manifest) -> None:
    limits = {"video_shard": (0, len(manifest.shards) - 1), "height": (1, _LARGEST_SIDE), "width": (1, _LARGEST_SIDE)}
    for array, (low, high) in limits.items():
        values = index[array]
        if len(values) and (values.min() < low or values.max() > high):
            raise StoreError(f"{path / layout.index_name(array)} is damaged (not all in {low} to {high}): {AGAIN}")


def _check_shots(path: Path, index: Index) -> None:
    """Every shot has frames, all of them of its own video."""
    shot_start, frame_start = index["video_start"], index["frame_start"]
    for begin in range(0, len(shot_start) - 1, _VIDEOS_AT_ONCE):
        videos = slice(begin, begin + _VIDEOS_AT_ONCE + 1)
        shots = slice(shot_start[videos][0], shot_start[videos][-1])
        first, length = index["shot_first"][shots], index["shot_length"][shots]
        frames = np.repeat(np.diff(frame_start[videos]), np.diff(shot_start[videos]))
        if (first < 0).any() or (length < 1).any() or (length > frames - first).any():
            name = path / layout.index_name("shot_first")
            raise StoreError(f"{name} and shot_length.npy are damaged (a shot leaves its video): {AGAIN}")
