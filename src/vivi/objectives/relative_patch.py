"""Relative patch location: on which side of the centre does this patch lie?

Source: google/revisiting-self-supervised, self_supervision/relative_patch_location.py, patch_utils.py and
config/relative_patch_location/imagenet.sh: 3 x 3 patches of 64 pixels out of cells of 85; every frame asks all eight
pairs of a neighbour and the centre, eight classes; the head of `vivi.objectives.patches`.
"""

import torch
from torch import Tensor

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.objectives.base import Objective, Predictions, Question
from vivi.objectives.patches import PatchObjective, PatchTask

GRID = 3
CENTRE = 4
NEIGHBOURS = 8


@config
class RelativePatch(PatchTask):
    """All eight neighbours of the centre patch; the answer is where each lies, counted row by row."""

    @property
    def min_side(self) -> int:
        """The grid filled without gaps."""
        return GRID * self.patch

    def build(self, feature_dim: int, *, shots: int) -> Objective:  # noqa: ARG002 (each frame for itself)
        """The objective for embeddings of `feature_dim` numbers."""
        return RelativePatchObjective(self, feature_dim=feature_dim)


class RelativePatchObjective(PatchObjective):
    """The embeddings of a neighbour and of the centre, side by side, through an MLP to the place of the neighbour."""

    def __init__(self, config: RelativePatch, *, feature_dim: int) -> None:
        super().__init__(config, feature_dim=feature_dim, grid=GRID, together=2, classes=NEIGHBOURS)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:
        """Cut frames_SLCHW into nine patches each, row by row.

        Views: V = 9 L patches, frame by frame; targets_SLE (int64): 0 .. 7 for the eight pairs; all are pooled.

        Raises:
            ValueError: frames too small for the patches.
        """
        shots, length = x.shape[:2]
        cells_SLP = torch.arange(self.cells, device=x.device).expand(shots, length, -1)
        targets_SLE = torch.arange(NEIGHBOURS, device=x.device).repeat(shots, length, 1)
        return Question(views=self.cut(x, cells_SLP=cells_SLP, draw=draw), targets=targets_SLE)

    def forward(self, embeddings: Tensor) -> Predictions:
        """embeddings_SVD -> logits of shape S x L x 8 x 8: pairs, then classes. The MLP is the same for all pairs."""
        points_SVE: Tensor = self.project(embeddings)
        before_SL4E, centre_SL1E, after_SL4E = points_SVE.unflatten(1, (-1, self.cells)).split((CENTRE, 1, 4), dim=2)
        neighbours_SL8E = torch.cat([before_SL4E, after_SL4E], dim=2)
        pairs_SL8F = torch.cat([neighbours_SL8E, centre_SL1E.expand_as(neighbours_SL8E)], dim=-1)
        logits_SL8C: Tensor = self.classify(pairs_SL8F)
        return logits_SL8C
