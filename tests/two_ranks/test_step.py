"""The whole step on two ranks, and in chunks on two ranks, against one process with the whole batch."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from vivi.training import posed
from vivi.training.state import TrainState
from vivi.training.step import train_step


def moved(world: World, experiment: Experiment, chunks: int) -> dict[str, Any]:
    """Loss, gradients, buffers and weights after one step in float64 with this rank's share of the batch."""
    videos, images = batches(experiment)
    if videos is not None:
        mine = share(videos.frames_NKLCHW, world)
        videos = VideoBatch(step=0, frames_NKLCHW=mine, sample_ids_N=share(videos.sample_ids_N, world))
    if images is not None:
        mine = share(images.images_BVCHW, world)
        images = ImageBatch(step=0, images_BVCHW=mine, labels_B=share(images.labels_B, world))
    state = TrainState.start(experiment, device=world.device)
    state.model.double()
    with float64_frames():
        result = train_step(state, videos, images=images, experiment=experiment, world=world, chunks=chunks)
    gradients = {name: p.grad for name, p in state.model.named_parameters()}
    buffers = {name: value for name, value in state.model.named_buffers() if "running" in name}
    weights = {name: p.detach() for name, p in state.model.named_parameters()}
    return {"loss": result.losses.total.detach(), "gradients": gradients, "buffers": buffers, "weights": weights}


def plain_patches(name: str) -> list[str]:
    """Without standardisation, which makes rounding errors of nearly even patches large."""
    return ["frame_levels.0.objective.standardise=false"] if "Jigsaw" in name else []


def share(rows: Tensor, world: World) -> Tensor:
    """This rank's rows."""
    count = len(rows) // world.size
    return rows[world.rank * count : (world.rank + 1) * count]


@contextmanager
def float64_frames() -> Iterator[None]:
    """Coloured frames as float64, so that a network in float64 can be given them."""
    before = posed._Rows.coloured
    posed._Rows.coloured = lambda self, part: before(self, part).double()
    try:
        yield
    finally:
        posed._Rows.coloured = before


def steady(name: str, changes: Sequence[str]) -> Experiment:
    """The miniature without weight decay, so that its gradients are those of the losses alone."""
    experiment = override(miniature(name), [*changes, *plain_patches(name)])
    return dataclasses.replace(experiment, optimiser=dataclasses.replace(experiment.optimiser, weight_decay=0.0))


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("name", "chunks", "groups"),
    [
        ("VIVI-Ex(4)", 1, ["norm_group=4"]),
        ("VIVI-Ex(4)", 1, ["norm_group=16"]),  # a norm group of both ranks
        ("VIVI-Rot(2)-Order", 1, ["norm_group=4"]),
        ("VIVI-Ex(4)-Co(10%)", 2, ["norm_group=4", "labelled.norm_group=4"]),
        ("VIVI-Jigsaw(4)", 1, ["norm_group=4"]),
        ("Sup-Rot-100%", 1, ["labelled.norm_group=16"]),
    ],
)
def test_two_ranks_do_the_step_of_one(name: str, chunks: int, groups: list[str]) -> None:
    experiment = steady(name, groups)
    expected = moved(World.single(), experiment, 1)
    results = run_ranks(moved, experiment, chunks)
    assert len(results) == RANKS
    for result in results:
        torch.testing.assert_close(result["loss"], expected["loss"], rtol=1e-10, atol=0)
        for kind in ("gradients", "buffers", "weights"):
            for each, value in expected[kind].items():
                scale = float(value.abs().max())
                torch.testing.assert_close(
                    result[kind][each], value, rtol=1e-9, atol=1e-10 * scale + 1e-14, msg=f"{kind} {each}"
                )
