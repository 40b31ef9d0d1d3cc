"""Opening a video file safely: no other file is read, no bomb decoded, every refusal has a reason.

The file is handed to FFmpeg as an open file under a neutral name, so no name (`-rf`, `concat:x`, `%d`, newlines) has a
meaning, and every demuxer that would open another file or address (playlists, references) is refused by an empty list
of protocols. Probing decodes nothing and knows the limit of pixels, so that a picture of 16384 x 8704 costs no memory.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from vivi.core.errors import ViviError

Reason = Literal[
    "unreadable",
    "empty",
    "not a video",
    "no video stream",
    "no decoder",
    "encrypted",
    "too large",
    "zero duration",
    "no frames",
    "truncated",
    "corrupt",
    "changed",
]
"""Why a file gives no frames; the fixed set that `skipped.csv` uses."""

MAX_PIXELS = 8192 * 4352
"""Of a picture, 8K and a little more."""
MAX_STREAMS = 64
"""Of a file, of all kinds together."""
_STILL = {"image2", "image2pipe", "ico", "tty", "fits", "bin", "xbin", "adf", "idf", "txd", "alias_pix", "brender_pix"}
_LISTS = {"concat", "hls", "dash", "imf", "sdp", "rtsp", "rtp", "lavfi", "sap", "webm_dash_manifest"}
_BEGINNINGS = (b"\x1aE\xdf\xa3", b"FLV\x01", b"OggS", b"RIFF", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x00\x00\x01\xba")
"""Of Matroska, FLV, Ogg, AVI, ASF and MPEG program streams."""
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"styp")
"""With one of these MP4 and QuickTime files begin, behind four bytes of length."""
_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!")
"""With one of these gzip, ZIP, Zstandard, bzip2, xz, 7-Zip and RAR files begin."""
_BUFFER = 1 << 18


class DecodeError(ViviError):
    """A file that gives no frames: `reason` is one of the fixed set, the text is one line."""

    def __init__(self, path: Path, reason: Reason, detail: str) -> None:
        super().__init__(path, reason, detail)
        self.path = path
        self.reason: Reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{str(self.path)!r}: {self.reason}: {self.detail}"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the container says of its video."""

    codec: str
    container: str
    """FFmpeg's name of the format, for example "mov,mp4,m4a,3gp,3g2,mj2"."""
    width: int
    """Of the coded picture, before rotation, in pixels."""
    height: int
    seconds: float
    """From the first frame to the end of the last one."""
    fps: float
    """Frames of the file divided by seconds."""


class FileState(NamedTuple):
    """What tells one content of a file from another without reading it."""

    device: int
    inode: int
    bytes: int
    changed: int
    """Time of the last change, in nanoseconds."""

    @classmethod
    def of(cls, handle: int) -> "FileState":
        """Of an open file."""
        status = os.fstat(handle)
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """An open file and its video stream."""

    container: InputContainer
    stream: VideoStream
    max_pixels: int
    state: FileState
    """Of the file when it was opened."""

    @property
    def format(self) -> str:
        """The first of FFmpeg's names of the container format, for example "mov" or "matroska"."""
        return self.container.format.name.split(",")[0]

    def packets(self, *, of_all_streams: bool = False) -> Iterator["Packet[Stream]"]:
        """The packets that hold data, in the order of the file; those of the video, or of all streams."""
        streams: list[Stream] = list(self.container.streams) if of_all_streams else [self.stream]
        try:
            for packet in self.container.demux(streams):
                if packet.size:
                    yield packet
        except IndexError:
            # PyAV ends so where a stream begins in the middle of a file; everything was read by then.
            return


@contextmanager
def open_video(path: Path, *, max_pixels: int = MAX_PIXELS, probe_only: bool = False) -> Iterator[OpenVideo]:
    """Open the video stream of a local file, until the end of the block.

    Args:
        path: a regular file, whatever its name; no link (one may have been put there since the folder was searched).
        max_pixels: refuse larger pictures; checked before anything is decoded.
        probe_only: decode nothing while probing (the stream is then good for reading timestamps).

    Raises:
        DecodeError: the file is unreadable, empty, no video, without a video stream, encrypted or too large; or at the
            end of the block, instead of any other of these errors: "changed", if its bytes were changed meanwhile.
    """
    options = {"protocol_whitelist": "none", "max_pixels": str(max_pixels), "max_streams": str(MAX_STREAMS + 1)} | (
        {"skip_frame": "all"} if probe_only else {}
    )
    with _regular_file(path) as (handle, state), open(handle, "rb", buffering=0, closefd=False) as raw:
        file = _Nameless(raw, suffix=path.suffix)
        try:
            container = av.open(file, mode="r", options=options, buffer_size=_BUFFER, metadata_errors="replace")
        except MemoryError as error:
            raise DecodeError(path, "too large", "it has more streams or needs more memory than is allowed") from error
        except PermissionError as error:
            raise DecodeError(path, "not a video", "it points to other files: give those instead") from error
        except (av.FFmpegError, ValueError, OSError) as error:
            raise DecodeError(path, *_why_not_open(os.pread(handle, 16, 0), error)) from error
        with container:
            yield OpenVideo(container, _video_stream(container, path, max_pixels), max_pixels, state)


class _Nameless:
    """A readable, seekable file that shows FFmpeg no more of its name than a plain extension."""

    def __init__(self, raw: object, *, suffix: str) -> None:
        self.read, self.seek, self.tell = raw.read, raw.seek, raw.tell  # type: ignore[attr-defined]
        extension = suffix[1:].lower()
        self.name = f"video.{extension}" if extension.isascii() and extension.isalnum() else "video"


def check_unchanged(path: Path, *, before: FileState, now: FileState) -> None:
    """See that a file is still the one that it was.

    Raises:
        DecodeError: "changed".
    """
    if now != before:
        raise DecodeError(path, "changed", "the file was changed or replaced while it was read: try again later")


@contextmanager
def _regular_file(path: Path) -> Iterator[tuple[int, FileState]]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW)
    except (OSError, ValueError) as error:
        is_link = getattr(error, "errno", None) == errno.ELOOP
        why = "it is a symbolic link" if is_link else getattr(error, "strerror", None) or str(error)
        raise DecodeError(path, "unreadable", why) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise DecodeError(path, "unreadable", "it is no regular file")
        if status.st_size == 0:
            raise DecodeError(path, "empty", "the file has 0 bytes")
        state = FileState.of(handle)
        try:
            yield handle, state
        except DecodeError:
            check_unchanged(path, before=state, now=FileState.of(handle))
            raise
        check_unchanged(path, before=state, now=FileState.of(handle))
    finally:
        os.close(handle)


def _video_stream(container: InputContainer, path: Path, max_pixels: int) -> VideoStream:
    name = container.format.name
    if name in _STILL or name.endswith("_pipe"):
        raise DecodeError(path, "not a video", f"it is a still picture or text ({name})")
    if name.split(",")[0] in _LISTS:
        raise DecodeError(path, "not a video", f"it is a list that points to other files ({name}): give those instead")
    if len(container.streams) > MAX_STREAMS:
        raise DecodeError(path, "too large", f"{len(container.streams)} streams, at most {MAX_STREAMS} are read")
    streams = [each for each in container.streams.video if not each.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        raise DecodeError(path, "no video stream", f"it holds {_kinds(container)} only")
    stream = streams[0]
    if stream.codec_context is None:
        raise DecodeError(path, "no decoder", "its video is in a format that this FFmpeg does not decode")
    if stream.width * stream.height > max_pixels:
        raise DecodeError(
            path, "too large", f"{stream.width} x {stream.height}, at most {max_pixels} pixels are decoded"
        )
    if "enc_key_id" in stream.metadata:
        raise DecodeError(path, "encrypted", "its video is encrypted")
    return stream


def _kinds(container: InputContainer) -> str:
    return " and ".join(sorted({stream.type for stream in container.streams})) or "no stream at all,"


def _why_not_open(head: bytes, error: Exception) -> tuple[Reason, str]:
    """A file that begins like a video and cannot be opened is damaged; all others are none."""
    if head.startswith(_BEGINNINGS) or head[4:8] in _BOXES:
        return "corrupt", "it begins like a video and has no usable index: probably it was cut off"
    if head.startswith(_PACKED):
        return "not a video", "it is a compressed archive: unpack it, or make an uncompressed .tar of it"
    text = getattr(error, "strerror", None) or str(error)
    return "not a video", " ".join(text.split())
