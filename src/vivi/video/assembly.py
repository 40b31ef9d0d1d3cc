"""The parent's side of an ingest: hand out videos, take note of what became of each, pack what is ready."""

import dataclasses
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import dump
from vivi.core.errors import DiskFullError, ViviError
from vivi.core.work import End, Outcome, Unit
from vivi.data.store.format import Skip, printable, video_key
from vivi.data.store.parts import Parts
from vivi.data.store.writer import Packer, finish, write_skipped
from vivi.video.settings import IngestSettings
from vivi.video.sources import Listing

_BYTES_A_SECOND = 1_000_000
"""The longer a file, the more time it has, at this rate; decoding is some tens of times faster."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is."""

    total: int
    """Files that are tried."""
    before: int
    """Of these, done by earlier runs of the same command."""
    stored: int = 0
    """Videos stored by this run."""
    skipped: int = 0
    """Files skipped by this run."""
    frames: int = 0
    """Frames stored by this run."""
    seconds: float = 0.0
    """Length of the videos stored by this run."""

    @property
    def done(self) -> int:
        """Files that need no more work."""
        return self.before + self.stored + self.skipped


class Assembly:
    """A store in the making. Videos are done in any order and packed in the order of their paths."""

    def __init__(self, out: Path, listing: Listing, settings: IngestSettings) -> None:
        self._out = out
        self._settings = settings
        self._listing = listing
        self._parts = Parts(out)
        self._packer = Packer(out, shard_bytes=settings.shard_mebibytes << 20)
        self._skipped = list(listing.skipped)
        self._todo = [each for each in listing.candidates if not self._is_done(each.key)]
        self._unpacked = deque(each.key for each in listing.candidates if each.key not in self._packer.packed)
        total = len(listing.candidates)
        self.progress = Progress(total=total, before=total - len(self._todo))

    def units(self, *, patience: float) -> Iterator[Unit]:
        """The videos that are not done yet; arguments are those of `vivi.video.part.make_part`."""
        shared = {"store": str(self._out), "settings": dump(self._settings)}
        for each in self._todo:
            argument = shared | {"path": each.path, "file": str(each.file), "bytes": each.bytes}
            yield Unit(each.path, argument, patience + each.bytes / _BYTES_A_SECOND)

    def settle(self, outcome: Outcome) -> None:
        """Take note of what became of a video, and pack what can be packed.

        Raises:
            ViviError: an error that concerns the whole run.
        """
        argument, value = outcome.unit.argument, outcome.value
        if outcome.end is not End.DONE:
            reason = "timeout" if outcome.end is End.TIMEOUT else "crashed"
            skip = Skip(printable(argument["path"]), reason, printable(outcome.detail), argument["bytes"])
            self._parts.write_record(video_key(argument["path"]), skip)
            value = {"skipped": reason}
        if "stop" in value:
            raise DiskFullError(value["stop"]) if value["disk_full"] else ViviError(value["stop"])
        self._count(value)
        self.pack()

    def pack(self) -> None:
        """Give the packer the videos that are next in order, as far as they are done."""
        while self._unpacked:
            result = self._parts.read_record(self._unpacked[0])
            if result is None:
                return
            if isinstance(result, Skip):
                self._skipped.append(result)
            else:
                self._packer.add(result)
            self._unpacked.popleft()

    def finish(self) -> bool:
        """Complete the store; without any video only skipped.csv is written, and the answer is no."""
        self.pack()
        self._packer.flush()
        skipped = sorted(self._skipped, key=lambda each: each.path)
        if not self._packer.packed:
            write_skipped(self._out, skipped)
            return False
        settings = self._settings
        finish(self._packer, skipped=skipped, fps=settings.fps, short_side=settings.short_side, settings=dump(settings))
        return True

    def _is_done(self, key: str) -> bool:
        return key in self._packer.packed or self._parts.record(key).exists()

    def _count(self, value: dict[str, Any]) -> None:
        now = self.progress
        if "skipped" in value:
            self.progress = dataclasses.replace(now, skipped=now.skipped + 1)
        else:
            frames, seconds = now.frames + value["frames"], now.seconds + value["seconds"]
            self.progress = dataclasses.replace(now, stored=now.stored + 1, frames=frames, seconds=seconds)
