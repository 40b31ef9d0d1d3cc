"""Runs over damaged data: one line for each record, the same run after a resumption, a limit that ends it saved."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.reference.damaged_store import flip

from vivi.core.checkpoint import checkpoints
from vivi.core.errors import ConfigError, StoreError, ViviError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.data.damage import TooManyDamagedError
from vivi.experiment import Experiment
from vivi.training.bad_records import BAD_RECORDS
from vivi.training.loop import RunOptions, pretrain

OPTIONS = RunOptions(world=World.single(), workers=2, log_every=1, save_every=2, bad_records=40)


class KilledError(Exception):
    """Stands for a process that dies."""


@pytest.fixture(scope="module")
def damaged(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every frame of the first shot of videos 2, 7 and 15 has a flipped bit."""
    store = shutil.copytree(tiny_store, tmp_path_factory.mktemp("damaged") / "store")
    for video in (2, 7, 15):
        for frame in range(6):
            flip(store, video=video, frame=frame)
    return store


def run(small: Experiment, store: Path, out: Path, *, die_at: int | None = None, **changes) -> RunFolder:
    def progress(line: dict[str, float]) -> None:
        if line["step"] == die_at and "loss" in line:
            raise KilledError

    options = dataclasses.replace(OPTIONS, **changes)
    return pretrain(small, data=store, out=out, options=options, progress=progress)


def noted(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / BAD_RECORDS).read_text().splitlines()]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoints(RunFolder(out).checkpoints)[-1] / "state.safetensors")


def test_without_leave_the_first_one_ends_the_run(tmp_path: Path, small: Experiment, damaged: Path) -> None:
    with pytest.raises(StoreError, match=r"frame \d of video (2|7|15) .* does not match its checksum"):
        run(small, damaged, tmp_path / "run", bad_records=0)
    assert not (tmp_path / "run" / BAD_RECORDS).exists()


def test_leave_without_damage_changes_nothing(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    run(small, tiny_store, tmp_path / "plain", bad_records=0)
    run(small, tiny_store, tmp_path / "with leave")
    for name, tensor in weights(tmp_path / "plain").items():
        assert torch.equal(tensor, weights(tmp_path / "with leave")[name]), name
    assert not (tmp_path / "with leave" / BAD_RECORDS).exists()


def test_the_run_goes_on_and_names_each_record_once(tmp_path: Path, small: Experiment, damaged: Path) -> None:
    done = run(small, damaged, tmp_path / "run")
    assert done.done.exists()
    lines = noted(done.path)
    names = [(line["video"], line["frame"]) for line in lines]
    assert len(set(names)) == len(names) >= 4
    assert {video for video, _ in names} <= {"video2.mp4", "video7.mp4", "video15.mp4"}
    assert all(0 <= line["frame"] < 6 and line["file"] == "shards/shard-000000.tar" for line in lines)
    assert all("does not match its checksum" in line["reason"] for line in lines)
    steps = [line["step"] for line in lines]
    assert steps == sorted(steps) and set(steps) <= set(range(6))


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path, small: Experiment, damaged: Path) -> None:
    run(small, damaged, tmp_path / "unbroken", workers=1)
    with pytest.raises(KilledError):
        run(small, damaged, tmp_path / "resumed", die_at=5)
    with (tmp_path / "resumed" / BAD_RECORDS).open("a") as file:
        file.write('{"step": 5, "fi')  # killed while it wrote
    run(small, damaged, tmp_path / "resumed", workers=3)
    expected = weights(tmp_path / "unbroken")
    for name, tensor in weights(tmp_path / "resumed").items():
        assert torch.equal(tensor, expected[name]), name
    assert noted(tmp_path / "resumed") == noted(tmp_path / "unbroken")


def test_more_than_the_limit_end_the_run_with_its_state_saved(tmp_path: Path, small: Experiment, damaged: Path) -> None:
    whole = noted(run(small, damaged, tmp_path / "whole").path)
    last = whole[-1]["step"]
    assert whole[0]["step"] < last < 5, "the limit is passed within the run"
    most = max(sum(line["step"] == step for line in whole) for step in range(6))
    limit = len(whole) - 1
    assert most <= limit, "it is the sum that is too much, not a single sample"
    with pytest.raises(TooManyDamagedError, match=rf"{len(whole)} records .* more than --bad-records {limit},"):
        run(small, damaged, tmp_path / "run", bad_records=limit)
    assert noted(tmp_path / "run") == whole
    assert checkpoints(tmp_path / "run/checkpoints")[-1].name == f"step-{last + 1:08}"
    with pytest.raises(TooManyDamagedError):
        run(small, damaged, tmp_path / "run", bad_records=limit)
    assert run(small, damaged, tmp_path / "run", bad_records=limit + 1).done.exists()
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(tensor, weights(tmp_path / "run")[name]), name


def test_one_sample_with_too_many_is_noted_before_the_run_ends(
    tmp_path: Path, small: Experiment, damaged: Path
) -> None:
    with pytest.raises(TooManyDamagedError, match=r"2 records .* more than --bad-records 1"):
        run(small, damaged, tmp_path / "run", bad_records=1)
    assert len(noted(tmp_path / "run")) == 2


def test_a_list_that_somebody_broke_is_named(tmp_path: Path, small: Experiment, damaged: Path) -> None:
    run(small, damaged, tmp_path / "run", die_at=None)
    (tmp_path / "run/done.json").unlink()
    (tmp_path / "run" / BAD_RECORDS).write_text('{"step": 1}\n')
    with pytest.raises(ViviError, match=r"bad_records\.jsonl is damaged .* delete it"):
        run(small, damaged, tmp_path / "run")


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ConfigError, match="--bad-records -1: must be at least 0"):
        dataclasses.replace(OPTIONS, bad_records=-1)
