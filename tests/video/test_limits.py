"""What may be asked of one video: packets, frames, pixels of all frames, streams; and a file that stays the same."""

import errno
import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.films import write_film

from vivi.core.work import Unit, run_units
from vivi.video.container import DecodeError, OpenVideo, open_video
from vivi.video.decode import sample_frames


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "a.mkv")  # 75 frames of 64 x 48 in 3 s


def reason(path: Path, *, fps: float = 5, decode_all: bool = False) -> str:
    with pytest.raises(DecodeError) as caught:
        list(sample_frames(path, fps=fps, short_side=None, decode_all=decode_all))
    return f"{caught.value.reason}: {caught.value.detail}"


def test_packets(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivi.video.timeline.MAX_PACKETS", 75)
    assert len(list(sample_frames(film, fps=5, short_side=None))) == 15
    monkeypatch.setattr("vivi.video.timeline.MAX_PACKETS", 74)
    assert reason(film) == "too large: it has more than 74 packets"


@pytest.mark.parametrize("decode_all", [False, True])
def test_frames(film: Path, monkeypatch: pytest.MonkeyPatch, decode_all: bool) -> None:
    monkeypatch.setattr("vivi.video.decode.MAX_FRAMES", 15)
    assert len(list(sample_frames(film, fps=5, short_side=None, decode_all=decode_all))) == 15
    monkeypatch.setattr("vivi.video.decode.MAX_FRAMES", 14)
    assert reason(film, decode_all=decode_all).startswith("too large: it gives more than 14 frames")


def test_pixels_of_all_frames(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivi.video.decode.MAX_OUTPUT_PIXELS", 15 * 64 * 48)
    assert len(list(sample_frames(film, fps=5, short_side=None))) == 15
    monkeypatch.setattr("vivi.video.decode.MAX_OUTPUT_PIXELS", 15 * 64 * 48 - 1)
    assert reason(film).startswith("too large: it gives more than 14 frames")


def test_streams(tmp_path: Path) -> None:
    few = write_film(tmp_path / "64.mkv", codec="mpeg4", size=(16, 16), count=2, streams=64)
    assert len(list(sample_frames(few, fps=25, short_side=None))) == 2
    many = write_film(tmp_path / "65.mkv", codec="mpeg4", size=(16, 16), count=2, streams=65)
    assert reason(many) == "too large: 65 streams, at most 64 are read"
    more = write_film(tmp_path / "300.mkv", codec="mpeg4", size=(16, 16), count=2, streams=300)
    assert reason(more).startswith("too large: ")


def test_a_link_is_not_opened(film: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mkv").symlink_to(film)
    assert reason(tmp_path / "link.mkv") == "unreadable: it is a symbolic link"


def test_bytes_that_change_while_they_are_read(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "grows.mkv"
    path.write_bytes(film.read_bytes())
    with pytest.raises(DecodeError, match="changed or replaced") as caught, open_video(path), path.open("ab") as file:
        file.write(b"more")
    assert caught.value.reason == "changed"
    with pytest.raises(DecodeError, match="changed or replaced"), open_video(path):
        path.write_bytes(b"other")
        raise DecodeError(path, "corrupt", "this is why")
    path.write_bytes(film.read_bytes())
    with open_video(path):
        path.unlink()  # its bytes are still there


@pytest.mark.parametrize("decode_all", [False, True])
def test_frames_come_from_the_bytes_whose_timestamps_were_read(film: Path, tmp_path: Path, decode_all: bool) -> None:
    path = tmp_path / "replaced.mkv"
    path.write_bytes(film.read_bytes())
    frames = sample_frames(path, fps=5, short_side=None, decode_all=decode_all)
    (tmp_path / "new").write_bytes(film.read_bytes())
    (tmp_path / "new").rename(path)
    with pytest.raises(DecodeError, match="changed or replaced"):
        list(frames)


@pytest.mark.parametrize("decode_all", [False, True])
def test_a_disk_that_fails_behind_the_timestamps(film: Path, monkeypatch: pytest.MonkeyPatch, decode_all: bool) -> None:
    packets = OpenVideo.packets

    def failing(video: OpenVideo, *, of_all_streams: bool = False) -> Iterator[object]:
        yield from itertools.islice(packets(video, of_all_streams=of_all_streams), None if of_all_streams else 40)
        if not of_all_streams:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(OpenVideo, "packets", failing)
    assert reason(film, decode_all=decode_all) == "corrupt: it cannot be read to its end: Input/output error"


def test_what_is_packed_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"a" * 1000))
    assert reason(tmp_path / "a.tar.gz").startswith("not a video: it is a compressed archive: unpack it")


def score(_: object) -> int:
    return int(Path("/proc/self/oom_score_adj").read_text())


def test_a_worker_is_killed_before_its_parent_where_memory_ends() -> None:
    if not Path("/proc/self/oom_score_adj").exists():
        pytest.skip("only Linux has such a score")
    (outcome,) = run_units(score, units=[Unit("score", None, 60.0)], workers=1)
    assert outcome.value == max(500, score(None))
