"""The arithmetic of the table of methods (benchmarks/methods.py), and how its page is kept."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from methods_clock import Clock
from methods_numbers import Difference, Interval, Tally, paired, pooled, t_interval
from methods_records import keep, restore
from methods_report import read_rows, section, update
from methods_rows import (
    CO_BATCH_NORM,
    CO_PLAIN,
    GROUP_NORM,
    HYPOTHESES,
    OURS,
    PLAIN,
    RANDOM,
    ROWS,
    check_rows,
    experiment_of,
)
from methods_worlds import divided, link
from vivi.core.errors import ConfigError
from vivi.core.files import read_json, write_json
from vivi.data.labelled import LabelledSet
from vivi.presets import PRESETS

T_2, T_11 = 4.302653, 2.200985
"""Student's 97.5 % points for 2 and 11 degrees of freedom, from tables."""


def test_interval_over_three_seeds():
    found = t_interval([10.0, 12.0, 17.0])
    assert found.mean == pytest.approx(13)
    assert found.half == pytest.approx(T_2 * math.sqrt(13) / math.sqrt(3), rel=1e-6)
    assert (found.low, found.high) == pytest.approx((13 - found.half, 13 + found.half))


def test_a_single_seed_says_nothing_about_seeds():
    assert t_interval([5.0]) == Interval(5.0, math.inf)
    with pytest.raises(ValueError, match="at least one"):
        t_interval([])


def test_pooled_interval_is_the_exact_one_of_all_answers():
    # 0 of 30: upper end 1 - 0.025 ** (1 / 30)
    low, high = pooled([Tally(0, 10), Tally(0, 20)])
    assert (low, high) == pytest.approx((0, 100 * (1 - 0.025 ** (1 / 30))))
    assert pooled([Tally(5, 10), Tally(10, 20)]) == pytest.approx(pooled([Tally(15, 30)]))


def test_paired_differences_on_random_numbers():
    random = np.random.default_rng(0)
    better_ST, worse_ST = random.normal(size=(2, 3, 4))
    keys = {(seed, f"task-{task}"): (seed, task) for seed in range(3) for task in range(4)}
    found = paired({key: better_ST[at] for key, at in keys.items()}, {key: worse_ST[at] for key, at in keys.items()})
    gap_ST = better_ST - worse_ST
    assert found.over_all.half == pytest.approx(T_11 * gap_ST.std(ddof=1) / math.sqrt(12), rel=1e-6)
    assert found.over_seeds.mean == pytest.approx(gap_ST.mean())
    assert found.over_seeds.half == pytest.approx(T_2 * gap_ST.mean(axis=1).std(ddof=1) / math.sqrt(3), rel=1e-6)
    for task in range(4):
        assert found.of_task[f"task-{task}"].mean == pytest.approx(gap_ST[:, task].mean())


def test_what_all_seeds_share_is_no_noise():
    found = paired(
        {(seed, "a"): 50.0 + 9 * seed for seed in range(3)}, {(seed, "a"): 48.0 + 9 * seed for seed in range(3)}
    )
    assert found.over_seeds == Interval(2.0, 0.0)


@pytest.mark.parametrize(("worse"), [{(0, "a"): 1.0}, {(0, "a"): 1.0, (1, "b"): 1.0}])
def test_pairs_must_match(worse):
    with pytest.raises(ValueError, match="same seeds and tasks"):
        paired({(0, "a"): 1.0, (1, "a"): 1.0}, worse)


@pytest.mark.parametrize(
    ("mean", "half", "said"),
    [
        (2.0, 1.9, "holds"),
        (2.0, 2.1, "not distinguishable"),
        (-2.0, 2.1, "not distinguishable"),
        (-2.0, 1.9, "does not hold"),
        (5.0, math.inf, "not distinguishable"),
    ],
)
def test_verdicts(mean, half, said):
    assert Difference(Interval(mean, half), Interval(0.0, 0.0), {}).verdict == said


def test_rows_and_hypotheses_name_what_exists():
    assert set(ROWS) == {*PRESETS, *OURS} and len(set(ROWS)) == len(ROWS)
    assert {row for pairs in HYPOTHESES.values() for pair in pairs for row in pair} <= {*ROWS, RANDOM}
    assert check_rows(["VIVI-Ex(4)", "Ex-YT-F"]) == ("Ex-YT-F", "VIVI-Ex(4)")
    with pytest.raises(ConfigError, match="no such row"):
        check_rows(["Ex-YT-G"])


def test_the_row_of_our_own_differs_from_each_neighbour_in_one_thing():
    plain, frames, shots = (experiment_of(row, classes=5, seed=1, steps=9) for row in (PLAIN, "Ex-YT-F", "Ex-YT-S"))
    assert (plain.augmentation, plain.sampling) == (shots.augmentation, frames.sampling)
    assert plain.augmentation != frames.augmentation and plain.sampling != shots.sampling
    assert (plain.seed, plain.schedule.steps) == (1, 9)


def test_no_image_is_in_two_parts(tmp_path):
    for at in range(40):
        file = tmp_path / "all" / "ab"[at % 2] / f"{at}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([at // 2 if at < 4 else at]))  # 0 and 1, 2 and 3 have the same bytes
    parts = divided(tmp_path / "all", learn=0.5)
    files = [file for part in parts.values() for members in part.values() for file in members]
    assert len({file.read_bytes() for file in files}) == len(files) == 38
    counts = {name: [len(members) for members in part.values()] for name, part in parts.items()}
    assert counts == {"learn": [10, 9], "train": [5, 4], "test": [5, 5]}
    assert parts == divided(tmp_path / "all", learn=0.5)
    link(tmp_path / "linked", {name: parts[name] for name in ("train", "test")})
    found = LabelledSet.open(tmp_path / "linked", seed=0)
    read = {(tmp_path / "linked" / image.path).read_bytes() for image in found.images}
    assert read == {file.read_bytes() for members in parts["train"].values() for file in members}


def record(row, seed, *, right, random=5):
    tally = {"a": [right, 10], "b": [right, 10]}
    twin = {"a": [random, 10], "b": [random, 10]}
    return {
        "row": row, "seed": seed, "network": "BatchNorm, width 0.25", "losses": {"frame/exemplar": 0.49},
        "chance": {"frame/exemplar": 0.5}, "effective_rank": 9.0, "feature_std": 0.5, "seconds": 60.0,
        "tallies": {"trained": {"logistic": tally, "knn": tally}, "random": {"logistic": twin, "knn": twin}},
    }  # fmt: skip


def test_the_page_holds_finished_rows_and_keeps_the_other_world(tmp_path):
    write_json(tmp_path / "seeds.json", [0, 1])
    for row, seeds, right in (("Ex-YT-F", (0, 1), 6), ("Ex-YT-S", (0, 1), 8), ("VIVI-Ex(4)", (0,), 9)):
        for seed in seeds:
            write_json(tmp_path / "runs" / row / f"seed-{seed}" / "record.json", record(row, seed, right=right))
    rows = read_rows(tmp_path, tasks=["a", "b"])
    text = section(rows, world="demo", about=["said"])
    assert f"2 of {len(ROWS)} rows are finished with all seeds (0, 1); {len(ROWS) - 2} are left out." in text
    assert "| VIVI-Ex(4) |" not in text
    assert "| random weights | 50.0 ± 0.0 (27.2 to 72.8) |" in text
    assert "| Ex-YT-S − Ex-YT-F | knn | +20.0 [+20.0, +20.0] | [+20.0, +20.0] | holds | +20.0 ± 0.0 |" in text
    assert "| Ex-YT-F | frame/exemplar **0.490** (0.500) | 9.0 | 0.50 | 1.0 |" in text
    page = tmp_path / "results.md"
    page.write_text("<!-- notes begins -->\nby hand\n<!-- notes ends -->\n")
    for world, content in (("real", "one"), ("demo", "two"), ("real", "three")):
        update(page, world=world, text=content)
    shown = page.read_text()
    assert "one" not in shown.split("<!-- demo begins -->")[1]
    assert shown.index("by hand") < shown.index("\ntwo\n") < shown.index("three")


def test_time_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("methods_clock.time.monotonic", lambda: now[0])
    clock = Clock({"small": 1.0, "large": 8.0}, jobs=2)
    assert clock.left(["large"]) == 0
    clock.begin("small", 0)
    clock.begin("small", 1)
    now[0] = 10.0
    assert clock.end("small", 0) == 10
    assert clock.left(["small", "large"]) == pytest.approx((0 + 10 + 80) / 2)


def test_rows_of_ours_differ_in_one_thing():
    rows = {
        row: experiment_of(row, classes=5, seed=1, steps=9)
        for row in (GROUP_NORM, CO_PLAIN, CO_BATCH_NORM, "VIVI-Ex(4)", "VIVI-Ex(4)-Co(100%)")
    }
    plain, batch, video = rows[CO_PLAIN], rows[CO_BATCH_NORM], rows["VIVI-Ex(4)"]
    co = rows["VIVI-Ex(4)-Co(100%)"]
    assert plain.encoder == co.encoder == rows[GROUP_NORM].encoder != video.encoder == batch.encoder
    assert plain.augmentation == batch.augmentation == video.augmentation != co.augmentation
    assert plain.labelled is not None and plain.labelled.augmentation == video.augmentation
    assert rows[GROUP_NORM].augmentation == video.augmentation and not rows[GROUP_NORM].image_levels
    assert batch.norm_group == video.norm_group and batch.image_levels == plain.image_levels == co.image_levels


def test_records_are_kept_and_restored(tmp_path):
    file, places = tmp_path / "kept" / "demo.jsonl", [tmp_path / f"runs/a/seed-{seed}/record.json" for seed in (0, 1)]
    records = [{"row": "a", "seed": seed, "steps": 9, "experiment": "x", "score": seed} for seed in (0, 1)]
    for place, record in zip(places, records, strict=True):
        place.parent.mkdir(parents=True)
        write_json(place, record)
    keep(file, tmp_path)
    assert len(file.read_text().splitlines()) == 2
    for place in places:
        place.unlink()
    wanted = {"row": "a", "seed": 0, "steps": 9, "experiment": "x"}
    restore(file, {places[0]: wanted, places[1]: wanted | {"seed": 1, "experiment": "another"}})
    assert read_json(places[0]) == records[0]
    assert not places[1].exists()  # made with another experiment: it counts for nothing
    write_json(places[0], records[0] | {"score": 7})
    restore(file, {places[0]: wanted})
    assert read_json(places[0])["score"] == 7  # what is there is left alone
    keep(file, tmp_path)
    assert [line.count('"score": 7') for line in file.read_text().splitlines()] == [1, 0]
