"""Networks that take milliseconds, as `python:MODULE:FUNCTION` names them."""

import os
import signal
from pathlib import Path

import torch
from torch import Tensor, nn

from vivi.nn.norm import GroupedBatchNorm

FLAT = "python:tests.reference.tiny_networks:flat"
PLAIN = "python:tests.reference.tiny_networks:plain"
FIXED = "python:tests.reference.tiny_networks:fixed"


class Network(nn.Module):
    """A convolution, a batch norm, ReLU and the mean over positions."""

    def __init__(self, norm: nn.Module, *, image_size: int | None = None) -> None:
        super().__init__()
        self.feature_dim = 6
        if image_size is not None:
            self.image_size = image_size
        self.conv = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.norm = norm
        with torch.no_grad():
            self.conv.weight.copy_(torch.randn(self.conv.weight.shape, generator=torch.Generator().manual_seed(3)))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        if hasattr(self, "image_size") and images_BCHW.shape[-1] != self.image_size:
            raise AssertionError(f"input size {images_BCHW.shape[-1]} does not match\nmodel size {self.image_size}")
        return self.norm(self.conv(images_BCHW)).relu().mean(dim=(2, 3))


def flat() -> Network:
    """With our batch norm."""
    return Network(GroupedBatchNorm(6, momentum=0.1, eps=1e-3))


def plain() -> Network:
    """With torch's batch norm."""
    return Network(nn.BatchNorm2d(6, momentum=0.1, eps=1e-3))


def fixed() -> Network:
    """For images of 12 pixels alone."""
    return Network(nn.BatchNorm2d(6), image_size=12)


class Standardised(Network):
    """With a preprocessing of its own."""

    @staticmethod
    def preprocess(images_BCHW: Tensor) -> Tensor:
        return images_BCHW.float() / 255


def standardised() -> Standardised:
    """See the class."""
    return Standardised(nn.BatchNorm2d(6))


COUNT = 0


def restless() -> Network:
    """Other weights whenever it is called."""
    global COUNT
    COUNT += 1
    network = flat()
    nn.init.constant_(network.conv.weight, 0.01 * COUNT)
    return network


class Mortal(Network):
    """Kills its process the first time it is trained; the file that MORTAL_MARK names tells that it was."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        mark = Path(os.environ["MORTAL_MARK"])
        if self.training and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(images_BCHW)


def mortal() -> Mortal:
    """See the class."""
    return Mortal(GroupedBatchNorm(6, momentum=0.1, eps=1e-3))


def featureless() -> nn.Module:
    """Does not say how many features it gives."""
    return nn.Identity()


def broken() -> nn.Module:
    """Raises."""
    raise RuntimeError("no weights here\nreally")
