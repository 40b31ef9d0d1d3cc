"""Damaged data on two ranks: the run, the list and the end of one process."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.reference.damaged_store import flip
from tests.reference.ranks import RankPools
from tests.training.conftest import SMALL

from vivi.core.config import override
from vivi.core.rundir import RunFolder
from vivi.core.telling import told_by_all
from vivi.core.world import World
from vivi.data.damage import TooManyDamagedError
from vivi.presets import find, tiny
from vivi.training.bad_records import BAD_RECORDS
from vivi.training.loop import RunOptions, pretrain

pytestmark = pytest.mark.timeout(180)
TEXTS = ["", "rank one: Grüße", "x" * 1000, "{}"]


def all_told(world: World) -> dict[str, Any]:
    return {
        "different": told_by_all(TEXTS[world.rank], world=world),
        "nothing": told_by_all("", world=world),
    }


@pytest.mark.parametrize("ranks", [1, 2])
def test_every_rank_is_told_what_all_say(pools: RankPools, ranks: int) -> None:
    for told in pools.run(ranks, all_told):
        assert told == {"different": TEXTS[:ranks], "nothing": [""] * ranks}


@pytest.fixture(scope="module")
def damaged(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = shutil.copytree(tiny_store, tmp_path_factory.mktemp("damaged") / "store")
    for video in (2, 4, 7, 9, 15):
        for frame in range(6):
            flip(store, video=video, frame=frame)
    return store


def run(world: World, store: Path, out: Path, limit: int) -> dict[str, Any]:
    settings = (*SMALL, "schedule.steps=2", "schedule.warmup=0", "schedule.decays=[]")
    experiment = override(tiny(find("VIVI-Ex(4)")), settings)
    options = RunOptions(world=world, workers=1, log_every=1, save_every=1, bad_records=limit)
    try:
        pretrain(experiment, data=store, out=out, options=options, progress=lambda _: None)
    except TooManyDamagedError as error:
        return {"said": str(error)}
    return {"said": None}


def noted(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / BAD_RECORDS).read_text().splitlines()]


def losses(out: Path) -> list[float]:
    return [line["loss"] for line in RunFolder(out).read_metrics()]


def test_two_ranks_do_the_run_of_one_and_end_as_it_does(pools: RankPools, tmp_path: Path, damaged: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert pools.run(1, run, damaged, one, 40) == [{"said": None}]
    assert pools.run(2, run, damaged, two, 40) == [{"said": None}] * 2
    assert noted(two) == noted(one) and len(noted(one)) > 2
    assert {line["step"] for line in noted(one)} == {1}, "the last step that is compared"
    assert losses(two) == pytest.approx(losses(one), rel=1e-3)
    limit = len(noted(one)) - 1
    [alone] = pools.run(1, run, damaged, tmp_path / "one ends", limit)
    together = pools.run(2, run, damaged, tmp_path / "two end", limit)
    assert alone["said"] is not None and together == [alone] * 2
    assert noted(tmp_path / "two end") == noted(tmp_path / "one ends")
