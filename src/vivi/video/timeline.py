"""When the frames of a video are shown, read from its packets without decoding anything."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

from vivi.video.container import DecodeError, OpenVideo

MAX_PACKETS = 20_000_000
"""Of a file, of all its streams: more than a day of sound and of 60 pictures a second."""
_ANNOUNCING = {"mov", "matroska", "flv", "avi", "asf", "mxf", "nut"}
"""Containers whose header says how long they are; for the others FFmpeg derives it from what it finds."""
_ANIMATIONS = {"gif", "apng", "webp", "webp_anim", "jpegxl_anim"}
_PICTURE_BRANDS = {"avif", "heic", "heix", "mif1"}
"""Of still pictures in MP4's dress."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The packets of a video stream, in the order of the file."""

    times: tuple[int, ...]
    """Presentation times, in units of the stream's time base."""
    keys: tuple[bool, ...]
    """Whether decoding can start at the packet."""
    hidden: tuple[bool, ...]
    """Decoded but never shown (cut off by an edit list)."""
    is_exact: bool
    """Every packet has a time of its own and the first one is a key frame."""
    seconds: float
    """From the first frame to the end of the last."""


class _Mark(NamedTuple):
    pts: int | None
    dts: int | None
    duration: int
    is_key: bool
    is_hidden: bool
    is_damaged: bool


def read_timeline(video: OpenVideo, path: Path) -> Timeline:
    """Read the timestamps of a video opened by `open_video`.

    Raises:
        DecodeError: "corrupt" (it cannot be read to its end), "encrypted", "truncated" (it ends clearly before the
            time it announces), "no frames", "zero duration", "not a video" for a picture format with one picture, or
            "too large" for more packets than are read.
    """
    marks: list[_Mark] = []
    ends: dict[int, int] = {}
    own, problem, is_encrypted = video.stream.index, "", False
    try:
        for count, packet in enumerate(video.packets(of_all_streams=True)):
            if count == MAX_PACKETS:
                raise DecodeError(path, "too large", f"it has more than {MAX_PACKETS} packets")
            index, pts, dts, duration = packet.stream_index, packet.pts, packet.dts, packet.duration or 0
            if index == own:
                is_encrypted = is_encrypted or (not marks and packet.has_sidedata("encryption_info"))
                marks.append(_Mark(pts, dts, duration, packet.is_keyframe, packet.is_discard, packet.is_corrupt))
            time = pts if pts is not None else dts
            if time is not None and time + duration > ends.get(index, 0):
                ends[index] = time + duration
    except (av.FFmpegError, OSError) as error:
        problem = error.strerror or type(error).__name__
    streams = video.container.streams
    file_end = max(
        (end * (streams[index].time_base or Fraction(0)) for index, end in ends.items()), default=Fraction(0)
    )
    _check(marks, video=video, file_end=file_end, problem=problem, is_encrypted=is_encrypted, path=path)
    return _timeline(marks, video=video, path=path)


def _check(
    marks: list[_Mark], *, video: OpenVideo, file_end: Fraction, problem: str, is_encrypted: bool, path: Path
) -> None:
    name = video.format
    announced = _announced_seconds(video) if name in _ANNOUNCING else None
    if problem:
        raise DecodeError(path, "corrupt", f"it cannot be read to its end: {problem}")
    reached = _reached_seconds(marks, video=video, file_end=file_end)
    if announced is not None and reached < announced - min(max(announced / 20, Fraction(1, 2)), Fraction(5)):
        raise DecodeError(
            path, "truncated", f"it announces {float(announced):.1f} s and ends at {float(reached):.1f} s"
        )
    if is_encrypted:
        raise DecodeError(path, "encrypted", "its video is encrypted")
    if not marks:
        raise DecodeError(path, "no frames", "its video stream is empty")
    is_picture = name in _ANIMATIONS or video.container.metadata.get("major_brand") in _PICTURE_BRANDS
    if is_picture and len(marks) == 1:
        raise DecodeError(path, "not a video", f"it is a still picture ({name})")


def _announced_seconds(video: OpenVideo) -> Fraction | None:
    """What the header says of the video, else of the whole file."""
    if video.stream.duration is not None and video.stream.time_base is not None:
        return video.stream.duration * video.stream.time_base
    return Fraction(video.container.duration, av.time_base) if video.container.duration is not None else None


def _reached_seconds(marks: list[_Mark], *, video: OpenVideo, file_end: Fraction) -> Fraction:
    """How far the packets go, in the terms of `_announced_seconds`."""
    if video.stream.duration is None or video.stream.time_base is None:
        return file_end
    ends = [mark.pts + mark.duration for mark in marks if mark.pts is not None]
    starts = [mark.pts for mark in marks if mark.pts is not None]
    return (max(ends) - min(0, *starts)) * video.stream.time_base if ends else file_end


def _timeline(marks: list[_Mark], *, video: OpenVideo, path: Path) -> Timeline:
    times = [mark.pts if mark.pts is not None else mark.dts for mark in marks]
    shown = [
        (time, mark.duration)
        for time, mark in zip(times, marks, strict=True)
        if time is not None and not mark.is_hidden
    ]
    seconds = (
        _span(shown) * (video.stream.time_base or 1)
        if shown
        else len(marks) / (video.stream.average_rate or Fraction(25))
    )
    if seconds <= 0 or (len(shown) > 1 and len({time for time, _ in shown}) == 1):
        raise DecodeError(path, "zero duration", f"its {len(marks)} pictures are all at the same time")
    exact = all(mark.pts is not None and not mark.is_damaged for mark in marks) and len(set(times)) == len(times)
    return Timeline(
        times=tuple(time if time is not None else -1 for time in times),
        keys=tuple(mark.is_key for mark in marks),
        hidden=tuple(mark.is_hidden for mark in marks),
        is_exact=exact and marks[0].is_key and bool(shown),
        seconds=float(seconds),
    )


def _span(shown: list[tuple[int, int]]) -> Fraction:
    """From the first time to the end of the last; a last frame without a duration lasts as long as the others."""
    first = min(time for time, _ in shown)
    last = max(time for time, _ in shown)
    mean = Fraction((last - first) * len(shown), len(shown) - 1) if len(shown) > 1 else Fraction(0)
    return max(mean, Fraction(max(time + duration for time, duration in shown) - first))
