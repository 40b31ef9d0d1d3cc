"""What every loss of the framework is: a question, a local head, a criterion (paper, section 3).

A frame objective sees S shots of L frames and asks on views of them; a video objective sees N videos of K shot
embeddings; labelled images come as S shots of one frame. Objectives know nothing of ranks, chunks or weights: the
model gathers between `forward` and `criterion`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vivi.core.config import config
from vivi.core.seeds import Draw

Predictions = Tensor | tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What `pretext` poses: the views the network sees, the hidden answer, and which views the pooling takes."""

    views: Tensor
    """views_SVCHW for a frame objective (V views of each of S shots), views_NKD for a video objective."""
    targets: Tensor | None = None
    """The answer, one row per row of `views`; None where the identity of the row is the answer, or, for images that
    carry labels, where labels_S (int64) are it: the model puts them in."""
    pooled: int | None = None
    """How many of each shot's views, from the first, stand for it: enter the pooling, or are classified; None: all.
    Views that do not, such as turned frames, stand behind those that do."""
    seen: int | None = None
    """How many of the views, from the first, the objective's own head is given; None: all."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A question whose views have been encoded."""

    embeddings_SVD: Tensor
    targets: Tensor | None
    pooled: int | None
    seen: int | None = None


class Objective(nn.Module, ABC):
    """A pretext task with its head and its loss."""

    @abstractmethod
    def pretext(self, x: Tensor, *, draw: Draw) -> Question:
        """Pose the question on frames_SLCHW (in [-1, 1]) or on shots_NKD; `draw` gives random numbers, one a row."""

    @abstractmethod
    def forward(self, embeddings: Tensor) -> Predictions:
        """The head: embeddings_SVD or shots_NKD to predictions whose axis 0 is that of the embeddings."""

    @abstractmethod
    def criterion(self, predictions: Predictions, *, targets: Tensor | None) -> Tensor:
        """The loss, a scalar, of the predictions of all rows that are compared with one another."""

    @abstractmethod
    def chance(self, rows: int, *, columns: int) -> float:
        """The loss of a network that knows nothing, for `rows` x `columns` embeddings that are compared (SV or NK)."""


@config
class ObjectiveConfig(ABC):
    """The frozen values of an objective; subclasses stand beside their objective."""

    @property
    def min_views(self) -> int:
        """Frame objectives: how many frames of a shot they need."""
        return 1

    @property
    def min_shots(self) -> int:
        """Video objectives: how many shots of a video they need."""
        return 2

    @property
    def min_side(self) -> int:
        """Frame objectives: the smallest side in pixels of a frame that they can work with."""
        return 1

    @abstractmethod
    def build(self, feature_dim: int, *, shots: int) -> Objective:
        """The objective for embeddings of `feature_dim` numbers and `shots` shots of each video.

        Raises:
            ValueError: a video objective, and `shots` is below `min_shots`.
        """

    def require(self, shots: int) -> None:
        """Refuse too few shots: video objectives call this where they are built.

        Raises:
            ValueError: `shots` is below `min_shots`.
        """
        if shots < self.min_shots:
            name = type(self).__name__
            raise ValueError(f"sampling.shots: {name} needs at least {self.min_shots} shots of a video, got {shots}")


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32, or as it is where it is more exact: heads and criteria never run in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
