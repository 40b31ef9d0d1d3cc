"""InfoNCE across shots: predict the next shot of the video among the shots of all other videos.

Source: paper section 3.3, equation 2 and footnote 3, section 4.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.nn.heads import LSTMPredictor, Predictor, linear
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions, Question, at_least_float32


@config
class InfoNCE(ObjectiveConfig):
    """Shot embeddings are mapped to `projection` numbers (None: taken as they are) and predicted by `predictor`."""

    predictor: Predictor = LSTMPredictor()
    projection: Annotated[int, Field(ge=1)] | None = 512

    def build(self, feature_dim: int) -> Objective:
        """The objective for shot embeddings of `feature_dim` numbers."""
        return InfoNCEObjective(self, feature_dim=feature_dim)


class InfoNCEObjective(Objective):
    """Projection, predictor, and the cross-entropy of the right shot."""

    def __init__(self, config: InfoNCE, *, feature_dim: int) -> None:
        super().__init__()
        dim = config.projection or feature_dim
        self.projection = linear(feature_dim, outputs=dim) if config.projection else nn.Identity()
        self.predictor = config.predictor.build(dim)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:  # noqa: ARG002 (nothing is random)
        """Show the shots in their order; later shots are the answer."""
        return Question(views=x)

    def forward(self, embeddings: Tensor) -> Predictions:
        """shots_NKD -> (predictions_NTP of the last T shots, candidates_NKP)."""
        predictions_NTP, candidates_NKP = self.predictor(self.projection(embeddings))
        return predictions_NTP, candidates_NKP

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:  # noqa: ARG002
        """The mean cross-entropy over videos and predicted shots."""
        assert isinstance(predictions, tuple)
        return info_nce(predictions[0], candidates_NKP=predictions[1])

    def chance(self, rows: int, *, columns: int) -> float:
        """Ln of the number of classes, 1 + (N - 1) K."""
        return math.log(1 + (rows - 1) * columns)


def info_nce(predictions_NTP: Tensor, *, candidates_NKP: Tensor) -> Tensor:
    """Cross-entropy of the true shot among it and all K shots of the N - 1 other videos; scores are dot products.

    Prediction t of video i is of its shot K - T + t. The other shots of video i are no candidates. Gradients flow to
    predictions and candidates. The softmax is in float32 at least.
    """
    videos, terms, _ = predictions_NTP.shape
    shots = candidates_NKP.shape[1]
    scores = at_least_float32(predictions_NTP.flatten(0, 1)) @ at_least_float32(candidates_NKP.flatten(0, 1)).T
    video = torch.arange(videos, device=scores.device)
    step = torch.arange(shots - terms, shots, device=scores.device)
    target_R = (video[:, None] * shots + step[None, :]).flatten()
    own_RC = video.repeat_interleave(terms)[:, None] == video.repeat_interleave(shots)[None, :]
    own_RC.scatter_(1, target_R[:, None], False)
    return F.cross_entropy(scores.masked_fill(own_RC, -math.inf), target_R)
