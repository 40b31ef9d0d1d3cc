"""Small videos of every form, made with PyAV."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

ONE_THREAD = {
    "libx264": {"threads": "1", "preset": "ultrafast", "g": "20"},
    "libx265": {"preset": "ultrafast", "x265-params": "pools=1:frame-threads=1:log-level=none:keyint=20"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "g": "20"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": "20"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1", "g": "20"},
}


def pictures(count: int, *, size: tuple[int, int]) -> list[np.ndarray]:
    """A coarse texture that moves, another one every 25 frames; RGB, size is width and height."""
    width, height = size
    rng = np.random.default_rng(0)
    tile = np.kron(rng.integers(0, 256, (8, 8, 8, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    down, across = -(-(height + 25) // 64), -(-(width + 25) // 64)
    textures = [np.tile(each, (down, across, 1)) for each in tile]
    return [textures[i // 25 % 8][i % 25 : i % 25 + height, i % 25 : i % 25 + width].copy() for i in range(count)]


def write_film(
    path: Path,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    count: int = 75,
    rate: int = 25,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    form: str | None = None,
    rotation: int | None = None,
    times: Sequence[int] | None = None,
    streams: int = 1,
    retime: "Callable[[Packet[VideoStream]], None] | None" = None,
) -> Path:
    """Encode a video.

    Args:
        path: its ending says the container, unless `form` does.
        codec: PyAV's name of the encoder.
        size: width and height.
        count: of frames.
        rate: frames a second.
        pix_fmt: of the coded pictures.
        options: of the encoder.
        container_options: of the container.
        form: FFmpeg's name of the container.
        rotation: degrees of the display matrix.
        times: milliseconds of each frame, instead of the rate.
        streams: so many times the same video.
        retime: changes each packet before it is written.
    """
    unit = Fraction(1, 1000) if times else Fraction(1, rate)
    with av.open(str(path), "w", format=form, options=container_options or {}) as container:
        made = []
        for _ in range(streams):
            stream = container.add_stream(codec, rate=rate, options=ONE_THREAD.get(codec, {}) | (options or {}))
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = size
            stream.pix_fmt = pix_fmt
            stream.codec_context.time_base = unit
            if rotation is not None:
                stream.set_display_rotation(rotation)
            made.append(stream)
        for number, image in enumerate([*pictures(count, size=size), None]):
            frame = None if image is None else av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pix_fmt)
            if frame is not None:
                frame.pts, frame.time_base = times[number] if times else number, unit
            for stream in made:
                for packet in stream.encode(frame):
                    if retime is not None:
                        retime(packet)
                    container.mux(packet)
    return path


def write_sound(path: Path, *, form: str | None = None, cover: bytes | None = None) -> Path:
    """A second of silence, and in Matroska a picture attached to it."""
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream("aac", rate=16_000)
        if cover is not None:
            container.add_attachment("cover.jpg", "image/jpeg", cover)
        for number in range(16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16_000, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def jpeg() -> bytes:
    """A picture as a JPEG file."""
    import simplejpeg

    return bytes(simplejpeg.encode_jpeg(pictures(1, size=(64, 48))[0], quality=90))


def mp3(cover: bytes | None = None) -> bytes:
    """Two seconds of an MP3 file written by hand, with a cover in its ID3 tag."""
    sound = (b"\xff\xfb\x90\x00" + bytes(413)) * 76
    if cover is None:
        return sound
    picture = b"\x00image/jpeg\x00\x03\x00" + cover
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\x00\x00" + picture
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + frame + sound
