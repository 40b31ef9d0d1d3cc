"""One video from its file to its part of a store: decode, find shots, encode, write. Runs in a worker process."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import simplejpeg

from vivi.core.config import load
from vivi.core.errors import DiskFullError, ViviError
from vivi.core.files import disk_full_named
from vivi.data.store.format import Skip, VideoRecord, printable, video_key
from vivi.data.store.parts import Parts
from vivi.video.container import DecodeError
from vivi.video.cuts import CutsError
from vivi.video.decode import VideoFrames, sample_frames
from vivi.video.settings import IngestSettings
from vivi.video.shots import Signature


def make_part(argument: dict[str, Any]) -> dict[str, Any]:
    """The unit of work: write the part of one video, or the reason why it has none.

    Args:
        argument: store, path (relative), file, bytes (size of the file), settings (dumped).

    Returns:
        frames and seconds stored, or skipped; or stop, the text of an error that concerns the whole run.
    """
    store = Path(argument["store"])
    parts, key = Parts(store), video_key(argument["path"])
    try:
        with disk_full_named(store):
            result = _record_or_skip(argument, parts, key)
            parts.write_record(key, result)
    except ViviError as error:
        return {"stop": str(error), "disk_full": isinstance(error, DiskFullError)}
    except OSError as error:
        if not str(error.filename).startswith(str(store)):
            raise
        return {"stop": f"cannot write in {store} ({error}): check that folder", "disk_full": False}
    if isinstance(result, Skip):
        return {"skipped": result.reason}
    return {"frames": len(result.frame_bytes), "seconds": result.seconds}


def _record_or_skip(argument: dict[str, Any], parts: Parts, key: str) -> VideoRecord | Skip:
    path, size = argument["path"], argument["bytes"]
    try:
        return _record(argument, parts, key)
    except DecodeError as error:
        return Skip(printable(path), error.reason, error.detail, size)
    except CutsError as error:
        return Skip(printable(path), "no known cuts", printable(str(error)), size)
    except MemoryError:
        return Skip(printable(path), "too large", "decoding it needs more memory than a worker may have", size)


def _record(argument: dict[str, Any], parts: Parts, key: str) -> VideoRecord:
    path = argument["path"]
    settings = load(argument["settings"], IngestSettings)
    frames = sample_frames(Path(argument["file"]), fps=settings.fps, short_side=settings.short_side)
    seen = _Seen()
    frame_bytes, frame_crc32 = parts.write_frames(key, _encode(frames, settings, seen))
    return VideoRecord(
        path=printable(path),
        key=key,
        bytes=argument["bytes"],
        container=frames.info.container,
        codec=frames.info.codec,
        seconds=round(frames.info.seconds, 3),
        source_fps=round(frames.info.fps, 3),
        source_width=frames.info.width,
        source_height=frames.info.height,
        width=seen.width,
        height=seen.height,
        shots=settings.shots.spans(seen.signatures, seconds=seen.seconds, video=path),
        frame_bytes=frame_bytes,
        frame_crc32=frame_crc32,
    )


@dataclass
class _Seen:
    """What remains of the frames that went by."""

    signatures: list[Signature] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    height: int = 0
    width: int = 0


def _encode(frames: VideoFrames, settings: IngestSettings, seen: _Seen) -> Iterator[bytes]:
    for second, image_HWC in frames:
        seen.signatures.append(settings.shots.signature(image_HWC))
        seen.seconds.append(second)
        seen.height, seen.width = image_HWC.shape[:2]
        yield simplejpeg.encode_jpeg(image_HWC, quality=settings.quality, colorspace="RGB", colorsubsampling="420")
