"""What the two patch tasks share: cutting patches out of a grid, and a head that sees several patches at once.

Source: google/revisiting-self-supervised, self_supervision/patch_model_preprocess.py and patch_utils.py. From there:
one patch from each cell of the grid, at a place in the cell that is drawn, so that neighbours do not share an edge;
each patch to mean 0 and deviation 1, so that brightness and colour do not give its place away; a linear map of each
embedding to 1000 numbers, those of several patches side by side, a hidden layer of 4096, the classes.
Ours: Glorot weights, and neither batch norm nor dropout in the head (there the hidden layer has both): the statistics
of a head's batch would depend on how the batch is split among devices.
"""

import math
from abc import ABC
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.core.to_device import to_device
from vivi.data.augment import standardise_
from vivi.nn.heads import linear
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions


@config
class PatchTask(ObjectiveConfig, ABC):
    """The fields of both patch tasks."""

    patch: Annotated[int, Field(ge=1)] = 64
    """Side of a patch in pixels; what a cell of the grid has more is the room in which the patch is placed."""
    projection: Annotated[int, Field(ge=1)] = 1000
    """Numbers to which the embedding of each patch is mapped before several stand side by side."""
    hidden: Annotated[int, Field(ge=1)] = 4096
    """Units of the hidden layer."""
    standardise: bool = True
    """Bring every patch to mean 0 and deviation 1."""


class PatchObjective(Objective, ABC):
    """A question about several patches of a frame at once: one class out of `classes`."""

    def __init__(self, config: PatchTask, *, feature_dim: int, grid: int, together: int, classes: int) -> None:
        """`grid` x `grid` patches of each frame are embedded, the head sees `together` of them at a time."""
        super().__init__()
        self.patch, self.standardise = config.patch, config.standardise
        self.grid, self.cells, self.classes = grid, grid * grid, classes
        self.project = linear(feature_dim, outputs=config.projection)
        self.classify = nn.Sequential(
            linear(together * config.projection, outputs=config.hidden),
            nn.ReLU(),
            linear(config.hidden, outputs=classes),
        )

    def cut(self, frames_SLCHW: Tensor, *, cells_SLP: Tensor, draw: Draw) -> Tensor:
        """The patches of the cells named (int64, row by row from 0), each placed in its cell by `draw`.

        Returns:
            views_SVCHW, V = L P: the patches of the first frame, then those of the second.

        Raises:
            ValueError: a cell of the frames is smaller than a patch.
        """
        shape = (cells_SLP.shape[1], cells_SLP.shape[2])
        sides = [side // self.grid for side in frames_SLCHW.shape[-2:]]
        if min(sides) < self.patch:
            height, width = frames_SLCHW.shape[-2:]
            needed = f"{self.grid} x {self.grid} patches of {self.patch} pixels need {self.grid * self.patch}"
            raise ValueError(f"{needed} pixels a side, got frames of {height} x {width}")
        rooms = [side - self.patch + 1 for side in sides]
        down_SLP, right_SLP = (
            to_device(draw.integers(what, high=room, shape=shape), cells_SLP.device)
            for what, room in zip(("down", "right"), rooms, strict=True)
        )
        top_SLP = cells_SLP.div(self.grid, rounding_mode="floor") * sides[0] + down_SLP
        left_SLP = cells_SLP % self.grid * sides[1] + right_SLP
        views_SVCHW = windows(frames_SLCHW, top_SLP=top_SLP, left_SLP=left_SLP, side=self.patch).flatten(1, 2)
        return standardise_(views_SVCHW) if self.standardise else views_SVCHW

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:
        """Cross-entropy; one target (int64) for each row of logits, the mean over all."""
        assert isinstance(predictions, Tensor)
        assert targets is not None
        return F.cross_entropy(predictions.flatten(0, -2), targets.flatten())

    def chance(self, rows: int, *, columns: int) -> float:  # noqa: ARG002
        """The logarithm of the number of classes."""
        return math.log(self.classes)


def windows(frames_SLCHW: Tensor, *, top_SLP: Tensor, left_SLP: Tensor, side: int) -> Tensor:
    """P squares of each frame by their upper left corners, S x L x P x C x side x side, the channels last in memory."""
    shots, length = frames_SLCHW.shape[:2]
    along = torch.arange(side, device=frames_SLCHW.device)
    shot_S1111 = torch.arange(shots, device=along.device).view(-1, 1, 1, 1, 1)
    frame_L111 = torch.arange(length, device=along.device).view(-1, 1, 1, 1)
    rows_SLPh1 = (top_SLP[..., None] + along)[..., :, None]
    columns_SLP1w = (left_SLP[..., None] + along)[..., None, :]
    return frames_SLCHW.movedim(2, -1)[shot_S1111, frame_L111, rows_SLPh1, columns_SLP1w].movedim(-1, 3)
