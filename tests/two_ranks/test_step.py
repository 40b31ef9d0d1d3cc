"""The whole step on two ranks, and in chunks on two ranks, against one process with the whole batch."""

import dataclasses
from typing import Any

import pytest
import torch
from tests.reference.ranks import RANKS, run_ranks
from torch import Tensor

from vivi.core.world import World
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.training.state import TrainState
from vivi.training.step import train_step


def moved(world: World, experiment: Experiment, frames_NKLCHW: Tensor, chunks: int) -> dict[str, Any]:
    """Loss, gradients and buffers after one step with this rank's share of the batch."""
    share = len(frames_NKLCHW) // world.size
    mine = slice(world.rank * share, (world.rank + 1) * share)
    batch = VideoBatch(step=0, frames_NKLCHW=frames_NKLCHW[mine], sample_ids_N=torch.arange(4)[mine])
    state = TrainState.start(experiment, device=world.device)
    result = train_step(state, batch, experiment=experiment, world=world, chunks=chunks)
    gradients = {name: p.grad for name, p in state.model.named_parameters()}
    buffers = {name: value for name, value in state.model.named_buffers() if "running" in name}
    return {"loss": result.losses.total.detach(), "gradients": gradients, "buffers": buffers}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("chunks", [1, 2])
def test_two_ranks_do_the_step_of_one(small: Experiment, batch: VideoBatch, chunks: int) -> None:
    steady = dataclasses.replace(small, optimiser=dataclasses.replace(small.optimiser, weight_decay=0.0))
    expected = moved(World.single(), steady, batch.frames_NKLCHW, 1)
    results = run_ranks(moved, steady, batch.frames_NKLCHW, chunks)
    assert len(results) == RANKS
    for result in results:
        torch.testing.assert_close(result["loss"], expected["loss"])
        for kind in ("gradients", "buffers"):
            for name, value in expected[kind].items():
                scale = float(value.abs().max())
                torch.testing.assert_close(result[kind][name], value, rtol=1e-3, atol=1e-4 * scale + 1e-7)
