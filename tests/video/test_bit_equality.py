"""Where leaving packets out gives other frames than decoding everything, it is not done.

Every codec that can be encoded here goes into every container that takes it, is decoded in the quick way whether that
is trusted or not, and is compared. What differs has to be among what is decoded whole.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.faults.films import write_film

import vivi.video.decode
from vivi.video.container import DecodeError
from vivi.video.decode import VideoFrames, sample_frames

CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", "ts", "flv", "mpg", "ogv", "nut", "asf", "mxf", "3gp")
CODECS: dict[str, dict[str, Any]] = {
    "h264": {"options": {"preset": "fast", "g": "30"}},
    "h264, open groups, pyramid": {"options": {"preset": "fast", "x264-params": "open-gop=1:keyint=22:bframes=5"}},
    "h264, interlaced": {"options": {"preset": "fast", "x264-params": "interlaced=1:keyint=30:bframes=3"}},
    "h264, intra refresh": {"options": {"x264-params": "intra-refresh=1:keyint=20"}},
    "h264, 10 bit": {"pix_fmt": "yuv420p10le", "options": {"preset": "fast"}},
    "h264, 4:4:4": {"pix_fmt": "yuv444p", "options": {"preset": "fast"}},
    "h264, no B": {"options": {"preset": "fast", "bf": "0"}},
    "hevc": {"codec": "libx265", "options": {"preset": "fast"}},
    "hevc, open groups": {
        "codec": "libx265",
        "options": {"x265-params": "keyint=25:open-gop=1:bframes=4:pools=1:log-level=none", "preset": "fast"},
    },
    "hevc, 10 bit": {"codec": "libx265", "pix_fmt": "yuv420p10le"},
    "vp9": {"codec": "libvpx-vp9", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}},
    "vp9, alpha": {"codec": "libvpx-vp9", "pix_fmt": "yuva420p"},
    "vp9, 10 bit": {"codec": "libvpx-vp9", "pix_fmt": "yuv420p10le", "options": {"profile": "2"}},
    "vp8": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}},
    "av1": {"codec": "libsvtav1"},
    "mpeg4": {"codec": "mpeg4", "options": {"g": "12", "bf": "2"}},
    "mpeg4, interlaced": {"codec": "mpeg4", "options": {"g": "12", "bf": "2", "flags": "+ilme+ildct"}},
    "mpeg2": {"codec": "mpeg2video", "options": {"g": "15", "bf": "2"}},
    "mpeg2, interlaced": {"codec": "mpeg2video", "options": {"g": "15", "bf": "2", "flags": "+ilme+ildct"}},
    "mpeg1": {"codec": "mpeg1video", "options": {"g": "15", "bf": "2"}},
    "mjpeg": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "prores": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "prores, alpha": {"codec": "prores_ks", "pix_fmt": "yuva444p10le", "options": {"profile": "4444"}},
    "dnxhr": {"codec": "dnxhd", "pix_fmt": "yuv422p", "size": (256, 128), "options": {"profile": "dnxhr_lb"}},
    "ffv1": {"codec": "ffv1", "options": {"g": "10"}},
    "huffyuv": {"codec": "huffyuv", "pix_fmt": "yuv422p"},
    "flv1": {"codec": "flv", "options": {"g": "20"}},
    "wmv2": {"codec": "wmv2", "options": {"g": "20"}},
    "msmpeg4": {"codec": "msmpeg4", "options": {"g": "20"}},
    "png": {"codec": "png", "pix_fmt": "rgb24"},
    "cinepak": {"codec": "cinepak", "pix_fmt": "rgb24", "options": {"g": "20"}},
    "snow": {"codec": "snow", "options": {"g": "20"}},
}
TIMINGS: dict[str, dict[str, Any]] = {
    "": {},
    ", variable rate": {"times": np.cumsum(np.random.default_rng(1).integers(5, 180, 110)).tolist()},
}
QUICK = [
    ("vp8", "webm"),
    ("mpeg2", "mkv"),
    ("mpeg2, interlaced", "mp4"),
    ("mjpeg", "avi"),
    ("mjpeg", "mov"),
    ("prores", "mov"),
    ("dnxhr", "mov"),
    ("ffv1", "mkv"),
    ("h264, interlaced", "mp4"),
    ("h264, 10 bit", "mkv"),
    ("vp9, alpha", "webm"),
]


class _Everything:
    def __contains__(self, _: object) -> bool:
        return True


def frames(path: Path, *, decode_all: bool = False) -> tuple[list[tuple[float, bytes]], VideoFrames]:
    sampled = sample_frames(path, fps=3, short_side=None, decode_all=decode_all)
    return [(frame.seconds, frame.image_HWC.tobytes()) for frame in sampled], sampled


def quick_frames(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, bytes]]:
    """As if every codec and container were trusted."""
    with monkeypatch.context() as patch:
        patch.setattr(vivi.video.decode, "_CODECS", _Everything())
        patch.setattr(vivi.video.decode, "_CONTAINERS", _Everything())
        return frames(path)[0]


def edited(path: Path) -> None:
    """A file whose first second is cut away by an edit list."""

    def early(packet: av.Packet) -> None:
        packet.pts, packet.dts = (packet.pts or 0) - 12_800, (packet.dts or 0) - 12_800

    write_film(path, count=110, options={"preset": "fast"}, retime=early)


@pytest.mark.parametrize(("codec", "container"), QUICK)
def test_what_is_trusted_is_equal(codec: str, container: str, tmp_path: Path) -> None:
    path = write_film(tmp_path / f"a.{container}", count=110, **CODECS[codec])
    ours, sampled = frames(path)
    assert not sampled.whole
    assert len(ours) == 14
    assert ours == frames(path, decode_all=True)[0]


def every_file(folder: Path) -> Iterator[tuple[str, Path]]:
    for timing, times in TIMINGS.items():
        for codec, form in CODECS.items():
            for container in CONTAINERS:
                path = folder / f"{codec}{timing}.{container}"
                try:
                    write_film(path, count=110, **(form | times))
                except (av.FFmpegError, ValueError):  # this container does not take it
                    continue
                yield path.name, path
    edited(folder / "edit list.mp4")
    yield "edit list.mp4", folder / "edit list.mp4"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
def test_what_differs_is_decoded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    equal, different, wrong = 0, [], []
    for name, path in every_file(tmp_path):
        try:
            expected = frames(path, decode_all=True)[0]
        except DecodeError:  # a file that nobody can read back: some containers take anything
            continue
        ours, sampled = frames(path)
        wrong += [name] if ours != expected else []
        if quick_frames(path, monkeypatch) == expected:
            equal += 1
        else:
            different.append(name)
            assert sampled.whole, name
    print(f"{equal} files equal; different and decoded whole: {', '.join(different)}")
    assert wrong == []
    assert {"h264, open groups, pyramid.avi", "h264, open groups, pyramid.asf"} <= set(different)
    assert equal > 150


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.timeout(1800)
def test_every_real_video_is_equal() -> None:
    if "VIVI_REAL_DATA" not in os.environ:
        pytest.skip("VIVI_REAL_DATA is not set")
    paths = [path for path in sorted((Path(os.environ["VIVI_REAL_DATA"]) / "videos").rglob("*.*")) if path.is_file()]
    ends = []
    for path in paths:
        try:
            expected = [frame.image_HWC for frame in sample_frames(path, fps=1, short_side=64, decode_all=True)]
        except DecodeError as error:
            ends.append(error.reason)
            continue
        ours = sample_frames(path, fps=1, short_side=64)
        for frame, image_HWC in zip(ours, expected, strict=True):
            assert np.array_equal(frame.image_HWC, image_HWC), path
        ends.append("decoded whole" if ours.whole else "equal")
    print({end: ends.count(end) for end in ends})
    assert ends.count("equal") > 0.5 * len(paths)
