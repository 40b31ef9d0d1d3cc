"""When a run is saved, and by whom."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.training.meter import Meter
from vivi.training.saving import Saver


def saver(rank: int, calls: list[str], *, step: int = 4, paces: tuple[int, ...] = ()) -> Saver:
    """Of one of two ranks; what it does stands in `calls`."""
    writer: Any = SimpleNamespace(save=lambda _: calls.append("save"), wait=lambda: calls.append("wait"))
    state: Any = SimpleNamespace(step=step, interval=None)
    world = World(rank=rank, size=2, device=torch.device("cpu"))
    return Saver(RunFolder(Path("nowhere")), state, writer, world, paces)


@pytest.mark.parametrize(("rank", "wanted"), [(0, ["save"]), (1, [])])
def test_the_first_rank_alone_writes(rank: int, wanted: list[str]) -> None:
    calls: list[str] = []
    saver(rank, calls).save(Meter())
    assert calls == wanted


@pytest.mark.parametrize("rank", [0, 1])
def test_all_meet_behind_the_checkpoint(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(World, "barrier", lambda _: calls.append("meet"))
    saver(rank, calls).settle()
    assert calls == ["wait", "meet"]


def test_it_is_due_at_every_pace_and_0_is_none() -> None:
    due = [step for step in range(1, 11) if saver(0, [], step=step, paces=(4, 0, 6, 10)).is_due()]
    assert due == [4, 6, 8, 10]
