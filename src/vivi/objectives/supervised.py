"""Supervised classification of labelled images, for co-training and for the supervised rows of the tables.

Source: paper section 3.1 (a linear classifier on f, cross-entropy).
"""

import math
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.nn.heads import linear
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions, Question


@config
class Supervised(ObjectiveConfig):
    """A linear classifier of images; their labels come with them."""

    classes: Annotated[int, Field(ge=2)] = 1000

    def build(self, feature_dim: int, *, shots: int) -> Objective:  # noqa: ARG002 (an image has no shots)
        """The objective for embeddings of `feature_dim` numbers."""
        return SupervisedObjective(self, feature_dim=feature_dim)


class SupervisedObjective(Objective):
    """One linear layer, cross-entropy; `classifier` is what a finished run keeps beside its encoder."""

    def __init__(self, config: Supervised, *, feature_dim: int) -> None:
        super().__init__()
        self.classes = config.classes
        self.classifier = linear(feature_dim, outputs=config.classes)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:  # noqa: ARG002 (nothing is drawn)
        """Show the images as they are; whoever has their labels fills in the targets."""
        return Question(views=x)

    def forward(self, embeddings: Tensor) -> Predictions:
        """embeddings_SVD -> logits of shape S x V x classes."""
        logits_SVC: Tensor = self.classifier(embeddings)
        return logits_SVC

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:
        """Cross-entropy of logits_SVC with targets_S (int64): all views of an image have its label; the mean of all."""
        assert isinstance(predictions, Tensor)
        assert targets is not None
        labels_SV = targets[:, None].expand(predictions.shape[:2])
        return F.cross_entropy(predictions.flatten(0, 1), labels_SV.flatten())

    def chance(self, rows: int, *, columns: int) -> float:  # noqa: ARG002
        """The logarithm of the number of classes."""
        return math.log(self.classes)
