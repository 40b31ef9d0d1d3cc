"""Ways to cut shots that stand on others: corrections, a longest shot, every frame of the file; and their flags."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference.tiny_videos import film_of

from vivi.core.config import dump, fingerprint, load
from vivi.core.errors import ConfigError, ViviError
from vivi.data.store import ShotStore
from vivi.video.amended import Corrected, EvenlyDivided
from vivi.video.cuts import CutsError
from vivi.video.decode import TimedFrame
from vivi.video.every_frame import FullRateShots, sudden_changes
from vivi.video.ingest import IngestSettings, ingest
from vivi.video.shots import CutsAt, FixedWindows, HistogramShots, KnownCuts, ShotMethod, WholeVideo
from vivi.video.shots_flag import ShotFlags, shot_method

IN_ORDER = {"threads": "1", "bf": "0"}
RED, GREEN, BLUE = (np.full((48, 64, 3), colour, np.uint8) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250)))


def spans(method: ShotMethod, images: list[np.ndarray], *, video: str = "a.mp4") -> tuple[tuple[int, int], ...]:
    signatures = [method.signature(image) for image in images]
    return method.spans(signatures, seconds=[float(i) for i in range(len(images))], video=video)


def test_the_default_settings_are_those_of_stores_that_exist() -> None:
    assert dump(IngestSettings()) == {
        "class": "vivi.video.settings:IngestSettings",
        "fps": 1.0,
        "short_side": 256,
        "quality": 90,
        "shots": {"class": "vivi.video.shots:HistogramShots", "bits": 4, "threshold": 0.5, "min_frames": 1},
        "shard_mebibytes": 256,
    }
    assert fingerprint(IngestSettings()) == fingerprint(load(dump(IngestSettings()), IngestSettings))


def test_long_shots_are_divided_evenly() -> None:
    images = [RED] * 7 + [GREEN] * 3 + [BLUE] * 8
    assert spans(EvenlyDivided(method=HistogramShots(), max_frames=3), images) == (
        *((0, 2), (2, 2), (4, 3)),
        (7, 3),
        *((10, 2), (12, 3), (15, 3)),
    )
    assert spans(EvenlyDivided(method=WholeVideo(), max_frames=18), images) == ((0, 18),)
    assert spans(EvenlyDivided(method=FixedWindows(seconds=9), max_frames=8), images) == (
        *((0, 4), (4, 5)),
        *((9, 4), (13, 5)),
    )


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 6))
def test_divided_shots_keep_both_limits(frames: int, max_frames: int, min_frames: int) -> None:
    images = [(RED, GREEN)[i // 7 % 2] for i in range(frames)]
    longest = max(max_frames, 2 * min_frames - 1)
    method = EvenlyDivided(method=HistogramShots(min_frames=min_frames), max_frames=longest)
    found = spans(method, images)
    assert [frame for first, length in found for frame in range(first, first + length)] == list(range(frames))
    assert all(min(min_frames, frames) <= length <= longest for _, length in found)


def test_corrections_hold_for_the_videos_they_name(tmp_path: Path) -> None:
    file = tmp_path / "corrections.csv"
    file.write_text("path,seconds\na.mp4,1\nnone.mp4,\nnew\\nline.mp4,3\n")
    images = [RED, RED, GREEN, GREEN]
    method = Corrected(method=HistogramShots(), file=str(file))
    assert spans(method, images, video="a.mp4") == ((0, 1), (1, 3))
    assert spans(method, images, video="none.mp4") == ((0, 4),)
    assert spans(method, images, video="other.mp4") == ((0, 2), (2, 2))
    assert spans(method, images, video="new\nline.mp4") == ((0, 3), (3, 1))
    assert spans(KnownCuts(file=str(file)), images, video="new\nline.mp4") == ((0, 3), (3, 1))
    method.check(["a.mp4", "b.mp4"])
    with pytest.raises(CutsError, match=r"names none of the 1 videos; they are called like 'b\.mp4'"):
        method.check(["b.mp4"])


def test_corrections_stand_before_what_looks_at_files(tmp_path: Path) -> None:
    file = tmp_path / "corrections.csv"
    file.write_text("path,seconds\na.mp4,1.5\n")
    method = Corrected(method=EvenlyDivided(method=FullRateShots(), max_frames=4), file=str(file))
    assert method.of_video(tmp_path / "there is no such file", video="a.mp4") == CutsAt(seconds=(1.5,))
    clip = film_of(tmp_path / "b.mp4", [RED] * 30 + [GREEN] * 20, rate=25, options=IN_ORDER)
    assert method.of_video(clip, video="b.mp4") == EvenlyDivided(method=CutsAt(seconds=(1.2,)), max_frames=4)


def test_cuts_are_found_at_the_full_frame_rate(tmp_path: Path) -> None:
    clip = film_of(tmp_path / "clip.mp4", [RED] * 30 + [GREEN] * 20 + [BLUE] * 26, rate=25, options=IN_ORDER)
    method = FullRateShots().of_video(clip, video="clip.mp4")
    assert method == CutsAt(seconds=(30 / 25, 50 / 25))
    with pytest.raises(ValueError, match="of_video"):
        FullRateShots().boundaries([], seconds=[], video="")


def test_ingest_stores_the_same_frames_whatever_finds_the_cuts(tmp_path: Path) -> None:
    film_of(tmp_path / "in.mp4", [RED] * 30 + [GREEN] * 20 + [BLUE] * 30, rate=25, options=IN_ORDER)
    stores = {}
    for name, shots in (("hist", HistogramShots()), ("full", FullRateShots())):
        ingest([tmp_path / "in.mp4"], out=tmp_path / name, settings=IngestSettings(shots=shots), workers=1)
        stores[name] = ShotStore.open(tmp_path / name)
    ours, theirs = (store.read_frames(0, first=0, count=store.num_frames(0)) for store in stores.values())
    assert ours == theirs
    # frames at 0, 1, 2, 3 s; cuts at 1.2 and 2.0 s
    assert [[shot.length for shot in store.table.shots(0)] for store in stores.values()] == [[2, 2], [2, 2]]


def slow_changes(distances, seconds, *, threshold, contrast, reach):
    found = []
    for at, second in enumerate(seconds):
        around = [(-d, i) for i, (d, s) in enumerate(zip(distances, seconds, strict=True)) if abs(s - second) <= reach]
        others = [-d for d, i in around if i != at]
        usual = np.median(others) if others else 0.0
        if distances[at] > threshold and min(around)[1] == at and distances[at] >= contrast * usual:
            found.append(second)
    return found


@given(st.lists(st.integers(0, 8), max_size=30), st.sampled_from([0.0, 1.0, 3.0]))
def test_sudden_changes_against_a_loop(eighths: list[int], contrast: float) -> None:
    distances, seconds = np.array(eighths) / 8, np.arange(len(eighths)) / 4
    options = {"threshold": 0.3, "contrast": contrast, "reach": 0.5}
    assert sudden_changes(distances, seconds=seconds, **options) == slow_changes(distances, seconds, **options)


def test_a_shaking_camera_is_no_cut() -> None:
    shaking = np.array([0.3, 0.35, 0.3, 0.4, 0.3, 0.3, 0.35])
    seconds = np.arange(7) / 25
    assert sudden_changes(shaking, seconds=seconds, threshold=0.25, contrast=3, reach=0.5) == []
    assert sudden_changes(shaking, seconds=seconds, threshold=0.25, contrast=1, reach=0.5) == [3 / 25]


def test_one_frame_or_none_has_no_cut() -> None:
    assert FullRateShots().cuts([]) == []
    assert FullRateShots().cuts([TimedFrame(0.0, RED)]) == []


def test_flags_of_shots(tmp_path: Path) -> None:
    assert shot_method("hist", flags=ShotFlags()) == HistogramShots()
    assert shot_method("hist", flags=ShotFlags(threshold=0.3, min_frames=2)) == HistogramShots(
        threshold=0.3, min_frames=2
    )
    assert shot_method("full", flags=ShotFlags(threshold=0.4)) == FullRateShots(threshold=0.4)
    assert shot_method("8", flags=ShotFlags(max_frames=5)) == EvenlyDivided(
        method=FixedWindows(seconds=8), max_frames=5
    )
    file = tmp_path / "c.csv"
    file.write_text("path,seconds\na.mp4,1\n")
    method = shot_method("none", flags=ShotFlags(corrections=file, max_frames=9))
    assert isinstance(method, Corrected)
    assert method.method == EvenlyDivided(method=WholeVideo(), max_frames=9)
    assert load(dump(method), ShotMethod) == method
    file.write_text("path,seconds\na.mp4,2\n")
    with pytest.raises(CutsError, match="has changed"):
        spans(method, [RED] * 3)


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        ("none", {"threshold": 0.3}, "goes with --shots hist, full or scenedetect alone, not with --shots none"),
        ("none", {"min_frames": 3}, "--min-frames 3 goes with --shots hist alone"),
        ("hist", {"min_frames": 5, "max_frames": 8}, "at least --max-frames 9"),
        ("hist", {"max_frames": 0}, "max-frames 0: max_frames"),
        ("hist", {"threshold": 1.5}, "--threshold 1.5: threshold"),
        ("scenedetect:colour", {}, "legal: scenedetect:content, scenedetect:adaptive"),
        ("hist", {"corrections": Path("missing.csv")}, "cannot read missing.csv"),
    ],
)
def test_flags_that_do_not_go_together(text: str, flags: dict, said: str) -> None:
    with pytest.raises(ViviError, match=said) as caught:
        shot_method(text, flags=ShotFlags(**flags))
    assert "\n" not in str(caught.value)


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scenedetect", None)
    with pytest.raises(ConfigError, match=r'needs PySceneDetect: pip install "vivi\[scenes\]"'):
        shot_method("scenedetect:content")


def test_lengths_differ_by_one_frame_at_most() -> None:
    for frames, longest in itertools.product(range(1, 40), range(1, 12)):
        lengths = [
            length for _, length in spans(EvenlyDivided(method=WholeVideo(), max_frames=longest), [RED] * frames)
        ]
        assert max(lengths) - min(lengths) <= 1
        assert len(lengths) == -(-frames // longest)
