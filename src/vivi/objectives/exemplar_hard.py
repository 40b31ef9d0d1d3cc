"""Exemplar learning with the batch-hard triplet loss and a soft margin: the loss of the paper's reference 68.

Source: google-research/s4l, semi_supervised/exemplar.py. It is the loss of the baseline Semi-Ex-10%; the paper's own
models use `vivi.objectives.exemplar`.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.nn.heads import linear
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions, Question, at_least_float32


@config
class BatchHardExemplar(ObjectiveConfig):
    """Frames of a shot share an identity; embeddings of `dim` numbers have length 1."""

    dim: Annotated[int, Field(ge=1)] = 1000

    @property
    def min_views(self) -> int:
        """Two: a positive is another view of the shot."""
        return 2

    def build(self, feature_dim: int, *, shots: int) -> Objective:  # noqa: ARG002 (frames know no other shots)
        """The objective for embeddings of `feature_dim` numbers."""
        return BatchHardObjective(self, feature_dim=feature_dim)


class BatchHardObjective(Objective):
    """One linear layer, unit length, the hardest positive and negative of each frame."""

    def __init__(self, config: BatchHardExemplar, *, feature_dim: int) -> None:
        super().__init__()
        self.head = linear(feature_dim, outputs=config.dim)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:  # noqa: ARG002 (the augmentation is the pretext)
        """Show the frames as they are; the shot they come from is the answer."""
        return Question(views=x)

    def forward(self, embeddings: Tensor) -> Predictions:
        """embeddings_SVD -> unit vectors of shape S x V x E."""
        points_SVE: Tensor = self.head(embeddings)
        return F.normalize(points_SVE, dim=-1)

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:  # noqa: ARG002
        """The batch-hard loss of points_SVE, identity = shot."""
        assert isinstance(predictions, Tensor)
        return batch_hard(predictions)

    def chance(self, rows: int, *, columns: int) -> float:  # noqa: ARG002
        """Ln 2: what the loss is when all points coincide."""
        return float(torch.tensor(2.0).log())


def batch_hard(points_SVE: Tensor) -> Tensor:
    """The mean over points of softplus(farthest positive - nearest negative), plain Euclidean distances.

    Positives are the other points of the shot, negatives all points of the other shots.

    Raises:
        ValueError: fewer than two shots or two views: there are no triplets.
    """
    shots, views, _ = points_SVE.shape
    if shots < 2 or views < 2:
        raise ValueError(f"triplets need at least 2 shots of 2 views, got {shots} of {views}")
    points_ME = at_least_float32(points_SVE.flatten(0, 1))
    distances_MM = torch.cdist(points_ME, points_ME)
    shot_M = torch.arange(shots * views, device=points_SVE.device) // views
    same_MM = shot_M[:, None] == shot_M[None, :]
    farthest_M = distances_MM.masked_fill(~same_MM, -torch.inf).amax(dim=1)
    nearest_M = distances_MM.masked_fill(same_MM, torch.inf).amin(dim=1)
    return F.softplus(farthest_M - nearest_M).mean()
