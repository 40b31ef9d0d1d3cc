"""A step, or many, of a miniature in float64 with a rank's share of the batch, and how far two of them are apart."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from tests.reference.miniatures import batches, miniature
from torch import Tensor

from vivi.core.config import override
from vivi.core.world import World
from vivi.data.records import ImageBatch, VideoBatch
from vivi.experiment import Experiment
from vivi.nn.recompute import recompute_blocks
from vivi.training import posed
from vivi.training.state import TrainState
from vivi.training.step import train_step

NORMS = {"BN": "encoder.norm=BatchNorm", "GN": "encoder.norm=GroupNormWS"}
KINDS = ("gradients", "buffers", "weights")


def steady(name: str, *, norm: str, group: int, rate: float = 0.02) -> Experiment:
    """The miniature without weight decay, so that its gradients are those of the losses alone.

    Args:
        name: of a preset.
        norm: a key of NORMS.
        group: shots, and labelled images, of a norm group.
        rate: the learning rate.
    """
    experiment = miniature(name)
    changes = [NORMS[norm], f"optimiser.learning_rate={rate}"]
    changes += [f"norm_group={group}"] if experiment.uses_videos else []
    changes += [f"labelled.norm_group={group}"] if experiment.labelled is not None else []
    if "Jigsaw" in name:  # standardisation makes rounding errors of nearly even patches large
        changes += ["frame_levels.0.objective.standardise=false"]
    experiment = override(experiment, changes)
    return dataclasses.replace(experiment, optimiser=dataclasses.replace(experiment.optimiser, weight_decay=0.0))


def moved(world: World, experiment: Experiment, chunks: int, steps: int = 1, recompute: bool = False) -> dict[str, Any]:
    """Loss, gradients, buffers and weights after the last of some steps."""
    videos, images = _share(experiment, world)
    state = TrainState.start(experiment, device=world.device)
    state.model.double()
    if recompute:
        recompute_blocks(state.model.encoder)
    with float64_frames():
        for step in range(steps):
            asked = None if videos is None else dataclasses.replace(videos, step=step)
            shown = None if images is None else dataclasses.replace(images, step=step)
            result = train_step(state, asked, images=shown, experiment=experiment, world=world, chunks=chunks)
    gradients = {name: p.grad for name, p in state.model.named_parameters() if p.grad is not None}
    buffers = {name: value for name, value in state.model.named_buffers() if "running" in name}
    weights = {name: p.detach() for name, p in state.model.named_parameters()}
    loss = {"loss": result.losses.total.detach()}
    return {"loss": loss, "gradients": gradients, "buffers": buffers, "weights": weights}


@cache
def alone(experiment: Experiment, steps: int = 1) -> dict[str, Any]:
    """What one process gives with the whole batch in one chunk."""
    return moved(World.single(), experiment, 1, steps)


def distances(result: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, float]:
    """For each tensor, the length of its difference relative to its own.

    Where that own length is below a thousandth of all of its kind together, such as a gradient that is nothing but
    rounding, it is relative to that thousandth.
    """
    found = {}
    for kind in ("loss", *KINDS):
        assert result[kind].keys() == expected[kind].keys()
        least = 1e-3 * float(torch.stack([t.norm() for t in expected[kind].values()] or [torch.zeros(())]).norm())
        for name, tensor in expected[kind].items():
            difference = float((result[kind][name] - tensor).norm())
            found[f"{kind} {name}"] = difference / max(float(tensor.norm()), least, 1e-300)
    return found


def worst(result: Mapping[str, Any], expected: Mapping[str, Any], *, kind: str = "") -> tuple[float, str]:
    """The largest distance, of one kind or of all, and where it is."""
    return max((value, name) for name, value in distances(result, expected).items() if name.startswith(kind))


@contextmanager
def float64_frames() -> Iterator[None]:
    """Coloured frames as float64, so that a network in float64 can be given them."""
    before = posed._Rows.coloured
    posed._Rows.coloured = lambda self, part: before(self, part).double()
    try:
        yield
    finally:
        posed._Rows.coloured = before


def _share(experiment: Experiment, world: World) -> tuple[VideoBatch | None, ImageBatch | None]:
    """This rank's rows of the batch."""
    videos, images = batches(experiment)
    if videos is not None:
        frames, ids = _mine(videos.frames_NKLCHW, world), _mine(videos.sample_ids_N, world)
        videos = VideoBatch(step=0, frames_NKLCHW=frames, sample_ids_N=ids)
    if images is not None:
        pictures, labels = _mine(images.images_BVCHW, world), _mine(images.labels_B, world)
        images = ImageBatch(step=0, images_BVCHW=pictures, labels_B=labels)
    return videos, images


def _mine(rows: Tensor, world: World) -> Tensor:
    count = len(rows) // world.size
    return rows[world.rank * count : (world.rank + 1) * count]
