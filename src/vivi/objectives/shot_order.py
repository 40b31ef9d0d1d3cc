"""Shot order: were the shots of this video reversed?

Source: paper section 3.3 and section 4.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.core.to_device import to_device
from vivi.nn.heads import mlp, projection
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions, Question, at_least_float32

CLASSES = 2


@config
class ShotOrder(ObjectiveConfig):
    """Shot embeddings are mapped to `projection` numbers (None: taken as they are), concatenated and classified.

    The one hidden layer of 512 units is the paper's; the projection and the probability 1/2 are ours.
    """

    hidden: Annotated[int, Field(ge=1)] = 512
    projection: Annotated[int, Field(ge=1)] | None = 512

    def build(self, feature_dim: int, *, shots: int) -> Objective:
        """The objective for `shots` shot embeddings of `feature_dim` numbers each.

        Raises:
            ValueError: `shots` is below `min_shots`.
        """
        self.require(shots)
        return ShotOrderObjective(self, feature_dim=feature_dim, shots=shots)


class ShotOrderObjective(Objective):
    """Projection of each shot, then a perceptron with one hidden layer on all of them."""

    def __init__(self, config: ShotOrder, *, feature_dim: int, shots: int) -> None:
        super().__init__()
        self.projection = projection(feature_dim, outputs=config.projection)
        dim = config.projection or feature_dim
        self.classifier = mlp(shots * dim, hidden=config.hidden, outputs=CLASSES)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:
        """Reverse the shots of a video with probability 1/2; targets_N (int64) are 1 where they are reversed.

        The frames inside a shot keep their order: they are pooled already.
        """
        reversed_N = to_device(draw.integers("reversed", high=2), x.device)
        return Question(views=torch.where(reversed_N[:, None, None] == 1, x.flip(1), x), targets=reversed_N)

    def forward(self, embeddings: Tensor) -> Predictions:
        """shots_NKD -> logits of shape N x 2."""
        logits_NC: Tensor = self.classifier(self.projection(embeddings).flatten(1))
        return logits_NC

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:
        """The mean cross-entropy of logits_NC against targets_N."""
        assert isinstance(predictions, Tensor)
        assert targets is not None
        return F.cross_entropy(at_least_float32(predictions), targets)

    def chance(self, rows: int, *, columns: int) -> float:  # noqa: ARG002
        """Ln 2."""
        return math.log(CLASSES)
