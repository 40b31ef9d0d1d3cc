"""InfoNCE across shots: predict the next shot of the video among the shots of all other videos.

Source: paper section 3.3, equation 2 and footnote 3, section 4.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from vivi.core.config import config
from vivi.core.seeds import Draw
from vivi.nn.heads import LSTMPredictor, Predictor, projection
from vivi.objectives.base import Objective, ObjectiveConfig, Predictions, Question, at_least_float32


@config
class InfoNCE(ObjectiveConfig):
    """Shot embeddings are mapped to `projection` numbers (None: taken as they are) and predicted by `predictor`.

    The rest is off in the paper's equation. `symmetric`: the same predictor also reads the shots from the last to the
    first, and the loss is the mean of both directions. `normalise`: scores are cosines. `temperature` divides scores.
    """

    predictor: Predictor = LSTMPredictor()
    projection: Annotated[int, Field(ge=1)] | None = 512
    symmetric: bool = False
    normalise: bool = False
    temperature: Annotated[float, Field(gt=0)] = 1.0

    @property
    def min_shots(self) -> int:
        """One shot to predict from and the one that lies `ahead`."""
        return self.predictor.ahead + 1

    def build(self, feature_dim: int, *, shots: int) -> Objective:
        """The objective for shot embeddings of `feature_dim` numbers; any `shots` of at least `min_shots` will do.

        Raises:
            ValueError: `shots` is below `min_shots`.
        """
        self.require(shots)
        return InfoNCEObjective(self, feature_dim=feature_dim)


class InfoNCEObjective(Objective):
    """Projection, predictor, and the cross-entropy of the right shot."""

    def __init__(self, config: InfoNCE, *, feature_dim: int) -> None:
        super().__init__()
        self.config = config
        self.projection = projection(feature_dim, outputs=config.projection)
        self.predictor = config.predictor.build(config.projection or feature_dim)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:  # noqa: ARG002 (nothing is random)
        """Show the shots in their order; later shots are the answer."""
        return Question(views=x)

    def forward(self, embeddings: Tensor) -> Predictions:
        """shots_NKD -> (predictions_NTP of the last T shots, candidates_NKP), in the shots' order.

        If symmetric, a third: predictions_NTP of the first T shots from those behind them, the first shot last.
        """
        shots_NKD = self.projection(embeddings)
        predictions_NTP, candidates_NKP = self._predict(shots_NKD)
        if not self.config.symmetric:
            return predictions_NTP, candidates_NKP
        return predictions_NTP, candidates_NKP, self._predict(shots_NKD.flip(1))[0]

    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:  # noqa: ARG002
        """The mean cross-entropy over videos, predicted shots and, if symmetric, directions."""
        assert isinstance(predictions, tuple)
        forward_NTP, candidates_NKP, *backward = predictions
        losses = [info_nce(forward_NTP, candidates_NKP=candidates_NKP)]
        losses += [info_nce(each, candidates_NKP=candidates_NKP.flip(1)) for each in backward]
        return torch.stack(losses).mean()

    def _predict(self, shots_NKD: Tensor) -> tuple[Tensor, Tensor]:
        predictions_NTP, candidates_NKP = self.predictor(shots_NKD)
        if self.config.normalise:
            predictions_NTP, candidates_NKP = F.normalize(predictions_NTP, dim=-1), F.normalize(candidates_NKP, dim=-1)
        return predictions_NTP / self.config.temperature, candidates_NKP

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
