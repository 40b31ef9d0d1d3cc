"""Exemplar learning with the semi-hard triplet loss: frames of one shot are close, other shots are far.

Source: paper section 3.2, approach (ii); google/revisiting-self-supervised, self_supervision/exemplar.py; the loss is
TensorFlow 1's contrib/losses/python/metric_learning/metric_loss_ops.py (triplet_semihard_loss).
"""

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.nn.heads import linear
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions, Question, at_least_float32

ANCHORS = 1024


@config
class Exemplar(ObjectiveConfig):
    """Frames of a shot share an identity; their embeddings of `dim` numbers are compared by squared distance.

    `embed_norm` "row": every embedding has length 1, so distances lie in [0, 4]. "batch": every one of the `dim`
    coordinates has length 1 over all rows that are compared, as in the code of the earlier work; the mean squared
    length of an embedding is then `dim` / rows, so `margin` means something else for another group size.

    `anchors` limits the memory, not the result: so many rows of the matrix of distances exist at a time.
    """

    dim: Annotated[int, Field(ge=1)] = 1000
    margin: Annotated[float, Field(gt=0)] = 0.5
    embed_norm: Literal["row", "batch"] = "row"
    anchors: Annotated[int, Field(ge=1)] = ANCHORS

    @property
    def min_views(self) -> int:
        """A frame and one to be near to."""
        return 2

    def build(self, feature_dim: int, *, shots: int) -> Objective:  # noqa: ARG002 (a shot is an identity of its own)
        """The objective for embeddings of `feature_dim` numbers; `shots` changes nothing."""
        return ExemplarObjective(self, feature_dim=feature_dim)


class ExemplarObjective(Objective):
    """One linear layer, unit length, semi-hard triplets among the shots that are compared."""

    def __init__(self, config: Exemplar, *, feature_dim: int) -> None:
        super().__init__()
        self.config = config
        self.head = linear(feature_dim, outputs=config.dim)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:  # noqa: ARG002 (the augmentation is the pretext)
        """Show the frames as they are; the shot they come from is the answer."""
        return Question(views=x)

    def forward(self, embeddings: Tensor) -> Predictions:
        """embeddings_SVD -> points of shape S x V x E; unit vectors, unless the norm is that of the batch."""
        points_SVE: Tensor = self.head(embeddings)
        return F.normalize(points_SVE, dim=-1) if self.config.embed_norm == "row" else points_SVE

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:  # noqa: ARG002
        """The semi-hard triplet loss of points_SVE, identity = shot."""
        assert isinstance(predictions, Tensor)
        points_SVE = at_least_float32(predictions)
        if self.config.embed_norm == "batch":
            points_SVE = F.normalize(points_SVE.flatten(0, 1), dim=0).view_as(points_SVE)
        return semihard_triplet(points_SVE, margin=self.config.margin, anchors=self.config.anchors)

    def chance(self, rows: int, *, columns: int) -> float:  # noqa: ARG002
        """The margin: what the loss is when all points coincide."""
        return self.config.margin


def semihard_triplet(points_SVE: Tensor, *, margin: float, anchors: int = ANCHORS) -> Tensor:
    """The mean over ordered pairs (anchor, positive) of max(0, margin + d(a,p) - d(a,n)), d the squared distance.

    n is the nearest negative that is strictly farther than p, without an upper limit; if there is none, the farthest
    negative. Positives are the other V - 1 points of the shot, negatives all points of the other S - 1 shots. No more
    than `anchors` x S V distances exist at a time; loss and gradient are the same for every `anchors`, up to rounding,
    which may decide between two negatives that are equally far.

    Raises:
        ValueError: fewer than two shots or two views: there are no triplets.
    """
    shots, views, _ = points_SVE.shape
    if shots < 2 or views < 2:
        raise ValueError(f"triplets need at least 2 shots of 2 views, got {shots} of {views}")
    points_ME = at_least_float32(points_SVE.flatten(0, 1))
    loss: Tensor = _MeanHinge.apply(points_ME, views, margin, anchors)  # type: ignore[no-untyped-call]
    return loss


class _MeanHinge(torch.autograd.Function):
    """The triplets are searched block by block; of each, only the positions and whether it counts are kept.

    The gradient needs no distances: d(a,p) - d(a,n) gives a 2 (n - p), p 2 (p - a) and n 2 (a - n). With the matrix
    that holds 1 at (a, p) and -1 at (a, n), summed over the triplets that count, those are products with the points,
    whose sums have a fixed order on every device.
    """

    @staticmethod
    def forward(ctx: Any, points_ME: Tensor, views: int, margin: float, anchors: int) -> Tensor:
        """The loss, a scalar."""
        squares_M = points_ME.square().sum(dim=1)
        positives_MP = _positives(points_ME.shape[0], views=views, device=points_ME.device)
        negatives_MP, hinges_MP = torch.empty_like(positives_MP), points_ME.new_empty(positives_MP.shape)
        for first in range(0, points_ME.shape[0], anchors):
            block = slice(first, first + anchors)
            distances_AM = squared_distances(points_ME, squares_M=squares_M, rows=block)
            near_AP = distances_AM.gather(1, positives_MP[block])
            far_AP, negatives_MP[block] = _chosen(_without_own(distances_AM, first=first, views=views), near_AP)
            hinges_MP[block] = F.relu(margin + near_AP - far_AP)
        ctx.save_for_backward(points_ME, positives_MP, negatives_MP, hinges_MP > 0)
        ctx.anchors = anchors
        return hinges_MP.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """The gradient of the points, from a block of the matrix of signs at a time."""
        points_ME, positives_MP, negatives_MP, counts_MP = ctx.saved_tensors
        grad_ME, balance_M = torch.zeros_like(points_ME), points_ME.new_zeros(points_ME.shape[0])
        for first in range(0, points_ME.shape[0], ctx.anchors):
            block = slice(first, first + ctx.anchors)
            points_AE, counts_AP = points_ME[block], counts_MP[block].to(points_ME.dtype)
            signs_AM = points_ME.new_zeros(points_AE.shape[0], points_ME.shape[0])
            signs_AM.scatter_add_(1, positives_MP[block], counts_AP).scatter_add_(1, negatives_MP[block], -counts_AP)
            balance_M[block] += signs_AM.sum(dim=1)
            balance_M += signs_AM.sum(dim=0)
            grad_ME[block].addmm_(signs_AM, points_ME, alpha=-1)
            grad_ME.addmm_(signs_AM.T, points_AE, alpha=-1)
        scale = 2 * grad / positives_MP.numel()
        return grad_ME.addcmul_(balance_M[:, None], points_ME).mul_(scale), None, None, None


def squared_distances(points_ME: Tensor, *, squares_M: Tensor, rows: slice) -> Tensor:
    """Squared Euclidean distances_AM from the points in `rows` to all points, at least 0.

    Args:
        points_ME: the points.
        squares_M: their squared lengths.
        rows: the block of A consecutive rows.
    """
    distances_AM = torch.addmm(squares_M, points_ME[rows], points_ME.T, alpha=-2)
    return distances_AM.add_(squares_M[rows, None]).clamp_min_(0)


def _positives(count: int, *, views: int, device: torch.device) -> Tensor:
    """positives_MP: for each of `count` points the other `views` - 1 of its shot."""
    row_M = torch.arange(count, device=device)
    turn_P = torch.arange(1, views, device=device)
    return (row_M - row_M % views)[:, None] + (row_M[:, None] + turn_P) % views


def _without_own(distances_AM: Tensor, *, first: int, views: int) -> Tensor:
    """The same tensor with the points of the anchor's own shot at minus infinity: never farther, never the farthest."""
    row_A = torch.arange(first, first + distances_AM.shape[0], device=distances_AM.device)
    own_AV = (row_A - row_A % views)[:, None] + torch.arange(views, device=distances_AM.device)
    return distances_AM.scatter_(1, own_AV, -math.inf)


def _chosen(distances_AM: Tensor, near_AP: Tensor) -> tuple[Tensor, Tensor]:
    """Distance and position, A x P each, of the nearest point farther than `near_AP`; without one, of the farthest."""
    farther = [torch.where(distances_AM > each, distances_AM, math.inf).min(dim=1) for each in near_AP.split(1, dim=1)]
    value_AP = torch.stack([each.values for each in farther], dim=1)
    index_AP = torch.stack([each.indices for each in farther], dim=1)
    farthest = distances_AM.max(dim=1, keepdim=True)
    none_AP = value_AP.isposinf()
    return torch.where(none_AP, farthest.values, value_AP), torch.where(none_AP, farthest.indices, index_AP)
