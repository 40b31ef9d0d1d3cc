"""Pooling of the frames of a shot into one shot embedding."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from vivi.core.config import config


@config
class Pooling(ABC):
    """Base of all pooling configurations."""

    @abstractmethod
    def build(self, feature_dim: int) -> nn.Module:
        """A new module: frames_SVD (S shots, V views each, D = feature_dim features) -> shots_SD."""


@config
class MeanPooling(Pooling):
    """The plain mean over the frames of a shot, without parameters (paper, section 4)."""

    def build(self, feature_dim: int) -> nn.Module:  # noqa: ARG002 (nothing to learn)
        """A module that averages over the views."""
        return MeanOverFrames()


class MeanOverFrames(nn.Module):
    """frames_SVD -> shots_SD."""

    def forward(self, frames_SVD: Tensor) -> Tensor:
        """Average over V.

        Raises:
            ValueError: not three axes, or no frame to average.
        """
        if frames_SVD.ndim != 3 or frames_SVD.shape[1] == 0:
            raise ValueError(f"frames_SVD needs 3 axes and at least one frame a shot, got {tuple(frames_SVD.shape)}")
        return frames_SVD.mean(dim=1)
