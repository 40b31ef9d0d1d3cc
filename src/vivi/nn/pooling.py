"""Pooling of the frames of a shot into one shot embedding."""

from abc import ABC, abstractmethod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from vivi.core.config import config
from vivi.nn.heads import linear


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


@config
class AttentionPooling(Pooling):
    """A mean with learned weights: frames that answer a learned query count more.

    Paper, section 3.1, names attention among the forms of p; how it attends is ours.
    """

    hidden: Annotated[int, Field(ge=1)] = 128
    """Numbers of the query, and of the key that each frame gives."""

    def build(self, feature_dim: int) -> nn.Module:
        """A module whose weights are all equal at the start, so that it starts as the mean."""
        return AttentionOverFrames(feature_dim, hidden=self.hidden)


class MeanOverFrames(nn.Module):
    """frames_SVD -> shots_SD."""

    def forward(self, frames_SVD: Tensor) -> Tensor:
        """Average over V.

        Raises:
            ValueError: not three axes, or no frame to average.
        """
        _check(frames_SVD)
        return frames_SVD.mean(dim=1)


class AttentionOverFrames(nn.Module):
    """frames_SVD -> shots_SD, each a mean of its frames with weights softmax(query . tanh(key(frame)))."""

    def __init__(self, feature_dim: int, *, hidden: int) -> None:
        super().__init__()
        self.key = linear(feature_dim, outputs=hidden)
        self.query = nn.Parameter(torch.zeros(hidden))

    def forward(self, frames_SVD: Tensor) -> Tensor:
        """Average over V with the learned weights; never in half precision, also under autocast.

        Raises:
            ValueError: not three axes, or no frame to average.
        """
        _check(frames_SVD)
        with torch.autocast(frames_SVD.device.type, enabled=False):
            frames_SVD = frames_SVD.to(torch.promote_types(frames_SVD.dtype, torch.float32))
            scores_SV = torch.tanh(self.key(frames_SVD)) @ self.query
            return (scores_SV.softmax(dim=1)[:, :, None] * frames_SVD).sum(dim=1)


def _check(frames_SVD: Tensor) -> None:
    if frames_SVD.ndim != 3 or frames_SVD.shape[1] == 0:
        raise ValueError(f"frames_SVD needs 3 axes and at least one frame a shot, got {tuple(frames_SVD.shape)}")
