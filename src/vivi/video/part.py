"""One video from its file to its part of a store: decode, find shots, encode, write. Runs in a worker process.

The argument of a unit is JSON:

    store, scratch     folders
    path, place, bytes the candidate, see `vivi.video.listing`
    settings           dumped
    work               "whole"; or "piece" with span, and "join" with spans, see `vivi.video.pieces`
    pieces             with "whole": do not do a long video, but say into which pieces it falls, so many at most
    piece_seconds      how long a piece is at least
"""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import load
from vivi.core.errors import DiskFullError, ViviError
from vivi.core.files import disk_full_named
from vivi.data.store import format as layout
from vivi.data.store.format import Skip, VideoRecord, printable, video_key
from vivi.data.store.parts import Parts
from vivi.video.container import DecodeError, SourceInfo
from vivi.video.cuts import CutsError, NotNamedError
from vivi.video.decode import VideoFrames
from vivi.video.encoding import Seen, encoded
from vivi.video.pieces import IndivisibleError, PieceFrames, Pieces, spans_of
from vivi.video.places import PlaceError, place_from
from vivi.video.settings import IngestSettings
from vivi.video.shots import ShotMethod


def make_part(argument: dict[str, Any]) -> dict[str, Any]:
    """The unit of work: write the part of one video, or the reason why it has none; or a piece of it.

    Args:
        argument: see the top of this file.

    Returns:
        frames, seconds and bytes stored, or skipped; or spans of the pieces; or nothing for a piece, indivisible where
        pieces do not do; or stop, the text of an error that concerns the whole run.
    """
    store = Path(argument["store"])
    if not (store / layout.JOB).exists():
        where = f"machine {socket.gethostname()} does not see {store}"
        return {"stop": f"{where}: all machines have to share this folder", "disk_full": False}
    try:
        with disk_full_named(store):
            return _WORK[argument["work"]](_Work.of(argument))
    except ViviError as error:
        return {"stop": str(error), "disk_full": isinstance(error, DiskFullError)}
    except IndivisibleError:
        return {"indivisible": True}
    except OSError as error:
        if not str(error.filename).startswith(str(store)):
            raise
        return {"stop": f"cannot write in {store} ({error}): check that folder", "disk_full": False}


@dataclass(frozen=True, slots=True)
class _Work:
    argument: dict[str, Any]
    settings: IngestSettings
    path: str
    key: str
    parts: Parts
    pieces: Pieces

    @classmethod
    def of(cls, argument: dict[str, Any]) -> "_Work":
        store, key = Path(argument["store"]), video_key(argument["path"])
        settings = load(argument["settings"], IngestSettings)
        return cls(argument, settings, argument["path"], key, Parts(store), Pieces(store, key))

    def record(
        self, info: SourceInfo, jpegs: Iterable[bytes], *, seen: Seen, shots: ShotMethod, size: int
    ) -> VideoRecord:
        """Write the frames, whose `jpegs` fill `seen`, and say all that there is to say of the video."""
        frame_bytes, frame_crc32 = self.parts.write_frames(self.key, jpegs)
        return VideoRecord(
            path=printable(self.path),
            key=self.key,
            bytes=size,
            container=info.container,
            codec=info.codec,
            seconds=round(info.seconds, 3),
            source_fps=round(info.fps, 3),
            source_width=info.width,
            source_height=info.height,
            width=seen.width,
            height=seen.height,
            shots=shots.spans(seen.signatures, seconds=seen.seconds, video=self.path),
            frame_bytes=frame_bytes,
            frame_crc32=frame_crc32,
        )

    def finish(self, result: VideoRecord | Skip) -> dict[str, Any]:
        """Write down what became of the video."""
        self.parts.write_record(self.key, result)
        if isinstance(result, Skip):
            return {"skipped": result.reason}
        return {"frames": len(result.frame_bytes), "seconds": result.seconds, "bytes": sum(result.frame_bytes)}


def _whole(work: _Work) -> dict[str, Any]:
    path, size = printable(work.path), work.argument["bytes"]
    try:
        with place_from(work.argument["place"]).fetched(Path(work.argument["scratch"]), key=work.key) as file:
            size = size or file.stat().st_size
            frames = work.settings.frames_of(file)
            if spans := spans_of(frames, most=work.argument["pieces"], seconds=work.argument["piece_seconds"]):
                return {"spans": spans}
            shots, seen = work.settings.shots.of_video(file, video=work.path), Seen()
            jpegs = encoded(frames, quality=work.settings.quality, shots=shots, seen=seen)
            return work.finish(work.record(frames.info, jpegs, seen=seen, shots=shots, size=size))
    except DecodeError as error:
        return work.finish(Skip(path, error.reason, error.detail, size))
    except PlaceError as error:
        return work.finish(Skip(path, error.reason, printable(error.detail), size))
    except NotNamedError as error:
        return work.finish(Skip(path, "no known cuts", printable(str(error)), size))
    except MemoryError:
        detail = "decoding it needs more memory than a worker may have"
        return work.finish(Skip(path, "too large", detail, size))


def _piece(work: _Work) -> dict[str, Any]:
    first, end = work.argument["span"]
    if not work.pieces.is_there((first, end)):
        frames = PieceFrames(_divisible(work), (first, end))
        shots, seen = work.settings.shots, Seen()
        jpegs = encoded(frames, quality=work.settings.quality, shots=shots, seen=seen)
        work.pieces.write((first, end), jpegs, seen=seen, frames=frames)
    return {}


def _join(work: _Work) -> dict[str, Any]:
    """Do with the pieces what `_whole` does with the video; whatever fails here is left to it to judge."""
    seen, frames = Seen(), _divisible(work)
    jpegs = work.pieces.read([(first, end) for first, end in work.argument["spans"]], seen=seen, frames=frames)
    try:
        shots = work.settings.shots.of_video(frames.path, video=work.path)
        record = work.record(frames.info, jpegs, seen=seen, shots=shots, size=work.argument["bytes"])
    except (DecodeError, CutsError) as error:
        raise IndivisibleError from error
    return work.finish(record)


def _divisible(work: _Work) -> VideoFrames:
    try:
        with place_from(work.argument["place"]).fetched(Path(work.argument["scratch"]), key=work.key) as file:
            frames = work.settings.frames_of(file)
    except (DecodeError, PlaceError) as error:
        raise IndivisibleError from error
    if not isinstance(frames, VideoFrames) or frames.whole:
        raise IndivisibleError
    return frames


_WORK: dict[str, Callable[[_Work], dict[str, Any]]] = {"whole": _whole, "piece": _piece, "join": _join}
