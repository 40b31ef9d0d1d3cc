"""The whole step on two ranks, and in chunks on two ranks, against one process with the whole batch."""

import dataclasses
from typing import Any

import pytest
import torch
from tests.reference.miniatures import batches, miniature
from tests.reference.ranks import RANKS, run_ranks
from torch import Tensor

from vivi.core.config import override
from vivi.core.world import World
from vivi.data.records import ImageBatch, VideoBatch
from vivi.experiment import Experiment
from vivi.training.state import TrainState
from vivi.training.step import train_step


def moved(world: World, experiment: Experiment, chunks: int) -> dict[str, Any]:
    """Loss, gradients and buffers after one step with this rank's share of the batch."""
    videos, images = batches(experiment)
    if videos is not None:
        mine = share(videos.frames_NKLCHW, world)
        videos = VideoBatch(step=0, frames_NKLCHW=mine, sample_ids_N=share(videos.sample_ids_N, world))
    if images is not None:
        mine = share(images.images_BVCHW, world)
        images = ImageBatch(step=0, images_BVCHW=mine, labels_B=share(images.labels_B, world))
    state = TrainState.start(experiment, device=world.device)
    result = train_step(state, videos, images=images, experiment=experiment, world=world, chunks=chunks)
    gradients = {name: p.grad for name, p in state.model.named_parameters()}
    buffers = {name: value for name, value in state.model.named_buffers() if "running" in name}
    return {"loss": result.losses.total.detach(), "gradients": gradients, "buffers": buffers}


def small_groups(experiment: Experiment) -> list[str]:
    """Norm groups that split over two ranks and two chunks."""
    frames = ["norm_group=4"] if experiment.uses_videos else []
    return frames + (["labelled.norm_group=4"] if experiment.labelled is not None else [])


def plain_patches(name: str) -> list[str]:
    """Without standardisation, which makes rounding errors of nearly even patches large."""
    return ["frame_levels.0.objective.standardise=false"] if "Jigsaw" in name else []


def share(rows: Tensor, world: World) -> Tensor:
    """This rank's rows."""
    count = len(rows) // world.size
    return rows[world.rank * count : (world.rank + 1) * count]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("name", "chunks"),
    [
        ("VIVI-Ex(4)", 1),
        ("VIVI-Rot(2)-Order", 1),
        ("VIVI-Ex(4)-Co(10%)", 2),
        ("VIVI-Jigsaw(4)", 1),
        ("Sup-Rot-100%", 1),
    ],
)
def test_two_ranks_do_the_step_of_one(name: str, chunks: int) -> None:
    experiment = override(miniature(name), [*small_groups(miniature(name)), *plain_patches(name)])
    steady = dataclasses.replace(experiment, optimiser=dataclasses.replace(experiment.optimiser, weight_decay=0.0))
    expected = moved(World.single(), steady, 1)
    results = run_ranks(moved, steady, chunks)
    assert len(results) == RANKS
    for result in results:
        torch.testing.assert_close(result["loss"], expected["loss"])
        for kind in ("gradients", "buffers"):
            for name, value in expected[kind].items():
                scale = float(value.abs().max())
                torch.testing.assert_close(result[kind][name], value, rtol=1e-3, atol=1e-4 * scale + 1e-7)
