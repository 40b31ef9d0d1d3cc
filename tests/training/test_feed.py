"""Data that end a run: what is said, and what is saved before."""

import dataclasses
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from vivi.core.checkpoint import checkpoints
from vivi.core.errors import StoreError, ViviError
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.training import loop
from vivi.training.feed import timed
from vivi.training.inputs import Inputs, StepInput
from vivi.training.loop import RunOptions, pretrain

OPTIONS = RunOptions(world=World.single(), workers=1, log_every=10, save_every=10)
NOTHING = StepInput(None, None)


def ended_by_data(
    small: Experiment, store: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *, poisoned: int | None = None
) -> list[str]:
    """A run whose third batch cannot be read, and the loss of one of whose steps is no number; what it has saved."""
    whole, step = Inputs.batches, loop.train_step

    def batches(inputs: Inputs, first: int, last: int, **more: Any) -> Generator[StepInput]:
        yield from whole(inputs, first, min(last, 2), **more)
        if last > 2:
            raise StoreError("the third batch is broken")

    def stepped(state: Any, *arguments: Any, **more: Any) -> Any:
        result = step(state, *arguments, **more)
        if state.step - 1 != poisoned:
            return result
        return dataclasses.replace(result, losses=dataclasses.replace(result.losses, total=torch.tensor(torch.nan)))

    monkeypatch.setattr(Inputs, "batches", batches)
    monkeypatch.setattr(loop, "train_step", stepped)
    with pytest.raises(StoreError, match="the third batch is broken"):
        pretrain(small, data=store, out=out, options=OPTIONS, progress=lambda _: None)
    return [each.name for each in checkpoints(out / "checkpoints")]


def test_what_was_learned_before_is_saved(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended_by_data(small, tiny_store, tmp_path / "run", monkeypatch) == ["step-00000002"]


def test_a_state_that_diverged_is_not_saved_and_the_data_are_named(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended_by_data(small, tiny_store, tmp_path / "run", monkeypatch, poisoned=1) == []


def test_data_that_another_rank_cannot_read_end_this_one_and_close_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, open_then = [], []

    def batches() -> Generator[StepInput]:
        try:
            while True:
                yield NOTHING
        finally:
            closed.append(True)

    others = iter([False, True])
    monkeypatch.setattr(World, "any", lambda _, flag: flag or next(others))
    world = World(rank=1, size=2, device=torch.device("cpu"))
    got = timed(batches(), world=world, at_failure=lambda: open_then.append(not closed))
    assert next(got)[0] is NOTHING
    with pytest.raises(ViviError, match="another process cannot read its data"):
        next(got)
    assert open_then == [True] and closed == [True]
