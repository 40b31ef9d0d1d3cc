"""Exact frames of a video at a fixed rate, without decoding all of it.

Two passes over the file. The first reads the timestamps of the packets and decodes nothing; it chooses the frames that
a viewer sees at first, first + 1/fps, first + 2/fps, ... The second decodes: pictures that no other picture refers to
are skipped unless chosen, and where a run of packets is needed by no chosen frame the decoder is drained and takes up
again at the key frame before the next chosen one. The frames are bit for bit those of decoding everything.

What the first pass cannot be trusted on is decoded whole: other codecs and containers than those proved equal
(H.264 in AVI, ASF or MXF is not), timestamps that are missing or come twice. Should the second pass meet anything that
the plan did not foresee, it goes on by decoding the whole file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vivi.video.container import MAX_PIXELS, DecodeError, FileState, OpenVideo, SourceInfo, check_unchanged, open_video
from vivi.video.passes import UnforeseenError, decode_planned, decode_whole
from vivi.video.pictures import Pictures
from vivi.video.plan import Clock, plan_decoding
from vivi.video.timeline import Timeline, read_timeline

MAX_FRAMES = 6_000_000
"""Sampled of one file: a day at 60 a second."""
MAX_OUTPUT_PIXELS = 1 << 38
"""Of all sampled frames of one file together: 27 days at one frame of 256 lines a second."""
_CONTAINERS = {"mov", "matroska", "flv"}
_CODECS = {"h264", "hevc", "mpeg4", "vp9", "av1", "vp8", "mpeg2video", "ffv1", "mjpeg", "prores", "dnxhd"}
_INTRA = {"mjpeg"}
"""Of these, those that are proved equal in AVI too: every packet is a picture by itself."""


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
    state: FileState
    """Of the file when its timestamps were read; the frames are taken from the same bytes."""
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
            DecodeError: "corrupt", "no frames", "changed", or "too large": more frames, or frames with more pixels
                together, than `MAX_FRAMES` and `MAX_OUTPUT_PIXELS`.
        """
        pictures = Pictures(short_side=self.short_side, pixel_aspect=self.pixel_aspect)
        first = last = None
        pixels = 0
        for count, (frame_time, frame) in enumerate(self._frames(), start=1):
            first = frame_time if first is None else first
            last = frame_time
            instant = self.clock.count(frame_time - first) / self.clock.rate
            image_HWC = pictures.convert(frame)
            pixels += image_HWC.shape[0] * image_HWC.shape[1]
            if count > MAX_FRAMES or pixels > MAX_OUTPUT_PIXELS:
                raise DecodeError(self.path, "too large", f"it gives more than {count - 1} frames, too many to store")
            yield TimedFrame(float(instant), image_HWC)
        if last is None:
            raise DecodeError(self.path, "no frames", "nothing in its video stream could be decoded")

    def _frames(self) -> Iterator[tuple[int, VideoFrame]]:
        last = None
        if not self.whole:
            try:
                with self._open() as video:
                    for last, frame in decode_planned(video, plan_decoding(self.timeline, self.clock)):
                        yield last, frame
                return
            except (UnforeseenError, av.FFmpegError, OSError):
                pass
        with self._open() as video:
            for time, frame in decode_whole(video, self.clock, path=self.path):
                if last is None or time > last:
                    yield time, frame

    @contextmanager
    def _open(self) -> Iterator[OpenVideo]:
        with open_video(self.path, max_pixels=self.max_pixels) as video:
            check_unchanged(self.path, before=self.state, now=video.state)
            yield video


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
        DecodeError: the file gives no frames; `reason` is one of the fixed set. "corrupt", "no frames", "changed" and
            "too large" may also come while iterating.
    """
    rate = Fraction(fps).limit_denominator(1_000_000)
    with open_video(path, max_pixels=max_pixels, probe_only=True) as video:
        timeline = read_timeline(video, path)
        stream = video.stream
        codec = stream.codec_context.codec.canonical_name
        proved = video.format in _CONTAINERS or (video.format == "avi" and codec in _INTRA)
        info = SourceInfo(
            codec=codec,
            container=video.container.format.name,
            width=stream.width,
            height=stream.height,
            seconds=timeline.seconds,
            fps=timeline.hidden.count(False) / timeline.seconds,
        )
        pixel_aspect = stream.sample_aspect_ratio or Fraction(1)
        clock = Clock(time_base=Fraction(stream.time_base or 1), rate=rate)
    return VideoFrames(
        path=path,
        state=video.state,
        info=info,
        timeline=timeline,
        clock=clock,
        short_side=short_side,
        pixel_aspect=pixel_aspect,
        max_pixels=max_pixels,
        whole=decode_all or not (timeline.is_exact and codec in _CODECS and proved),
    )
