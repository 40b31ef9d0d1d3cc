"""Rotation prediction: how many quarter turns was this frame given?

Source: paper sections 3.2 (approach (i): each frame for itself) and 4; google/revisiting-self-supervised,
self_supervision/rotation.py and preprocess.py (four turns of every image, a linear head, cross-entropy). Which copies
enter the shot embedding is said nowhere: the upright ones are our choice, as is the cheap variant of one turn a frame.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.core.to_device import to_device
from vivi.nn.heads import linear
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions, Question

QUARTERS = 4


@config
class Rotation(ObjectiveConfig):
    """Every frame at all four turns, or at one that is drawn for it; the answer is the number of quarter turns."""

    turns: Literal[1, 4] = 4
    """Turns at which a frame is shown: all 4, or 1, drawn for each frame, at a quarter of the cost."""
    pool: Literal["upright", "all"] = "upright"
    """Which copies the shot embedding is the mean of; with one turn a frame there is only "all"."""

    def __post_init__(self) -> None:
        if self.turns == 1 and self.pool != "all":
            raise ValueError('pool: must be "all" where turns is 1, as no upright copy is sure to be there')

    def build(self, feature_dim: int, *, shots: int) -> Objective:  # noqa: ARG002 (each frame for itself)
        """The objective for embeddings of `feature_dim` numbers."""
        return RotationObjective(self, feature_dim=feature_dim)


class RotationObjective(Objective):
    """One linear layer to the four turns, cross-entropy."""

    def __init__(self, config: Rotation, *, feature_dim: int) -> None:
        super().__init__()
        self.turns, self.pool = config.turns, config.pool
        self.head = linear(feature_dim, outputs=QUARTERS)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:
        """Turn frames_SLCHW counter-clockwise; targets_SV (int64) say by how many quarters.

        With four turns V = 4 L, first the L upright frames, then those turned once, twice and three times; with one
        turn V = L, each frame by its own number.

        Raises:
            ValueError: frames that are not square: a quarter turn would change their shape.
        """
        height, width = x.shape[-2:]
        if height != width:
            raise ValueError(f"rotation needs square frames, got {height} x {width} pixels")
        if self.turns == 1:
            turns_SL = to_device(draw.integers("turns", high=QUARTERS, shape=(x.shape[1],)), x.device)
            return Question(views=turned(x, turns_SL=turns_SL), targets=turns_SL)
        views_SVCHW = torch.cat([x.rot90(turn, dims=(-2, -1)) for turn in range(QUARTERS)], dim=1)
        turns_4L = torch.arange(QUARTERS, device=x.device)[:, None].expand(-1, x.shape[1])
        targets_SV = turns_4L.flatten().repeat(x.shape[0], 1)
        return Question(views=views_SVCHW, targets=targets_SV, pooled=x.shape[1] if self.pool == "upright" else None)

    def forward(self, embeddings: Tensor) -> Predictions:
        """embeddings_SVD -> logits of shape S x V x 4."""
        logits_SV4: Tensor = self.head(embeddings)
        return logits_SV4

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:
        """Cross-entropy, the mean over all views of all shots."""
        assert isinstance(predictions, Tensor)
        assert targets is not None
        return F.cross_entropy(predictions.flatten(0, 1), targets.flatten())

    def chance(self, rows: int, *, columns: int) -> float:  # noqa: ARG002
        """The logarithm of 4."""
        return math.log(QUARTERS)


def turned(frames_SLCHW: Tensor, *, turns_SL: Tensor) -> Tensor:
    """Each square frame turned counter-clockwise by its own number of quarters, 0 .. 3, all at once.

    Three quarters are one and two, so every frame is turned once or not, then twice or not.
    """
    quarter_SL111, half_SL111 = (((turns_SL & bit) > 0)[..., None, None, None] for bit in (1, 2))
    once_SLCHW = torch.where(quarter_SL111, frames_SLCHW.rot90(1, dims=(-2, -1)), frames_SLCHW)
    return torch.where(half_SL111, once_SLCHW.flip(-2, -1), once_SLCHW)
