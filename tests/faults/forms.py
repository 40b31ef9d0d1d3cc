"""Videos that are whole and of an unusual form: most of them have to be stored."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from PIL import Image
from tests.faults.cases import DAMAGED, NO_VIDEO, STORED, CannotMakeError, Case, Materials, of_bytes, of_film
from tests.faults.films import jpeg, mp3, pictures, write_film, write_sound

INTERLACED = {"flags": "+ilme+ildct"}
FILMS: dict[str, tuple[str, dict[str, Any]]] = {
    "variable frame rate": ("a.mp4", {"times": np.cumsum(np.random.default_rng(1).integers(5, 180, 75)).tolist()}),
    "variable frame rate, Matroska": ("a.mkv", {"times": np.cumsum([1, 900, 3, 40] * 18).tolist(), "count": 72}),
    "rotated by 90": ("a.mp4", {"rotation": 90}),
    "rotated by 180": ("a.mp4", {"rotation": 180}),
    "rotated by 13": ("a.mp4", {"rotation": 13}),
    "odd size": ("a.mkv", {"codec": "ffv1", "size": (33, 17), "pix_fmt": "yuv444p"}),
    "odd size, 4:2:0": ("a.avi", {"codec": "mpeg4", "size": (35, 21)}),
    "2 x 2": ("a.mkv", {"codec": "ffv1", "size": (2, 2)}),
    "1 x 1": ("a.mkv", {"codec": "ffv1", "size": (1, 1), "pix_fmt": "yuv444p"}),
    "4096 x 2": ("a.mkv", {"codec": "ffv1", "size": (4096, 2), "count": 5}),
    "2 x 4096": ("a.avi", {"codec": "mjpeg", "size": (2, 4096), "count": 5, "pix_fmt": "yuvj420p"}),
    "interlaced h264": ("a.mp4", {"options": {"x264-params": "interlaced=1"}}),
    "interlaced mpeg2": ("a.mpg", {"codec": "mpeg2video", "options": INTERLACED}),
    "10 bit h264": ("a.mp4", {"pix_fmt": "yuv420p10le"}),
    "10 bit hevc": ("a.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le"}),
    "12 bit 4:4:4": ("a.mkv", {"codec": "ffv1", "pix_fmt": "yuv444p12le"}),
    "grey": ("a.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
    "16 bit grey": ("a.mkv", {"codec": "ffv1", "pix_fmt": "gray16le"}),
    "alpha, vp9": ("a.webm", {"codec": "libvpx-vp9", "pix_fmt": "yuva420p"}),
    "alpha, prores": ("a.mov", {"codec": "prores_ks", "pix_fmt": "yuva444p10le", "options": {"profile": "4444"}}),
    "alpha, qtrle": ("a.mov", {"codec": "qtrle", "pix_fmt": "argb"}),
    "alpha, png": ("a.mov", {"codec": "png", "pix_fmt": "rgba"}),
    "three videos in one file": ("a.mkv", {"streams": 3}),
    "one frame": ("a.mp4", {"count": 1}),
    "a thousand frames a second": ("a.mp4", {"rate": 1000, "count": 500}),
    "fragmented": ("a.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    "av1": ("a.mp4", {"codec": "libsvtav1", "size": (64, 64)}),
    "raw pictures": ("a.avi", {"codec": "rawvideo", "count": 10}),
    "animated GIF": ("a.gif", {"codec": "gif", "pix_fmt": "rgb8"}),
    "animated PNG": ("a.apng", {"codec": "apng", "pix_fmt": "rgb24"}),
    "a GIF renamed": ("a.mp4", {"codec": "gif", "pix_fmt": "rgb8", "form": "gif"}),
    "Matroska named MP4": ("a.mp4", {"form": "matroska"}),
    "MP4 named AVI": ("a.avi", {"form": "mp4"}),
    "transport stream named MOV": ("a.mov", {"form": "mpegts"}),
    "bare h264": ("a.h264", {"form": "h264"}),
    "upper case": ("A.MP4", {"form": "mp4"}),
    "mixed case": ("a.mKv", {"form": "matroska"}),
}
QUICK = {"variable frame rate", "rotated by 90", "odd size", "interlaced h264", "alpha, vp9", "upper case"}


def cases() -> Iterator[Case]:
    """All of them."""
    for name, (file, form) in FILMS.items():
        yield Case(name, film(file, **form), ends=STORED, is_quick=name in QUICK)
    yield from times()
    yield from without_video()
    yield from with_more()
    yield Case("16384 frames", film("a.avi", codec="mpeg4", size=(16, 16), count=16384, rate=1), ends=STORED)
    yield Case("a picture of 16384 x 8704", bomb, ends=frozenset({"too large"}))
    many = film("a.mkv", codec="mpeg4", size=(16, 16), count=2, streams=70)
    yield Case("70 streams", many, ends=frozenset({"too large"}), is_quick=True)
    yield Case("equal stems", equal_stems, ends=STORED)
    yield of_bytes("a video named .txt", lambda m: m.film("a.mkv"), file="a.txt", ends=NO_VIDEO)
    yield of_bytes("a video named .jpg", lambda m: m.film("a.mkv"), file="a.jpg", ends=NO_VIDEO)


def film(file: str, **form: Any) -> Callable[[Path, Materials], None]:
    """Writes one."""

    def make(folder: Path, _: Materials) -> None:
        try:
            write_film(folder / file, **form)
        except av.FFmpegError as error:
            raise CannotMakeError(f"this PyAV does not encode it: {error}") from error

    return make


def times() -> Iterator[Case]:
    """Timestamps that jump; in FLV they are written over afterwards, since no writer lets them through."""

    def early(packet: "Packet[VideoStream]") -> None:
        packet.pts, packet.dts = (packet.pts or 0) - 50, (packet.dts or 0) - 50

    yield Case("negative times", film("a.mkv", retime=early), is_quick=True)
    yield Case("the first second is cut away", film("a.mp4", options={"bf": "0"}, retime=early))
    jumps: dict[str, Callable[[int, int], int]] = {
        "a jump of ten hours": lambda number, time: time + 36_000_000 * (number > 30),
        "a jump back": lambda number, time: time % 1000,
        "times that run backwards": lambda number, time: 5000 - time,
        "all at once": lambda number, time: 0,
        "times of 24 days": lambda number, time: 2_147_000_000 + time,
        "times at random": lambda number, time: (number * 7919) % 100_003,
    }
    for name, jump in jumps.items():
        yield of_film(name, "a.flv", partial(flv_retimed, jump=jump), file="a.flv", quick=name == "a jump back")


def flv_retimed(data: bytes, *, jump: Callable[[int, int], int]) -> bytes:
    """FLV with other times: those of each tag, in milliseconds, as four bytes, the highest last."""
    changed, at, number = bytearray(data), 13, 0
    while at + 11 < len(data):
        time = int.from_bytes(data[at + 7 : at + 8] + data[at + 4 : at + 7], "big")
        new = (jump(number, time) % (1 << 32)).to_bytes(4, "big")
        changed[at + 4 : at + 8] = new[1:] + new[:1]
        at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")
        number += 1
    return bytes(changed)


def without_video() -> Iterator[Case]:
    """Sound, pictures and text."""
    no_stream = frozenset({"no video stream", "not a video"})
    yield Case("sound", sound_alone, ends=no_stream, is_quick=True)
    yield Case("sound with a cover, Matroska", sound_with_cover, ends=no_stream)
    yield of_bytes("MP3", lambda _: mp3(), file="sound.mp4", ends=no_stream)
    yield of_bytes("MP3 with a cover", lambda _: mp3(jpeg()), file="sound.mpx", ends=no_stream, quick=True)
    yield of_bytes("MP3 with a damaged cover", lambda _: mp3(bytes(500)), file="sound.mpx", ends=no_stream)
    yield of_bytes("a JPEG renamed", lambda _: jpeg(), file="a.mp4", ends=NO_VIDEO, quick=True)
    for kind in ("PNG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "PPM"):
        yield Case(f"{kind} renamed", picture(kind), ends=NO_VIDEO)
    texts = {
        "text": b"hello world\n" * 500,
        "zeros": bytes(100_000),
        "ones": b"\xff" * 100_000,
        "one byte": b"\x00",
        "HTML": b"<!DOCTYPE html><html><body>404</body></html>\n" * 20,
        "JSON": b'{"error": "video unavailable"}',
        "subtitles": b"1\n00:00:01,000 --> 00:00:04,000\nHello\n\n" * 50,
        "a program": b"\x7fELF\x02\x01\x01" + bytes(2000),
        "a ZIP": b"PK\x03\x04" + bytes(2000),
        "lengths like an MP4": b"\x00\x00\x00\x20ftypisom" + bytes(5000),
    }
    for name, data in texts.items():
        yield of_bytes(f"{name} renamed", partial(_just, data), file="a.mp4", ends=DAMAGED - STORED)
    yield of_bytes("an empty file", lambda _: b"", file="a.mp4", ends={"empty"}, quick=True)


def _just(data: bytes, _: Materials) -> bytes:
    return data


def sound_alone(folder: Path, _: Materials) -> None:
    """Sound."""
    write_sound(folder / "a.mp4")


def sound_with_cover(folder: Path, _: Materials) -> None:
    """Sound and a picture attached to it."""
    write_sound(folder / "a.mkv", cover=jpeg())


def picture(kind: str) -> Callable[[Path, Materials], None]:
    """Writes a still picture."""

    def make(folder: Path, _: Materials) -> None:
        Image.fromarray(pictures(1, size=(64, 48))[0]).save(folder / "a.mp4", format=kind)

    return make


def with_more() -> Iterator[Case]:
    """A video and other things, joined by the ffmpeg program where there is one."""

    def joined(*words: str, needs: dict[str, bytes], out: str) -> Callable[[Path, Materials], None]:
        def make(folder: Path, materials: Materials) -> None:
            if shutil.which("ffmpeg") is None:
                raise CannotMakeError("there is no ffmpeg program")
            inputs = materials.canary.parent / "inputs"
            inputs.mkdir(exist_ok=True)
            for name, data in (needs | {"film.mkv": materials.film("a.mkv")}).items():
                (inputs / name).write_bytes(data)
            command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *words, str(folder / out)]
            subprocess.run(command, check=True, cwd=inputs, timeout=60)

        return make

    lines = b"1\n00:00:00,500 --> 00:00:02,000\nHello\n\n"
    both = ("-i", "film.mkv", "-i")
    subtitled = joined(*both, "s.srt", "-map", "0", "-map", "1", "-c:v", "copy", needs={"s.srt": lines}, out="a.mkv")
    yield Case("subtitles beside the video", subtitled, ends=STORED)
    cover = ("c.jpg", "-map", "1", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic")
    covered = joined(*both, *cover, needs={"c.jpg": jpeg()}, out="a.mp4")
    yield Case("a cover before the video", covered, ends=STORED)
    noise = ("-f", "lavfi", "-i", "sine=duration=2", "-i", "c.jpg", "-map", "0", "-map", "1", "-c:v", "copy")
    sound = joined(*noise, "-disposition:v:0", "attached_pic", needs={"c.jpg": jpeg()}, out="a.m4v")
    yield Case("sound with a cover, MP4", sound, ends=frozenset({"no video stream"}))
    theora = joined("-i", "film.mkv", "-c:v", "libtheora", needs={}, out="a.ogv")
    yield Case("theora", theora, ends=STORED)


def bomb(folder: Path, _: Materials) -> None:
    """One black picture with more pixels than there is memory for in many a process."""
    with av.open(str(folder / "bomb.mp4"), "w") as container:
        options = {"preset": "ultrafast", "threads": "1", "rc-lookahead": "0"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 16384, 8704, "yuv420p"
        black = av.VideoFrame(16384, 8704, "yuv420p")
        for plane in black.planes:
            plane.update(bytes(plane.buffer_size))
        black.pts = 0
        container.mux(stream.encode(black) + stream.encode(None))


def equal_stems(folder: Path, materials: Materials) -> None:
    """Files that differ in nothing but their folder, ending or case."""
    for name in ("a.mkv", "a.webm", "a.ts", "b/a.mkv", "A.MKV"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(materials.film("a.ts" if name.endswith("ts") else "a.mkv"))
