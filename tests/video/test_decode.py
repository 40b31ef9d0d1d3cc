"""Sampled frames: bit for bit those of decoding everything, at the right times, of the right size and orientation."""

import gc
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vivi.video.container import DecodeError
from vivi.video.decode import VideoFrames, sample_frames
from vivi.video.pictures import Pictures, stored_size
from vivi.video.plan import Clock, plan_decoding
from vivi.video.timeline import Timeline

X264 = {"threads": "1"}
X265 = "pools=1:log-level=none"
ENCODINGS = {
    "h264.mp4": ("libx264", X264),
    "h264-open-gop.mp4": ("libx264", X264 | {"x264-params": "open-gop=1:keyint=30:bframes=3"}),
    "h264-open-gop.mkv": ("libx264", X264 | {"x264-params": "open-gop=1:keyint=22:bframes=5:b-pyramid=normal"}),
    "h264-short-gops.flv": ("libx264", X264 | {"g": "10"}),
    "h264-intra-refresh.mp4": ("libx264", X264 | {"x264-params": "intra-refresh=1:keyint=40:bframes=0"}),
    "h264-only-keys.mp4": ("libx264", X264 | {"g": "1"}),
    "h264.avi": ("libx264", X264 | {"g": "30"}),
    "h264.ts": ("libx264", X264 | {"g": "30"}),
    "hevc.mp4": ("libx265", {"x265-params": f"keyint=50:{X265}"}),
    "hevc-open-gop.mkv": ("libx265", {"x265-params": f"keyint=25:open-gop=1:bframes=4:{X265}"}),
    "vp9.webm": ("libvpx-vp9", {"g": "40", "deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1"}),
    "vp8.webm": ("libvpx", {"g": "40", "deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1"}),
    "mpeg4.mp4": ("mpeg4", {"g": "12", "bf": "2"}),
    "mpeg4.avi": ("mpeg4", {"g": "12", "bf": "2"}),
    "mpeg2.mpg": ("mpeg2video", {"g": "15", "bf": "2"}),
}


def scene(count: int, *, width: int = 96, height: int = 64) -> list[np.ndarray]:
    """A texture that moves, another one every 40 frames."""
    rng = np.random.default_rng(0)
    textures = np.kron(rng.integers(0, 256, (8, 24, 36, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    return [
        textures[i // 40 % 8][i % 40 : i % 40 + height, 2 * (i % 40) : 2 * (i % 40) + width].copy()
        for i in range(count)
    ]


def write(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    rate: int = 25,
    milliseconds: Sequence[int] | None = None,
    rotation: int | None = None,
    pixel_aspect: Fraction | None = None,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or X264)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        unit = Fraction(1, 1000) if milliseconds else Fraction(1, rate)
        stream.codec_context.time_base = unit
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = milliseconds[number] if milliseconds else number, unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def reference(path: Path, *, fps: Fraction) -> list[tuple[float, np.ndarray]]:
    """Decode everything, then look up what is on the screen at each instant."""
    pictures = Pictures(short_side=None, pixel_aspect=Fraction(1))
    with av.open(str(path)) as container:
        frames = [(frame.pts * frame.time_base, pictures.convert(frame)) for frame in container.decode(video=0)]
    times = [time - frames[0][0] for time, _ in frames]
    end = times[-1] * len(times) / (len(times) - 1)
    found: list[tuple[float, np.ndarray]] = []
    last = -1
    instant = Fraction(0)
    while instant < end:
        index = max(i for i, time in enumerate(times) if time <= instant)
        if index != last:
            found.append((float(instant), frames[index][1]))
        last, instant = index, instant + 1 / fps
    return found


def equal(ours: VideoFrames, theirs: VideoFrames) -> bool:
    pairs = list(zip(ours, theirs, strict=True))
    return bool(pairs) and all(a.seconds == b.seconds and np.array_equal(a.image_HWC, b.image_HWC) for a, b in pairs)


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("fps", [1, 3])
def test_frames_are_those_of_decoding_everything(tmp_path: Path, name: str, fps: int) -> None:
    codec, options = ENCODINGS[name]
    path = write(tmp_path / name, scene(110), codec=codec, options=options)
    ours = sample_frames(path, fps=fps, short_side=None)
    assert equal(ours, sample_frames(path, fps=fps, short_side=None, decode_all=True))
    assert ours.whole == (path.suffix in (".avi", ".ts", ".mpg"))


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_frames_of_a_variable_rate_are_those_on_the_screen(tmp_path: Path, container: str) -> None:
    milliseconds = np.cumsum(np.random.default_rng(1).integers(5, 180, 120)).tolist()
    options = X264 | {"x264-params": "open-gop=1:keyint=20"}
    path = write(tmp_path / f"vfr.{container}", scene(120), options=options, milliseconds=milliseconds)
    ours = list(sample_frames(path, fps=2, short_side=None))
    theirs = reference(path, fps=Fraction(2))
    assert [frame.seconds for frame in ours] == [seconds for seconds, _ in theirs]
    assert all(np.array_equal(frame.image_HWC, image) for frame, (_, image) in zip(ours, theirs, strict=True))


def test_one_hertz_of_25_gives_every_25th_frame(tmp_path: Path) -> None:
    pictures = scene(130)
    path = write(tmp_path / "a.mp4", pictures, options=X264 | {"qp": "1"})
    frames = sample_frames(path, fps=1, short_side=None)
    assert [frame.seconds for frame in frames] == [0, 1, 2, 3, 4, 5]
    for frame, picture in zip(frames, pictures[::25], strict=True):
        assert np.abs(frame.image_HWC.astype(int) - picture).mean() < 20
    assert frames.info.seconds == pytest.approx(5.2)
    assert frames.info.fps == pytest.approx(25)
    assert (frames.info.codec, frames.info.width, frames.info.height) == ("h264", 96, 64)


def test_a_slow_video_gives_each_frame_once(tmp_path: Path) -> None:
    path = write(tmp_path / "slow.mp4", scene(7), rate=1)
    assert [frame.seconds for frame in sample_frames(path, fps=4, short_side=None)] == [0, 1, 2, 3, 4, 5, 6]


def test_most_pictures_are_not_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", scene(150), options=X264 | {"g": "10"})
    frames = sample_frames(path, fps=1, short_side=None)
    assert plan_decoding(frames.timeline, frames.clock).needed.sum() < 60


def test_a_plan_reaches_over_an_open_gop() -> None:
    # File order I0 P3 B1 B2 | I6 B4 B5 P9 ...; the picture at 4 comes behind its key frame and is shown before it.
    times = (0, 3, 1, 2, 6, 4, 5, 9, 7, 8)
    timeline = Timeline(
        times=times,
        keys=tuple(time in (0, 6) for time in times),
        hidden=(False,) * 10,
        is_exact=True,
        seconds=10,
    )
    plan = plan_decoding(timeline, Clock(time_base=Fraction(1), rate=Fraction(1, 4)))
    assert plan.times == {0, 4, 8}
    assert plan.needed.tolist() == [True] * 10
    alone = plan_decoding(timeline, Clock(time_base=Fraction(1), rate=Fraction(1, 8)))
    assert alone.times == {0, 8}
    assert alone.needed.tolist() == [True] + [False] * 3 + [True] * 6


def test_hidden_pictures_are_never_chosen() -> None:
    timeline = Timeline(
        times=(-2, -1, 0, 1), keys=(True,) * 4, hidden=(True, True, False, False), is_exact=True, seconds=2
    )
    assert plan_decoding(timeline, Clock(time_base=Fraction(1), rate=Fraction(1))).times == {0, 1}


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(3, 10), Fraction(7)])
def test_chosen_frames_are_those_on_the_screen(rate: Fraction) -> None:
    times = np.cumsum(np.random.default_rng(2).integers(1, 900, 60)).tolist()
    clock = Clock(time_base=Fraction(1, 600), rate=rate)
    end = (times[-1] - times[0]) * Fraction(60, 59)
    instants = [k / rate * 600 for k in range(10_000) if k / rate * 600 < end]
    seen = {max(time for time in times if time - times[0] <= instant) for instant in instants}
    assert clock.chosen(times) == sorted(seen)


@pytest.mark.parametrize(
    ("width", "height", "short_side", "aspect", "expected"),
    [
        (854, 480, 256, Fraction(1), (455, 256)),
        (480, 854, 256, Fraction(1), (256, 455)),
        (160, 120, 256, Fraction(1), (160, 120)),
        (854, 480, None, Fraction(1), (854, 480)),
        (720, 576, 256, Fraction(16, 11), (465, 256)),
        (720, 576, None, Fraction(16, 11), (720, 396)),
        (470, 320, None, Fraction(704, 705), (470, 320)),
    ],
)
def test_stored_size(
    width: int, height: int, short_side: int | None, aspect: Fraction, expected: tuple[int, int]
) -> None:
    assert stored_size(width, height, short_side=short_side, pixel_aspect=aspect) == expected


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_the_display_matrix_is_honoured(tmp_path: Path, rotation: int) -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48], picture[:32, 48:], picture[32:, :48] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    path = write(tmp_path / "turned.mp4", [picture] * 3, rotation=rotation)
    (frame,) = sample_frames(path, fps=1, short_side=32)
    expected = np.rot90(picture, k=rotation // 90)  # set_display_rotation counts counterclockwise, as rot90 does
    corners = (np.array([[1, 1, 3, 3], [1, 3, 1, 3]]) * np.array(frame.image_HWC.shape[:2])[:, None] // 4).tolist()
    assert frame.image_HWC.shape[:2] == ((32, 48) if rotation in (0, 180) else (48, 32))
    assert np.abs(frame.image_HWC[tuple(corners)].astype(int) - expected[::2, ::2][tuple(corners)]).max() < 25


@pytest.mark.parametrize("size", [(455, 256), (64, 48), (31, 7)])
def test_pixels_are_those_of_the_planes(size: tuple[int, int]) -> None:
    width, height = size
    planes = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, "gbrp")
    assert np.array_equal(frame.to_ndarray(), planes)
    image_HWC = Pictures(short_side=None, pixel_aspect=Fraction(1)).convert(frame)
    assert np.array_equal(image_HWC, planes)
    assert image_HWC.flags.c_contiguous


def test_decoded_pictures_are_let_go_without_the_garbage_collector(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", scene(60))
    gc.collect()
    gc.disable()
    try:
        list(sample_frames(path, fps=5, short_side=None))
        kept = sum(type(each) is av.VideoFrame for each in gc.get_objects())
    finally:
        gc.enable()
    assert kept == 0


def test_non_square_pixels_become_square(tmp_path: Path) -> None:
    path = write(tmp_path / "wide.mp4", scene(5), pixel_aspect=Fraction(2))
    (frame,) = sample_frames(path, fps=1, short_side=None)
    assert frame.image_HWC.shape == (32, 96, 3)


def test_scaling_averages_areas(tmp_path: Path) -> None:
    stripes = np.zeros((128, 192, 3), np.uint8)
    stripes[:, ::2] = 255
    path = write(tmp_path / "stripes.mp4", [stripes] * 3, options=X264 | {"qp": "1"})
    (frame,) = sample_frames(path, fps=1, short_side=32)
    assert np.abs(frame.image_HWC.astype(int) - 127).max() < 12


@pytest.mark.real
def test_real_videos_are_bit_equal() -> None:
    if "VIVI_REAL_DATA" not in os.environ:
        pytest.skip("VIVI_REAL_DATA is not set")
    videos = [path for path in sorted(Path(os.environ["VIVI_REAL_DATA"]).glob("videos/*/*.*"))[::12] if path.is_file()]
    assert videos
    for path in videos:
        ours = sample_frames(path, fps=1, short_side=64)
        assert equal(ours, sample_frames(path, fps=1, short_side=64, decode_all=True)), path


def test_damage_in_the_middle_is_corrupt_or_equal(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "a.mp4", scene(110)).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with pytest.raises(DecodeError) as caught:
        list(sample_frames(path, fps=5, short_side=None))
    assert caught.value.reason == "corrupt"
