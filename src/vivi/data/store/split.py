"""Some of a store's videos as a store of their own: as if only these had been ingested.

A share is decided by the key of a video, the hash of its path: the first 16 hexadecimal digits, read as a fraction of
2**64. So a video is always on the same side, in whatever store, and however many others there are.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ConfigError, StoreError
from vivi.core.files import atomic_file, crash_point, read_text, sha256_file
from vivi.data.store import format as layout
from vivi.data.store.format import Skip, video_key
from vivi.data.store.index import Index, IndexWriter
from vivi.data.store.lines import video_lines
from vivi.data.store.making import making
from vivi.data.store.manifest import AGAIN, FileEntry
from vivi.data.store.reader import ShotStore
from vivi.data.store.region import Region, region_of
from vivi.data.store.skipped import read_skipped, write_skipped
from vivi.data.store.writer import write_manifest

_NAMED = 3
_SHARD_MEBIBYTES = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """Some videos of a store, and some of its skipped inputs."""

    videos: NDArray[np.int64]
    """Their numbers, ascending."""
    skipped: tuple[Skip, ...]


def fraction(key: str) -> float:
    """Where a video stands, 0 <= fraction < 1, by its key.

    Raises:
        ValueError: not 16 hexadecimal digits.
    """
    if len(key) != 16:
        raise ValueError(f"not a key: {key!r}")
    return (int(key, 16) >> 11) / (1 << 53)


def parsed_share(text: str) -> tuple[float, float]:
    """The two ends of a share: "0.1" is 0 to 0.1, "0.1:0.3" is 0.1 to 0.3.

    Raises:
        ConfigError: neither.
    """
    try:
        numbers = [float(each) for each in text.split(":")]
        low, high = numbers if len(numbers) > 1 else (0.0, *numbers)
    except ValueError as error:
        raise ConfigError(f"--share {text}: must be a number such as 0.1, or two such as 0.1:0.3") from error
    return low, high


def by_share(store: ShotStore, *, low: float, high: float) -> tuple[Selection, Selection]:
    """The videos whose `fraction` lies in low <= fraction < high, and the others.

    Raises:
        StoreError: not 0 <= low < high <= 1.
    """
    if not 0 <= low < high <= 1:
        raise StoreError(f"a share from {low:g} to {high:g}: both must lie in 0 to 1, the second above the first")

    def is_chosen(path: str, key: str) -> bool:  # noqa: ARG001
        return low <= fraction(key) < high

    return _parted(store, is_chosen)


def by_list(store: ShotStore, *, file: Path) -> tuple[Selection, Selection]:
    """The videos that a text file names, a path a line as videos.jsonl has it, and the others.

    Raises:
        StoreError: the file names an input that the store does not know.
        ViviError: the file cannot be read.
    """
    wanted = {line for line in read_text(file).splitlines() if line}
    found: set[str] = set()

    def is_chosen(path: str, key: str) -> bool:  # noqa: ARG001
        if path in wanted:
            found.add(path)
        return path in wanted

    parted = _parted(store, is_chosen)
    if unknown := sorted(wanted - found):
        named = ", ".join(map(repr, unknown[:_NAMED]))
        raise StoreError(f"{file} names {len(unknown)} that {store.where} does not have ({named}): correct the list")
    return parted


def extract(
    store: ShotStore, selection: Selection, *, out: Path, progress: Callable[[int, int], None] = lambda *_: None
) -> ShotStore:
    """Make the store `out` of some videos of `store`, or go on making it; every frame is checked on its way.

    Args:
        store: in a folder or remote.
        selection: at least one video.
        out: a folder that is missing, empty, or was begun by the same call.
        progress: called with the videos that are written, and all.

    Raises:
        StoreError: no video; `store` is damaged; `out` holds something else.
        DiskFullError: the same call goes on when there is space.
    """
    if not len(selection.videos):
        raise StoreError(f"{out} would have no videos: choose others of {store.where}")
    chosen = hashlib.sha256(selection.videos.tobytes() + repr(selection.skipped).encode()).hexdigest()
    with making(out, {"split": store.manifest.digest, "selection": chosen}) as needed:
        if needed:
            _write(store, selection, out, progress)
    return ShotStore.open(out)


def _parted(store: ShotStore, is_chosen: Callable[[str, str], bool]) -> tuple[Selection, Selection]:
    store.check_lists()
    try:
        lines = video_lines(store.path)
        chosen = np.fromiter((is_chosen(line["path"], line["key"]) for line in lines), dtype=np.bool_)
    except ValueError as error:
        raise StoreError(f"{store.path / layout.VIDEOS} is damaged ({error}): {AGAIN}") from error
    if len(chosen) != store.info.num_videos:
        raise StoreError(f"{store.path / layout.VIDEOS} has {len(chosen)} lines, not one for each video: {AGAIN}")
    skips = [(skip, is_chosen(skip.path, video_key(skip.path))) for skip in read_skipped(store.path)]
    return (
        Selection(np.flatnonzero(chosen), tuple(skip for skip, inside in skips if inside)),
        Selection(np.flatnonzero(~chosen), tuple(skip for skip, inside in skips if not inside)),
    )


def _write(store: ShotStore, selection: Selection, out: Path, progress: Callable[[int, int], None]) -> None:
    entries: list[FileEntry] = []
    done, seconds = 0, 0.0
    with IndexWriter(out) as index:
        for regions in _shards(store, selection.videos):
            number = len(entries)
            entries.append(_write_shard(out / layout.shard_name(number), regions))
            index.add(_columns(store, number, regions))
            index.add_lines(b"".join(region.line for region in regions))
            seconds += sum(region.seconds for region in regions)
            done += len(regions)
            progress(done, len(selection.videos))
            crash_point(f"split-{number}")
    write_skipped(out, list(selection.skipped))
    info = {"fps": store.info.fps, "short_side": store.info.short_side, **index.counts}
    rest = {"num_skipped": len(selection.skipped), "seconds": round(seconds, 3), "settings": store.info.settings}
    write_manifest(out, info | rest, shards=entries)


def _shards(store: ShotStore, videos: NDArray[np.int64]) -> Iterator[list[Region]]:
    """The videos in groups of at most a shard, as an ingest packs them."""
    settings = store.info.settings
    mebibytes = settings.get("shard_mebibytes") if isinstance(settings, dict) else None
    limit = (mebibytes if isinstance(mebibytes, int) and mebibytes > 0 else _SHARD_MEBIBYTES) << 20
    waiting: list[Region] = []
    size = 0
    for video in videos.tolist():
        region = region_of(store, video)
        if waiting and size + region.size > limit:
            yield waiting
            waiting, size = [], 0
        waiting.append(region)
        size += region.size
    if waiting:
        yield waiting


def _write_shard(path: Path, regions: Sequence[Region]) -> FileEntry:
    """Write a shard, unless it is there: then it is whole, because files appear whole."""
    size = sum(region.size for region in regions) + len(layout.END_OF_TAR)
    if path.exists() and path.stat().st_size == size:
        return FileEntry(size, sha256_file(path))
    digest = hashlib.sha256()
    with atomic_file(path) as file:
        for piece in _pieces(regions):
            file.write(piece)
            digest.update(piece)
    return FileEntry(size, digest.hexdigest())


def _pieces(regions: Sequence[Region]) -> Iterator[bytes]:
    for region in regions:
        yield region.description
        yield region.frames()
    yield layout.END_OF_TAR


def _columns(store: ShotStore, number: int, regions: Sequence[Region]) -> Index:
    index = store.index
    starts = np.cumsum([0, *(region.size for region in regions)])
    spans = [index["video_start"][region.video : region.video + 2].tolist() for region in regions]
    joined = {
        name: np.concatenate([region.columns[name] for region in regions]) for name in ("frame_bytes", "frame_crc32")
    }
    return joined | {
        "video_start": np.array([end - start for start, end in spans]),
        "shot_first": np.concatenate([index["shot_first"][start:end] for start, end in spans]),
        "shot_length": np.concatenate([index["shot_length"][start:end] for start, end in spans]),
        "frame_start": np.array([len(region.columns["frame_bytes"]) for region in regions]),
        "video_shard": np.full(len(regions), number),
        "video_line": np.array([len(region.line) for region in regions]),
        "height": index["height"][[region.video for region in regions]],
        "width": index["width"][[region.video for region in regions]],
        "frame_offset": np.concatenate(
            [region.columns["frame_offset"] + start for region, start in zip(regions, starts, strict=False)]
        ),
    }
