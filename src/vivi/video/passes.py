"""The second pass over a video file: decode what a plan asks for, or everything. One thread, nothing else."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, zip_longest
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from vivi.video.container import DecodeError, OpenVideo
from vivi.video.plan import Clock, Plan

_SKIPPING = {"h264", "hevc", "mpeg4"}
"""Decoders that leave out unreferenced pictures on demand, packet by packet (dav1d reads the request only once)."""


class UnforeseenError(Exception):
    """The second pass met what the first did not announce."""


def decode_planned(video: OpenVideo, plan: Plan) -> Iterator[tuple[int, VideoFrame]]:
    """The frames that the plan takes, with their times, decoding no more than it asks for.

    Raises:
        UnforeseenError: the plan does not hold; what was given before this is right.
        av.FFmpegError: the decoder gave up.
    """
    due = iter(sorted(plan.times))
    for frame in _decode_runs(video, plan):
        if frame.pts is None or frame.pts != next(due, None):
            raise UnforeseenError
        yield frame.pts, frame
    if next(due, None) is not None:
        raise UnforeseenError


def decode_whole(video: OpenVideo, clock: Clock, *, path: Path) -> Iterator[tuple[int, VideoFrame]]:
    """The frames that `clock` takes of all frames, with their times.

    Raises:
        DecodeError: "corrupt" (the decoder gave up, or a frame that is taken is damaged) or "too large".
    """
    for time, frame in _choose(_every_frame(video, path), clock):
        if frame.is_corrupt:
            raise DecodeError(path, "corrupt", f"damaged picture at {float(time * clock.time_base):.2f} s")
        yield time, frame


def _decode_runs(video: OpenVideo, plan: Plan) -> Iterator[VideoFrame]:
    """Decode the needed packets, run after run, for the frames that the plan takes.

    Raises:
        UnforeseenError: the packets are not those of the first pass, or a run does not begin with a real key frame
            (intra refresh, for example, marks packets that only look like one).
    """
    decoder = _decoder(video)
    skips = decoder.name in _SKIPPING
    is_full, guard = True, None
    for packet, time, is_needed in zip_longest(video.packets(), plan.packet_times, plan.needed.tolist()):
        if packet is None or packet.pts != time:
            raise UnforeseenError
        if is_needed:
            guard = guard or _Guard(time, plan.times)
            if skips and (time in plan.times) != is_full:
                is_full = not is_full
                decoder.skip_frame = "DEFAULT" if is_full else "NONREF"
            if frames := decoder.decode(packet):
                yield from guard.taken(frames)
        elif guard is not None:
            yield from guard.taken(decoder.decode(None), is_end=True)
            decoder.flush_buffers()
            guard = None
    if guard is not None:
        yield from guard.taken(decoder.decode(None), is_end=True)


class _Guard:
    """Checks that no frame is damaged, and that the key frame of a run comes out before later ones, an I picture."""

    def __init__(self, start: int, times: frozenset[int]) -> None:
        self._awaited: int | None = start
        self._times = times

    def taken(self, frames: list[VideoFrame], *, is_end: bool = False) -> list[VideoFrame]:
        """The frames to take, of these that the decoder gave."""
        for frame in frames:
            if frame.pts is None or frame.is_corrupt:
                raise UnforeseenError
            if self._awaited is not None and frame.pts >= self._awaited:
                if frame.pts != self._awaited or frame.pict_type != PictureType.I:
                    raise UnforeseenError
                self._awaited = None
        if is_end and self._awaited is not None:
            raise UnforeseenError
        return [frame for frame in frames if frame.pts in self._times]


def _every_frame(video: OpenVideo, path: Path) -> Iterator[tuple[int, VideoFrame]]:
    """All frames with their times, which grow; frames without a time get the next one, late frames are left out."""
    gap = max(1, round(1 / ((video.stream.average_rate or Fraction(25)) * (video.stream.time_base or 1))))
    decoder = _decoder(video)
    last: int | None = None
    problem: av.FFmpegError | None = None
    for packet in chain(_readable(video, path), [None]):
        try:
            frames = decoder.decode(packet)
        except MemoryError as error:
            raise DecodeError(path, "too large", "decoding it needs more memory than there is") from error
        except av.FFmpegError as error:
            if last is not None:
                raise DecodeError(path, "corrupt", f"the decoder gave up: {error.strerror}") from error
            problem, frames = error, []
        for frame in frames:
            time = frame.pts if frame.pts is not None else frame.dts
            time = time if time is not None else (0 if last is None else last + gap)
            if last is None or time > last:
                yield time, frame
                last = time
    if last is None and problem is not None:
        raise DecodeError(path, "corrupt", f"the decoder gave up: {problem.strerror}")


def _readable(video: OpenVideo, path: Path) -> Iterator["Packet[Stream]"]:
    try:
        yield from video.packets()
    except (av.FFmpegError, OSError) as error:
        raise DecodeError(path, "corrupt", f"it cannot be read to its end: {error.strerror or error}") from error


def _choose(frames: Iterator[tuple[int, VideoFrame]], clock: Clock) -> Iterator[tuple[int, VideoFrame]]:
    """Of frames in order of time those that `clock` chooses, holding one frame back."""
    first = None
    held: tuple[int, VideoFrame] | None = None
    count = 0
    for time, frame in frames:
        first = time if first is None else first
        if held is not None and clock.count(time - first) > clock.count(held[0] - first):
            yield held
        held = (time, frame)
        count += 1
    if held is None or first is None:
        return
    if clock.count_to_end(held[0] - first, frames=count) > clock.count(held[0] - first):
        yield held


def _decoder(video: OpenVideo) -> VideoCodecContext:
    decoder = video.stream.codec_context
    decoder.thread_count = 1
    decoder.thread_type = "NONE"
    decoder.options = {"max_pixels": str(video.max_pixels)}
    return decoder
