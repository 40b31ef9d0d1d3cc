"""What the doctor finds in stores made for it, and what it advises."""

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from tests.doctor.conftest import scene
from tests.reference.loopback import served

from vivi.core.errors import ConfigError, StoreError
from vivi.core.files import sha256_file, write_json
from vivi.data.clips import num_videos_for
from vivi.data.store import ShotStore
from vivi.data.store.format import MANIFEST, VIDEOS, Skip
from vivi.doctor.examine import examine, spread
from vivi.doctor.look import look_at
from vivi.doctor.oddities import find_oddities
from vivi.doctor.record import as_json
from vivi.doctor.shapes import FRAMES, SHOTS, Spread, most_frequent, read_shapes
from vivi.video.borders import Borders
from vivi.video.shots import HistogramShots

BLACK = [np.zeros((48, 64, 3), np.uint8)] * 4


def boxed(frames):
    return [np.pad(image[:, 10:-10], ((0, 0), (10, 10), (0, 0))) for image in frames]


@pytest.fixture
def odd_store(make_store):
    return make_store(
        {
            "a/plain.mp4": [scene(1, frames=8), scene(2, frames=3)],
            "b/still.mp4": [scene(3, frames=1) * 5, scene(4, frames=4)],
            "c/black.mp4": [BLACK, scene(5, frames=4)],
            "d/boxed.mp4": [boxed(scene(6, frames=6))],
        },
        skipped=[Skip("e/broken.mp4", "corrupt", "the decoder gave up", 10)],
    )


def test_the_look_has_the_distances_of_the_stored_frames(odd_store):
    store = ShotStore.open(odd_store)
    (look,) = look_at(store, videos=[1], threads=2)
    frames = [simplejpeg.decode_jpeg(each) for each in store.read_frames(1, first=0, count=store.num_frames(1))]
    method = HistogramShots()
    assert look.distances.tolist() == pytest.approx(method.distances([method.signature(each) for each in frames]))
    assert look.changes[:4].tolist() == [0, 0, 0, 0]
    assert look.changes[4:].min() > 0.5


def test_black_still_and_bordered_are_told(odd_store):
    store = ShotStore.open(odd_store)
    found = find_oddities(store, look_at(store, videos=range(4), threads=1))
    assert (found.frames, found.black_frames) == (34, 4)
    assert [(each.path, each.shot.index, each.start, each.end) for each in found.black_shots] == [
        ("c/black.mp4", 0, 0.0, 4.0)
    ]
    assert [(each.path, each.shot.index) for each in found.static_shots] == [("b/still.mp4", 0)]
    assert [(each.path, each.borders) for each in found.bordered] == [
        ("d/boxed.mp4", Borders(top=0, bottom=0, left=10, right=10, height=48, width=64))
    ]


def test_the_table_of_k_and_l_is_that_of_the_sampling(odd_store):
    store = ShotStore.open(odd_store)
    shapes = read_shapes(store)
    assert shapes.usable[1, 8] == 1
    assert shapes.usable[2, 3] == 3
    for k, n in itertools.product(SHOTS, FRAMES):
        assert shapes.usable[k, n] == num_videos_for(store.table, shots=k, frames=n)
    assert shapes.one_shot == 1
    assert shapes.shots_of_videos.bars == (("1", 1), ("2", 3))
    assert shapes.sizes == (("128 x 96", 4),)


@pytest.mark.parametrize("largest", [1, 7, 8, 9, 11, 12, 300])
def test_every_number_stands_in_one_bar(largest):
    numbers = np.arange(1, largest + 1)
    bars = Spread.of(numbers).bars
    assert sum(count for _, count in bars) == largest
    for name, count in bars:
        low, _, high = name.partition(" to ")
        assert count == int(high or low) - int(low) + 1
    assert Spread.of(numbers[:0]).bars == ()


def test_rare_values_are_counted_together():
    values = [str(number) for number in range(12) for _ in range(20 - number)]
    counted = most_frequent(Counter(values))
    assert counted[0] == ("0", 20)
    assert counted[-1] == ("4 others", 12 + 11 + 10 + 9)
    assert sum(count for _, count in counted) == len(values)


def test_advice_names_numbers_and_flags(odd_store):
    found = examine(odd_store, threads=1)
    advice = "\n".join(found.advice)
    assert "0 of 4 videos have 4 consecutive shots of at least 8 frames" in advice
    # 11, 9, 8 and 6 seconds: at 4 frames a second three of them have 4 windows of 8 frames
    assert "Fixed windows would leave about 3: vivi ingest --fps 4 --shots 2" in advice
    assert "1 of 5 inputs were left out (corrupt 1)" in advice
    assert "1 of 4 videos have black borders: vivi ingest --crop-borders" in advice
    assert "1 shots stand still" in advice
    assert all("\n" not in sentence for sentence in found.advice)


def test_a_good_store_needs_no_advice(make_store):
    good = {f"{n}.mp4": [scene(10 * n + shot, frames=9) for shot in range(5)] for n in range(1, 6)}
    found = examine(make_store(good), threads=2)
    assert found.advice == (
        "A step of the paper has 512 videos and 5 can be used: the same video would stand in a step several times. "
        "Take a smaller batch: --set samples_per_step=N.",
    )
    assert found.duplicates.pairs == ()


def test_known_cuts_fit_the_threshold(make_store, tmp_path):
    def shaded(seed, shade):
        return [np.clip(image.astype(int) // 3 + shade, 0, 255).astype(np.uint8) for image in scene(seed, frames=6)]

    store = make_store({f"{n}.mp4": [shaded(n, 0), shaded(n, 120), shaded(n, 60)] for n in range(4)})
    cuts = tmp_path / "cuts.csv"
    cuts.write_text("path,seconds\n" + "".join(f"{n}.mp4,{second}\n" for n in range(3) for second in (6, 12)))
    found = examine(store, cuts=cuts, threads=1).threshold
    assert (found.known, found.now) == (3, 0.5)
    assert found.fitted.score.f1 == 1
    assert found.suggested == found.fitted.threshold
    assert len(found.distances) == 4 * 17


def test_a_sample_is_spread_evenly(odd_store):
    assert list(spread(10, 5)) == [0, 2, 4, 6, 8]
    assert list(spread(3, 5)) == list(spread(3, None)) == [0, 1, 2]
    assert examine(odd_store, videos=2, threads=1).looked == 2
    with pytest.raises(ConfigError, match="--videos 0: must be at least 1"):
        examine(odd_store, videos=0)


def test_damage_is_told(odd_store, tmp_path):
    with pytest.raises(StoreError, match="no such folder"):
        examine(tmp_path / "missing")
    shard = next((odd_store / "shards").iterdir())
    data = bytearray(shard.read_bytes())
    data[3000] ^= 255
    shard.write_bytes(data)
    with pytest.raises(StoreError, match="does not match its checksum"):
        examine(odd_store, threads=2)


@pytest.mark.parametrize(("there", "instead"), [(b'"codec"', b'"codex"'), (b'"seconds":6.0', b'"seconds":"x"')])
def test_a_line_that_is_sound_for_its_checksum_alone_is_named(make_store, there, instead):
    path = make_store({"a.mp4": [scene(1, frames=6)], "b.mp4": [scene(2, frames=6)]})
    lines = path / VIDEOS
    assert there in lines.read_bytes()
    lines.write_bytes(lines.read_bytes().replace(there, instead))
    manifest = json.loads((path / MANIFEST).read_bytes())
    manifest["files"][VIDEOS]["sha256"] = sha256_file(lines)
    write_json(path / MANIFEST, manifest)
    with pytest.raises(StoreError, match=r"line 1 of .*videos.jsonl is damaged"):
        examine(path)


def test_a_far_store_is_recorded_by_its_address(make_store, tmp_path, monkeypatch):
    pytest.importorskip("obstore")
    path = make_store({"a.mp4": [scene(1, frames=6)]})
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path / "cache"))
    assert as_json(examine(path))["store"]["path"] == str(path.resolve())
    with served(tmp_path) as web:
        url = f"{web.url}/{path.name}"
        assert as_json(examine(Path(url)))["store"]["path"] == url
