"""Files that give no frames: each with its reason, none with another exception, none that reads another file."""

import copy
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vivi.video.container import DecodeError, open_video
from vivi.video.decode import sample_frames

REASONS = {"corrupt", "truncated", "no frames", "not a video", "no video stream", "no decoder", "zero duration", "ok"}


def encode(path: Path, *, count: int = 120, options: dict[str, str] | None = None, codec: str = "libx264") -> Path:
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (64 + count, 96 + count, 3), dtype=np.uint8) // 4 * 3
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25, options={"threads": "1", "g": "20"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(texture[number : number + 64, number : number + 96].copy(), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name in ("late.mp4", "a.mkv", "a.avi", "a.ts"):
        encode(folder / name)
    encode(folder / "early.mp4", options={"movflags": "faststart"})
    return folder


def outcome(path: Path) -> str:
    """What became of a file: "ok" or the reason."""
    try:
        frames = list(sample_frames(path, fps=2, short_side=None))
    except DecodeError as error:
        assert "\n" not in str(error)
        return error.reason
    return "ok" if frames else "nothing"


def made(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_what_is_no_video(tmp_path: Path) -> None:
    assert outcome(tmp_path / "missing.mp4") == "unreadable"
    assert outcome(tmp_path) == "unreadable"
    assert outcome(made(tmp_path, "empty.mp4", b"")) == "empty"
    assert outcome(made(tmp_path, "text.mp4", b"hello world\n" * 500)) == "not a video"
    assert outcome(made(tmp_path, "text.txt", b"hello world\n" * 500)) == "not a video"
    assert outcome(made(tmp_path, "noise.mp4", np.random.default_rng(0).bytes(50_000))) == "not a video"


def test_special_files_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    assert outcome(tmp_path / "pipe.mp4") == "unreadable"
    assert outcome(tmp_path / "zero.mp4") == "unreadable"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.avif", "a%03d.png"])
def test_still_pictures_are_no_videos(tmp_path: Path, name: str) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / name)
    assert outcome(tmp_path / name) == "not a video"
    assert outcome((tmp_path / name).rename(tmp_path / "renamed.mp4")) == "not a video"


def test_sound_alone(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44_100)
        for number in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 44_100, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert outcome(tmp_path / "sound.m4a") == "no video stream"


def test_cut_off_files(videos: Path, tmp_path: Path) -> None:
    for name, reason in (("late.mp4", "corrupt"), ("early.mp4", "truncated"), ("a.mkv", "truncated")):
        data = (videos / name).read_bytes()
        assert outcome(videos / name) == "ok"
        assert outcome(made(tmp_path, name, data[: len(data) // 3])) == reason


def test_encrypted(tmp_path: Path) -> None:
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76" * 16, "encryption_kid": "a7" * 16}
    assert outcome(encode(tmp_path / "secret.mp4", count=10, options=options)) == "encrypted"


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    assert outcome(encode(tmp_path / "one.mp4", count=1)) == "ok"


def test_pictures_without_any_time_are_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "still.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for _ in range(3):
            (packet,) = stream.encode(av.VideoFrame(96, 64, "yuvj420p"))
            packet.pts = packet.dts = packet.duration = 0
            container.mux(packet)
    assert outcome(tmp_path / "still.mkv") == "zero duration"


@pytest.mark.parametrize(
    "name",
    [
        *("-rf.mp4", "concat:a|b.mp4", "a%03d.mp4", "new\nline.mp4", "quo\"te'.mp4", "ünï 日本.MP4", "http:", "pipe:0"),
        *("x" * 250 + ".mp4", "none", "..mp4", "a.m3u8", "a.txt", os.fsdecode(b"\xff\xfe.mp4")),
    ],
)
def test_names_have_no_meaning(videos: Path, tmp_path: Path, name: str) -> None:
    assert outcome(made(tmp_path, name, (videos / "early.mp4").read_bytes())) == "ok"


def test_lists_of_other_files_are_refused(videos: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        for place in (f"{videos}/a.ts", f"file://{videos}/a.ts", f"http://127.0.0.1:{port}/a.ts"):
            lists = {
                "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4,\n{place}\n#EXT-X-ENDLIST\n",
                "list.ffconcat": f"ffconcat version 1.0\nfile '{place}'\n",
                "list.mp4": f"ffconcat version 1.0\nfile '{place}'\n",
            }
            for name, text in lists.items():
                assert outcome(made(tmp_path, name, text.encode())) == "not a video"
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "bomb.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 2048, 1088, "yuv420p"
        picture = av.VideoFrame(2048, 1088, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes(plane.buffer_size))
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(picture) + stream.encode(None))
    with pytest.raises(DecodeError, match="2048 x 1088") as caught, open_video(tmp_path / "bomb.mp4", max_pixels=10**6):
        pass
    assert caught.value.reason == "too large"
    grown = (
        "import resource, sys; from pathlib import Path; from vivi.video.container import DecodeError, open_video\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n  open_video(Path(sys.argv[1]), max_pixels=10**6, probe_only=True).__enter__()\n"
        "except DecodeError as error: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", grown, tmp_path / "bomb.mp4"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 4_000  # KiB; one decoded picture has 3,264


def mutations(data: bytes, *, count: int) -> Iterator[bytes]:
    for seed in range(count):
        chance = random.Random(seed)
        mutant = bytearray(data)
        for _ in range(chance.choice([1, 5, 50])):
            at = chance.randrange(len(mutant)) if chance.random() < 0.5 else chance.randrange(1500)
            match chance.randrange(4):
                case 0 | 1:
                    mutant[at] = chance.randrange(256)
                case 2:
                    del mutant[at : at + chance.randrange(50)]
                case 3:
                    mutant[at:at] = chance.randbytes(chance.randrange(50))
        yield bytes(mutant[: chance.randrange(1, len(mutant))] if seed % 5 == 0 else mutant)


@pytest.mark.parametrize("name", ["early.mp4", "a.mkv", "a.avi", "a.ts"])
def test_every_mutation_has_a_reason(videos: Path, tmp_path: Path, name: str) -> None:
    seen = {outcome(made(tmp_path, name, data)) for data in mutations((videos / name).read_bytes(), count=75)}
    assert seen <= REASONS
    assert "corrupt" in seen


def test_the_error_can_travel_between_processes(tmp_path: Path) -> None:
    error = DecodeError(tmp_path / "new\nline", "corrupt", "why")
    again = copy.copy(error)
    assert (str(again), again.reason, again.detail) == (str(error), "corrupt", "why")
