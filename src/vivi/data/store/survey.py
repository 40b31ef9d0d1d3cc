"""What a store holds, in numbers."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.data.store import format as layout
from vivi.data.store.reader import ShotStore
from vivi.data.store.skipped import read_skipped


@dataclass(frozen=True, slots=True)
class Survey:
    """Counts and sizes of a store."""

    store: str
    """Its folder or address."""
    digest: str
    """sha256 of store.json."""
    version: int
    """Of the format."""
    fps: float
    short_side: int
    videos: int
    shots: int
    frames: int
    seconds: float
    """Length of all stored videos together."""
    shards: int
    shard_bytes: int
    index_bytes: int
    """Of the arrays."""
    list_bytes: int
    """Of videos.jsonl and skipped.csv."""
    skipped: dict[str, int]
    """Inputs that are not stored by reason, the most frequent first."""
    settings: Any
    """The ingest settings as JSON values."""


def survey(path: Path | str) -> Survey:
    """Count what the store at `path` holds.

    Raises:
        StoreError: see `ShotStore.open`.
    """
    store = ShotStore.open(path)
    info, manifest = store.info, store.manifest
    reasons = Counter(skip.reason for skip in read_skipped(store.path))
    lists = sum(manifest.lists[name].bytes for name in (layout.VIDEOS, layout.SKIPPED))
    return Survey(
        store=store.where,
        digest=manifest.digest,
        version=layout.VERSION,
        fps=info.fps,
        short_side=info.short_side,
        videos=info.num_videos,
        shots=info.num_shots,
        frames=info.num_frames,
        seconds=info.seconds,
        shards=len(manifest.shards),
        shard_bytes=sum(entry.bytes for entry in manifest.shards),
        index_bytes=sum(entry.bytes for entry in manifest.lists.values()) - lists,
        list_bytes=lists,
        skipped=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        settings=info.settings,
    )
