"""Exact frames of a video at a fixed rate, without decoding all of it.

Two passes over the file. The first reads the timestamps of the packets and decodes nothing; it chooses the frames that
a viewer sees at first, first + 1/fps, first + 2/fps, ... The second decodes: pictures that no other picture refers to
are skipped unless chosen, and where a run of packets is needed by no chosen frame the decoder is drained and takes up
again at the key frame before the next chosen one. The frames are bit for bit those of decoding everything.

What the first pass cannot be trusted on is decoded whole: other codecs and containers than those proved equal
(AVI above all), timestamps that are missing or come twice. Should the second pass meet anything that the plan did not
foresee, it goes on by decoding the whole file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vivi.video.container import MAX_PIXELS, DecodeError, OpenVideo, SourceInfo, open_video
from vivi.video.pictures import Pictures
from vivi.video.plan import Clock, Plan, plan_decoding
from vivi.video.timeline import Timeline, read_timeline

_CONTAINERS = {"mov", "matroska", "flv"}
_CODECS = {"h264", "hevc", "mpeg4", "vp9", "av1", "libdav1d", "libvpx-vp9"}
_SKIPPING = {"h264", "hevc", "mpeg4"}
"""Decoders that leave out unreferenced pictures on demand, packet by packet (dav1d reads the request only once)."""


class TimedFrame(NamedTuple):
    """A frame and the sampling instant at which it is seen."""

    seconds: float
    """k / fps since the first frame of the video: the first instant at which this frame is on the screen."""
    image_HWC: NDArray[np.uint8]
    """RGB, as shown: turned by the file's display matrix, with square pixels."""


@dataclass(frozen=True, slots=True)
class VideoFrames:
    """The sampled frames of one file; iterate to decode them, in order of time."""

    path: Path
    info: SourceInfo
    timeline: Timeline
    clock: Clock
    short_side: int | None
    pixel_aspect: Fraction
    max_pixels: int
    whole: bool
    """Whether the file is decoded whole."""

    def __iter__(self) -> Iterator[TimedFrame]:
        """Decode.

        Raises:
            DecodeError: "corrupt" or "no frames".
        """
        pictures = Pictures(short_side=self.short_side, pixel_aspect=self.pixel_aspect)
        first = last = None
        for frame_time, frame in self._frames():
            first = frame_time if first is None else first
            last = frame_time
            instant = self.clock.count(frame_time - first) / self.clock.rate
            yield TimedFrame(float(instant), pictures.convert(frame))
        if last is None:
            raise DecodeError(self.path, "no frames", "nothing in its video stream could be decoded")

    def _frames(self) -> Iterator[tuple[int, VideoFrame]]:
        last = None
        if not self.whole:
            try:
                for time, frame in self._decode_planned():
                    last = time
                    yield time, frame
                return
            except (_UnforeseenError, av.FFmpegError):
                pass
        for time, frame in self._decode_whole():
            if last is None or time > last:
                yield time, frame

    def _decode_planned(self) -> Iterator[tuple[int, VideoFrame]]:
        plan = plan_decoding(self.timeline, self.clock)
        with open_video(self.path, max_pixels=self.max_pixels) as video:
            _single_thread(video, self.max_pixels)
            due = iter(sorted(plan.times))
            for frame in _decode_runs(video, plan):
                if frame.pts in plan.times:
                    if frame.pts != next(due, None) or frame.is_corrupt:
                        raise _UnforeseenError
                    yield frame.pts, frame
            if next(due, None) is not None:
                raise _UnforeseenError

    def _decode_whole(self) -> Iterator[tuple[int, VideoFrame]]:
        with open_video(self.path, max_pixels=self.max_pixels) as video:
            _single_thread(video, self.max_pixels)
            chosen = _choose(_every_frame(video, self.path), self.clock)
            for time, frame in chosen:
                if frame.is_corrupt:
                    raise DecodeError(
                        self.path, "corrupt", f"damaged picture at {float(time * self.clock.time_base):.2f} s"
                    )
                yield time, frame


def sample_frames(
    path: Path, *, fps: float, short_side: int | None, max_pixels: int = MAX_PIXELS, decode_all: bool = False
) -> VideoFrames:
    """The frames shown at 0, 1/fps, 2/fps, ... seconds after the first one; each frame of the file at most once.

    Args:
        path: a regular file, any container and codec that FFmpeg knows.
        fps: samples a second; a file with fewer frames a second gives each of its frames once.
        short_side: of the frames, in pixels; smaller pictures are not enlarged. None keeps the size.
        max_pixels: refuse larger pictures before decoding them.
        decode_all: decode every frame (the reference: slower, same frames).

    Raises:
        DecodeError: the file gives no frames; `reason` is one of the fixed set. "corrupt" and "no frames" may also
            come while iterating.
    """
    rate = Fraction(fps).limit_denominator(1_000_000)
    with open_video(path, max_pixels=max_pixels, probe_only=True) as video:
        timeline = read_timeline(video, path)
        stream = video.stream
        trusted = timeline.is_exact and stream.codec_context.name in _CODECS and video.format in _CONTAINERS
        info = SourceInfo(
            codec=stream.codec_context.codec.canonical_name,
            container=video.container.format.name,
            width=stream.width,
            height=stream.height,
            seconds=timeline.seconds,
            fps=len(timeline.times) / timeline.seconds,
        )
        pixel_aspect = stream.sample_aspect_ratio or Fraction(1)
        clock = Clock(time_base=Fraction(stream.time_base or 1), rate=rate)
    return VideoFrames(
        path=path,
        info=info,
        timeline=timeline,
        clock=clock,
        short_side=short_side,
        pixel_aspect=pixel_aspect,
        max_pixels=max_pixels,
        whole=decode_all or not trusted,
    )


class _UnforeseenError(Exception):
    """The second pass met what the first did not announce."""


def _decode_runs(video: OpenVideo, plan: Plan) -> Iterator[VideoFrame]:
    """Decode the needed packets, run after run.

    Raises:
        _UnforeseenError: the packets are not those of the first pass, or a run does not begin with a real key frame
            (intra refresh, for example, marks packets that only look like one).
    """
    decoder = video.stream.codec_context
    skips = decoder.name in _SKIPPING
    guard: _Guard | None = None
    for packet, is_needed in _announced_packets(video, plan):
        if is_needed:
            guard = guard or _Guard(packet.pts)
            if skips:
                decoder.skip_frame = "DEFAULT" if packet.pts in plan.times else "NONREF"
            yield from guard.passed(decoder.decode(packet))
        elif guard is not None:
            yield from guard.passed(decoder.decode(None), is_end=True)
            decoder.flush_buffers()
            guard = None
    if guard is not None:
        yield from guard.passed(decoder.decode(None), is_end=True)


def _announced_packets(video: OpenVideo, plan: Plan) -> Iterator[tuple["Packet[VideoStream]", bool]]:
    packets = (packet for packet in video.container.demux(video.stream) if packet.size)
    for packet, time, is_needed in zip_longest(packets, plan.packet_times, plan.needed.tolist()):
        if packet is None or packet.pts != time:
            raise _UnforeseenError
        yield packet, is_needed


class _Guard:
    """Checks that the key frame with which a run begins comes out, before all later ones, and is a whole picture."""

    def __init__(self, start: int | None) -> None:
        self._awaited = start

    def passed(self, frames: list[VideoFrame], *, is_end: bool = False) -> Iterator[VideoFrame]:
        for frame in frames:
            if frame.pts is None:
                raise _UnforeseenError
            if self._awaited is not None and frame.pts >= self._awaited:
                if frame.pts != self._awaited or frame.pict_type != PictureType.I:
                    raise _UnforeseenError
                self._awaited = None
            yield frame
        if is_end and self._awaited is not None:
            raise _UnforeseenError


def _every_frame(video: OpenVideo, path: Path) -> Iterator[tuple[int, VideoFrame]]:
    """All frames with their times, which grow; frames without a time get the next one, late frames are left out."""
    stream = video.stream
    gap = max(1, round(1 / ((stream.average_rate or Fraction(25)) * (stream.time_base or 1))))
    last: int | None = None
    problem: av.FFmpegError | None = None
    for packet in video.container.demux(stream):
        try:
            frames = packet.decode()
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


def _single_thread(video: OpenVideo, max_pixels: int) -> None:
    decoder = video.stream.codec_context
    decoder.thread_count = 1
    decoder.thread_type = "NONE"
    decoder.options = {"max_pixels": str(max_pixels)}
