"""What every image encoder promises: a frozen configuration that builds a module from images to features."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vivi.core.config import config


@dataclass(frozen=True, slots=True)
class TimmForm:
    """How the library timm names and builds the same network."""

    architecture: str
    """A registered model name, e.g. "resnetv2_50"."""
    model_args: Mapping[str, Any]
    """Keyword arguments of that model, JSON values only."""
    restore: str
    """Python statements that give the timm model `encoder` our own epsilons, for training it further."""


@config
class Encoder(ABC):
    """Base of all encoder configurations."""

    @property
    @abstractmethod
    def feature_dim(self) -> int:
        """D: the number of features of an image."""

    @abstractmethod
    def build(self, *, generator: torch.Generator | None = None) -> nn.Module:
        """A new module: images_BCHW (float, RGB in [-1, 1]) -> features_BD, with the attribute `feature_dim`.

        Args:
            generator: source of the initial weights, a CPU generator; None takes torch's global one.
        """

    @abstractmethod
    def timm_form(self) -> TimmForm | None:
        """The same network as a timm model, or None where timm has none."""

    @abstractmethod
    def to_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Named tensors of a built module, changed so that timm's constants give the same function."""

    @abstractmethod
    def from_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The inverse of `to_timm`."""
