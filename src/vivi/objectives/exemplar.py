"""Exemplar learning with the semi-hard triplet loss: frames of one shot are close, other shots are far.

Source: paper section 3.2, approach (ii); google/revisiting-self-supervised, self_supervision/exemplar.py; the loss is
TensorFlow 1's contrib/losses/python/metric_learning/metric_loss_ops.py (triplet_semihard_loss).
"""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.nn.heads import linear
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions, Question, at_least_float32


@config
class Exemplar(ObjectiveConfig):
    """Frames of a shot share an identity; embeddings of `dim` numbers have length 1."""

    min_views: ClassVar[int] = 2
    dim: Annotated[int, Field(ge=1)] = 1000
    margin: Annotated[float, Field(gt=0)] = 0.5

    def build(self, feature_dim: int) -> Objective:
        """The objective for embeddings of `feature_dim` numbers."""
        return ExemplarObjective(self, feature_dim=feature_dim)


class ExemplarObjective(Objective):
    """One linear layer, unit length, semi-hard triplets among the shots that are compared."""

    def __init__(self, config: Exemplar, *, feature_dim: int) -> None:
        super().__init__()
        self.margin = config.margin
        self.head = linear(feature_dim, outputs=config.dim)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:  # noqa: ARG002 (the augmentation is the pretext)
        """Show the frames as they are; the shot they come from is the answer."""
        return Question(views=x)

    def forward(self, embeddings: Tensor) -> Predictions:
        """embeddings_SVD -> unit vectors of shape S x V x E."""
        points_SVE: Tensor = self.head(embeddings)
        return F.normalize(points_SVE, dim=-1)

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:  # noqa: ARG002
        """The semi-hard triplet loss of points_SVE, identity = shot."""
        assert isinstance(predictions, Tensor)
        return semihard_triplet(predictions, margin=self.margin)

    def chance(self, rows: int, *, columns: int) -> float:  # noqa: ARG002
        """The margin: what the loss is when all points coincide."""
        return self.margin


def semihard_triplet(points_SVE: Tensor, *, margin: float) -> Tensor:
    """The mean over ordered pairs (anchor, positive) of max(0, margin + d(a,p) - d(a,n)), d the squared distance.

    n is the nearest negative that is strictly farther than p, without an upper limit; if there is none, the farthest
    negative. Positives are the other V - 1 points of the shot, negatives all points of the other S - 1 shots.

    Raises:
        ValueError: fewer than two shots or two views: there are no triplets.
    """
    shots, views, _ = points_SVE.shape
    if shots < 2 or views < 2:
        raise ValueError(f"triplets need at least 2 shots of 2 views, got {shots} of {views}")
    rows_M = torch.arange(shots * views, device=points_SVE.device)
    distances_MSV = squared_distances(at_least_float32(points_SVE.flatten(0, 1))).view(-1, shots, views)
    own_MV = distances_MSV[rows_M, rows_M // views]
    positive_MP = own_MV.gather(1, _others(views, like=rows_M)[rows_M % views])
    negative_MN = distances_MSV[rows_M[:, None], _others(shots, like=rows_M)[rows_M // views]].flatten(1)
    ascending_MN = negative_MN.sort(dim=1).values
    rank_MP = torch.searchsorted(ascending_MN.detach(), positive_MP.detach(), right=True)
    chosen_MP = ascending_MN.gather(1, rank_MP.clamp_max(ascending_MN.shape[1] - 1))
    return F.relu(margin + positive_MP - chosen_MP).mean()


def squared_distances(points_ME: Tensor) -> Tensor:
    """All squared Euclidean distances, M x M, clamped at 0, the diagonal exactly 0."""
    squares_M = points_ME.square().sum(dim=1)
    distances_MM = squares_M[:, None] + squares_M[None, :] - 2 * points_ME @ points_ME.T
    return distances_MM.clamp_min(0).fill_diagonal_(0)


def _others(count: int, *, like: Tensor) -> Tensor:
    """Row i holds the count - 1 numbers of 0 .. count - 1 other than i; made without waiting for the device."""
    every = torch.arange(count, device=like.device)
    return (every[:, None] + 1 + every[None, :-1]) % count
