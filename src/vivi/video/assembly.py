"""The parent's side of an ingest: hand out videos, take note of what became of each, pack what is ready."""

import dataclasses
import shutil
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import dump
from vivi.core.errors import DiskFullError, ViviError
from vivi.core.work import End, Outcome, Unit
from vivi.data.store import format as layout
from vivi.data.store.format import Skip, printable, video_key
from vivi.data.store.parts import Parts
from vivi.data.store.skipped import write_skipped
from vivi.data.store.writer import Packer, finish
from vivi.video.backlog import Backlog
from vivi.video.divided import Divided
from vivi.video.listing import Candidate, Listing
from vivi.video.pieces import PIECE_SECONDS, Pieces
from vivi.video.places import LocalFile, clear_scratch, place_values
from vivi.video.refused import Refused
from vivi.video.settings import IngestSettings

OPEN_VIDEOS = 1024
"""Of the stretch of the listing that is worked on at a time; for many workers more."""
_OPEN_A_WORKER = 32
WAITING_BYTES = 8 << 30
"""Of frames that may wait on the disk to be packed; beyond that only what is packed next is begun."""
_NEAR_A_WORKER = 4
_PIECES_A_WORKER = 2
_BYTES_A_SECOND = 1_000_000
"""The longer a file, the more time it has, at this rate; decoding is some tens of times faster."""
_UNKNOWN_BYTES = 1 << 30
"""What a file whose size is not known has, for the sake of its time."""


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


def own_scratch(out: Path, scratch: Path | None) -> Path:
    """A folder for the copies of this store alone: another ingest with the same scratch may have videos of equal names.

    On another machine, which may share the scratch folder, the same path may be another store.

    Args:
        out: the store.
        scratch: a folder that is given; None: one below the store.
    """
    if scratch is None:
        return (out / layout.WORK / "scratch").absolute()
    return (scratch / f"vivi-{video_key(f'{socket.gethostname()} {out.absolute()}')}").absolute()


class Assembly:
    """A store in the making. Videos are done in any order and packed in the order of their paths."""

    def __init__(
        self,
        out: Path,
        listing: Listing,
        settings: IngestSettings,
        *,
        workers: int,
        patience: float,
        scratch: Path | None = None,
    ) -> None:
        """Find out what is to be done.

        Args:
            out: the store.
            listing: every input.
            settings: those of the store.
            workers: units at work at a time, about.
            patience: seconds that any video may take; large files get more.
            scratch: below which workers copy what is no local file; None: below the store.
        """
        self._out, self._settings, self._listing = out, settings, listing
        self._patience, self._workers = patience, workers
        self._scratch = own_scratch(out, scratch)
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._parts = Parts(out)
        self._packer = Packer(out, shard_bytes=settings.shard_mebibytes << 20)
        self._skipped = Refused()
        self._divided = Divided()
        self._next: deque[Unit] = deque()
        self._in_flight = 0
        done = {file.stem for file in self._parts.folder.glob("*.json")}
        self._waiting_bytes = sum(self._waiting(key) for key in done)
        before = len(self._packer.packed) + len(done)
        self.progress = Progress(total=listing.num_candidates(), before=before)
        unpacked = (each for each in listing.candidates() if each.key not in self._packer.packed)
        self._backlog = Backlog(unpacked, done=done, length=max(OPEN_VIDEOS, _OPEN_A_WORKER * workers))

    def units(self) -> Iterator[Unit | None]:
        """What is to be done next, for `vivi.video.part.make_part`; None where others have to end first."""
        while True:
            unit = self._next.popleft() if self._next else self._take()
            if unit is None and not self._in_flight:
                return
            self._in_flight += unit is not None
            yield unit

    def settle(self, outcome: Outcome) -> None:
        """Take note of what became of a unit, and pack what can be packed.

        Raises:
            ViviError: an error that concerns the whole run.
        """
        self._in_flight -= 1
        argument, value = outcome.unit.argument, outcome.value or {}
        if "stop" in value:
            raise DiskFullError(value["stop"]) if value["disk_full"] else ViviError(value["stop"])
        following = self._divided.follow(outcome)
        if "spans" in value:
            following = self._divided.begin(outcome.unit, value["spans"])
        if following is not None:
            self._next.extend(following)
            return
        key = video_key(argument["path"])
        if outcome.end is not End.DONE:
            value = self._give_up(outcome, key=key)
        if argument["work"] == "join" or not argument["pieces"]:
            Pieces(self._out, key).remove()
        self._count(value)
        self._waiting_bytes += self._waiting(key)
        self._backlog.set_done(key)
        self.pack()

    def pack(self) -> None:
        """Give the packer the videos that are next in order, as far as they are done.

        Raises:
            ViviError: a part that was written is not there.
        """
        for candidate in self._backlog.pop_done():
            self._waiting_bytes -= self._waiting(candidate.key)
            result = self._parts.read_record(candidate.key)
            if result is None or result.path != printable(candidate.path):
                wrong = f"{self._parts.record(candidate.key)} is not that of {printable(candidate.path)!r}"
                raise ViviError(f"{wrong}: do all machines share this folder? Run the same command again")
            if isinstance(result, Skip):
                self._skipped.add([result])
            else:
                self._packer.add(result)

    def finish(self) -> bool:
        """Complete the store; without any video only skipped.csv is written, and the answer is no."""
        self.pack()
        self._packer.flush()
        self._skipped.add(self._listing.skipped())
        if not self._packer.packed:
            write_skipped(self._out, self._skipped)
            return False
        settings = self._settings
        finish(
            self._packer,
            skipped=self._skipped,
            fps=settings.fps,
            short_side=settings.short_side,
            settings=dump(settings),
        )
        return True

    def close(self) -> None:
        """Leave nothing open, and nothing in the scratch folder of this machine."""
        self._skipped.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _take(self) -> Unit | None:
        is_full = self._waiting_bytes > WAITING_BYTES
        near = _NEAR_A_WORKER * self._workers
        candidate = self._backlog.take_next(within=near) if is_full else self._backlog.take()
        return None if candidate is None else self._unit(candidate)

    def _unit(self, candidate: Candidate) -> Unit:
        may_be_divided = self._backlog.is_all_open and self._workers > 1 and isinstance(candidate.place, LocalFile)
        argument = {
            "store": str(self._out.absolute()),
            "scratch": str(self._scratch),
            "settings": dump(self._settings),
            "path": candidate.path,
            "place": place_values(candidate.place),
            "bytes": candidate.bytes,
            "work": "whole",
            "pieces": _PIECES_A_WORKER * self._workers if may_be_divided else 0,
            "piece_seconds": PIECE_SECONDS,
        }
        return Unit(candidate.path, argument, self._patience + (candidate.bytes or _UNKNOWN_BYTES) / _BYTES_A_SECOND)

    def _give_up(self, outcome: Outcome, *, key: str) -> dict[str, Any]:
        reason = "timeout" if outcome.end is End.TIMEOUT else "crashed"
        argument = outcome.unit.argument
        skip = Skip(printable(argument["path"]), reason, printable(outcome.detail), argument["bytes"])
        self._parts.write_record(key, skip)
        clear_scratch(self._scratch, key=key)
        return {"skipped": reason}

    def _waiting(self, key: str) -> int:
        """Bytes of the frames of a video that wait on the disk."""
        try:
            return self._parts.frames(key).stat().st_size
        except FileNotFoundError:
            return 0

    def _count(self, value: dict[str, Any]) -> None:
        now = self.progress
        if "skipped" in value:
            self.progress = dataclasses.replace(now, skipped=now.skipped + 1)
        else:
            frames, seconds = now.frames + value["frames"], now.seconds + value["seconds"]
            self.progress = dataclasses.replace(now, stored=now.stored + 1, frames=frames, seconds=seconds)
