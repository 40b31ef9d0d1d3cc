"""How runs of two ranks end: all at the same step, for the same reason, and not before the first one has written."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.reference.damaged_store import flip
from tests.reference.ranks import RankPools
from tests.reference.tiny_images import tiny_images  # noqa: F401 (a fixture)
from tests.training.conftest import SMALL

from vivi.core import checkpoint_writer
from vivi.core.checkpoint import checkpoints, save_checkpoint
from vivi.core.config import override
from vivi.core.errors import InterruptedRunError, ViviError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.data.order import batch_ids
from vivi.data.store import ShotStore
from vivi.experiment import Experiment
from vivi.presets import find, tiny
from vivi.training import loop
from vivi.training.guard import BAD_STEPS
from vivi.training.loop import RunOptions, pretrain
from vivi.training.step import train_step

pytestmark = pytest.mark.timeout(180)
STEPS = 4


def experiment() -> Experiment:
    settings = (*SMALL, f"schedule.steps={STEPS}", "schedule.warmup=0", "schedule.decays=[]")
    return override(tiny(find("VIVI-Ex(4)")), settings)


def run(world: World, store: Path, out: Path, **options: Any) -> dict[str, Any]:
    paces: dict[str, Any] = {"log_every": 10, "save_every": 10} | options
    try:
        pretrain(
            experiment(), data=store, out=out, options=RunOptions(world=world, workers=1, **paces), progress=_nothing
        )
    except ViviError as error:
        saved = [path.name for path in checkpoints(RunFolder(out).checkpoints)]
        return {"kind": type(error).__name__, "said": str(error), "saved": saved}
    return {"kind": None}


def diverges(world: World, store: Path, out: Path, images: Path) -> dict[str, Any]:
    """The loss of the second step is no number; after it the first rank alone looks at neighbours."""

    def poisoned(state, *arguments, **more):
        if state.step == 1:
            with torch.no_grad():
                next(state.model.frame_objectives.parameters()).view(-1)[0] = torch.nan
        return train_step(state, *arguments, **more)

    loop.train_step = poisoned
    try:
        return run(world, store, out, knn=images, knn_every=2)
    finally:
        loop.train_step = train_step


def slowly(*arguments: Any, **more: Any) -> Path:
    """The checkpoint takes its time."""
    time.sleep(1)
    return save_checkpoint(*arguments, **more)


def stops(world: World, store: Path, out: Path) -> dict[str, Any]:
    """Asked to stop in the first step; the checkpoint takes its time."""

    def asked(state, *arguments, **more):
        os.kill(os.getpid(), 15)
        return train_step(state, *arguments, **more)

    checkpoint_writer.save_checkpoint, loop.train_step = slowly, asked
    try:
        return run(world, store, out)
    finally:
        checkpoint_writer.save_checkpoint, loop.train_step = save_checkpoint, train_step


def test_all_find_that_the_loss_is_no_number_where_one_looks(
    pools: RankPools,
    tmp_path: Path,
    tiny_store: Path,
    tiny_images: Path,  # noqa: F811
) -> None:
    ends = pools.run(2, diverges, tiny_store, tmp_path / "run", tiny_images)
    assert [each["kind"] for each in ends] == ["DivergedError"] * 2
    assert all("not finite at step 2" in each["said"] for each in ends)
    (noted,) = (json.loads(line) for line in (tmp_path / "run" / BAD_STEPS).read_text().splitlines())
    assert noted["step"] == 1 and len(noted["samples"]) == experiment().samples_per_step


def test_none_ends_before_the_checkpoint_is_on_disk(pools: RankPools, tmp_path: Path, tiny_store: Path) -> None:
    ends = pools.run(2, stops, tiny_store, tmp_path / "run")
    assert [each["kind"] for each in ends] == [InterruptedRunError.__name__] * 2
    assert [each["saved"] for each in ends] == [["step-00000001"]] * 2


def test_damage_that_is_too_much_only_together_ends_both_when_the_state_is_on_disk(
    pools: RankPools, tmp_path: Path, tiny_store: Path
) -> None:
    """A sample of each rank at the first step, all of whose frames are damaged: as many records as are borne."""
    store = shutil.copytree(tiny_store, tmp_path / "store")
    table, sampling = ShotStore.open(store).table, experiment().sampling
    ids = batch_ids(sampling.eligible(table), seed=0, step=0, size=4).tolist()
    for video in (ids[0], ids[3]):
        for frame in range(sum(shot.length for shot in table.shots(video))):
            flip(store, video=video, frame=frame)
    limit = sampling.shots * sampling.frames
    ends = pools.run(2, _with_slow_records, store, tmp_path / "run", limit)
    assert [each["kind"] for each in ends] == ["TooManyDamagedError"] * 2
    assert all(f"{2 * limit} records of the data are damaged" in each["said"] for each in ends)
    assert [each["saved"] for each in ends] == [["step-00000001"]] * 2


@pytest.mark.parametrize("limit", [0, 1])
def test_damage_that_one_rank_meets_ends_both_with_the_state_saved(
    pools: RankPools, tmp_path: Path, tiny_store: Path, limit: int
) -> None:
    """A sample of the second rank at the second step, all of whose frames are damaged."""
    store = shutil.copytree(tiny_store, tmp_path / "store")
    table, wanted = ShotStore.open(store).table, experiment()
    eligible = wanted.sampling.eligible(table)
    first, second = (batch_ids(eligible, seed=0, step=step, size=4).tolist() for step in (0, 1))
    video = next(each for each in second[2:] if each not in first)
    frames = sum(shot.length for shot in table.shots(video))
    for frame in range(frames):
        flip(store, video=video, frame=frame)
    ends = pools.run(2, _with_records, store, tmp_path / "run", limit)
    assert [each["saved"] for each in ends] == [["step-00000001"]] * 2
    assert "another process cannot read its data" in ends[0]["said"]
    assert ends[1]["kind"] == ("TooManyDamagedError" if limit else "StoreError")
    if limit:
        assert len((tmp_path / "run/bad_records.jsonl").read_text().splitlines()) > 1


def _with_records(world: World, store: Path, out: Path, limit: int) -> dict[str, Any]:
    return run(world, store, out, bad_records=limit)


def _with_slow_records(world: World, store: Path, out: Path, limit: int) -> dict[str, Any]:
    checkpoint_writer.save_checkpoint = slowly
    try:
        return run(world, store, out, bad_records=limit)
    finally:
        checkpoint_writer.save_checkpoint = save_checkpoint


def _nothing(_: dict[str, float]) -> None:
    """The line of the log is not looked at."""
