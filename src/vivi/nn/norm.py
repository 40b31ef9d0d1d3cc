"""Normalisation: batch norm in fixed groups of the batch, or group norm with weight-standardised convolutions.

Batch statistics belong to a norm group, never to "the rank" or "the chunk": a pass splits its batch into equal
contiguous groups and each is normalised by its own mean and variance. Running averages move once a step.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from vivi.core.config import config
from vivi.core.errors import ConfigError
from vivi.nn.standardized import StandardizedConv2d

TIMM_NORM_EPS = 1e-5
TIMM_WEIGHT_EPS = 1e-8
_RESTORE = """\
for layer in encoder.modules():
    if isinstance(layer, torch.nn.{kind}):
        layer.{change}
        layer.eps = {eps}
"""


@config
class Norm(ABC):
    """Base of all normalisations; a normalisation also chooses the convolution that goes with it."""

    @abstractmethod
    def layer(self, channels: int) -> nn.Module:
        """A normalisation of BCHW over `channels`, scale 1 and shift 0."""

    @abstractmethod
    def convolution(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> nn.Conv2d:
        """A convolution without bias, zero-padded by kernel // 2."""

    @abstractmethod
    def to_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Named tensors of a network, changed so that timm's epsilons give the same function."""

    @property
    @abstractmethod
    def timm_restore(self) -> str:
        """Python statements that undo `to_timm` in a timm model `encoder` and set our epsilons."""

    @abstractmethod
    def from_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The inverse of `to_timm`."""


@config
class BatchNorm(Norm):
    """Batch norm with the defaults of tf.layers.batch_normalization (momentum 0.99 there is 0.01 here).

    Source: google/revisiting-self-supervised models/resnet.py, which passes no other values.
    """

    momentum: float = Field(default=0.01, gt=0, le=1)
    """Weight of the new statistics when the running averages move."""
    eps: float = Field(default=1e-3, ge=TIMM_NORM_EPS)
    """Added to the variance; at least timm's 1e-5, so that an export can carry the difference in its variance."""

    def layer(self, channels: int) -> nn.Module:
        """A `GroupedBatchNorm`."""
        return GroupedBatchNorm(channels, momentum=self.momentum, eps=self.eps)

    def convolution(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> nn.Conv2d:
        """A plain convolution."""
        return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)

    def to_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Adds what timm's epsilon lacks to the running variances."""
        missing = self.eps - TIMM_NORM_EPS
        return {name: each + missing if name.endswith("running_var") else each for name, each in tensors.items()}

    @property
    def timm_restore(self) -> str:
        """For every batch norm."""
        return _RESTORE.format(
            kind="BatchNorm2d", change=f"running_var -= {self.eps - TIMM_NORM_EPS:.9g}", eps=self.eps
        )

    def from_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Takes it away again; no variance falls below 0 by rounding."""
        added = self.eps - TIMM_NORM_EPS
        return {
            name: (each - added).clamp(min=0) if name.endswith("running_var") else each
            for name, each in tensors.items()
        }


@config
class GroupNormWS(Norm):
    """Group norm and weight-standardised convolutions (paper, section 4, co-training models).

    Constants: google-research/big_transfer bit_jax/models.py and bit_pytorch/models.py.
    """

    groups: int = Field(default=32, ge=1)
    """Groups of channels; a layer takes gcd(groups, its channels)."""
    eps: float = Field(default=1e-5, gt=0)
    """Added to the variance of the activations."""
    weight_eps: float = Field(default=1e-10, gt=0)
    """Added to the variance of the weights of a filter."""

    def layer(self, channels: int) -> nn.Module:
        """A group norm over gcd(groups, channels) groups."""
        return nn.GroupNorm(math.gcd(self.groups, channels), channels, eps=self.eps)

    def convolution(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> nn.Conv2d:
        """A `StandardizedConv2d`."""
        return StandardizedConv2d(inputs, outputs, kernel=kernel, stride=stride, eps=self.weight_eps)

    def to_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scales the filters by c = sqrt(timm's epsilon / ours).

        That is exact: for mean m and variance v of a filter w, (cw - cm) / sqrt(c^2 v + c^2 e) does not depend on c.
        """
        scale = math.sqrt(TIMM_WEIGHT_EPS / self.weight_eps)
        return {name: each * scale if each.ndim == 4 else each for name, each in tensors.items()}

    @property
    def timm_restore(self) -> str:
        """For every convolution."""
        scale = math.sqrt(TIMM_WEIGHT_EPS / self.weight_eps)
        return _RESTORE.format(kind="Conv2d", change=f"weight.data /= {scale:.9g}", eps=self.weight_eps)

    def from_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scales them back."""
        scale = math.sqrt(TIMM_WEIGHT_EPS / self.weight_eps)
        return {name: each / scale if each.ndim == 4 else each for name, each in tensors.items()}


@dataclass(frozen=True, slots=True)
class Span:
    """Ranks whose batches are one norm group."""

    ranks: int
    summed: Callable[[Tensor], Tensor]
    """Adds a tensor over them, with gradient."""


class GroupedBatchNorm(nn.Module):
    """Batch norm whose statistics belong to norm groups of the batch; see `norm_groups` and `commit_running_averages`.

    Parameters and buffers are named as in `torch.nn.BatchNorm2d`. Statistics are float32 for half-precision inputs.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    recorded_3C: Tensor
    """Sums of the means and unbiased variances since the last commit, and of how many groups: no part of a state."""

    def __init__(self, channels: int, *, momentum: float, eps: float) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.groups = 1
        self.span: Span | None = None
        self.is_repeated = False
        """Whether a pass is computed again, so that its statistics are known already."""
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))
        self.register_buffer("recorded_3C", torch.zeros(3, channels), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x_BCHW -> the same shape, normalised.

        Raises:
            ValueError: in training, the batch does not divide into the norm groups of this pass.
            ConfigError: in training, a norm group has a single number of each channel, which has no variance.
        """
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        if x.shape[0] % self.groups:
            raise ValueError(
                f"a batch of {x.shape[0]} images does not divide into {self.groups} norm groups; "
                f"legal numbers of groups: {_divisors(x.shape[0])}"
            )
        if self.span is not None:
            return self._spanning(x, self.span)
        if x.numel() == self.groups * x.shape[1]:
            raise ConfigError(
                "batch norm over a single number: a norm group has one picture, which the encoder has shrunk to one "
                "pixel; set a larger norm_group, larger pictures (augmentation.crop.size), or encoder.norm=GroupNormWS"
            )
        return self._at_once(x) if torch.compiler.is_compiling() else self._one_by_one(x)

    def _one_by_one(self, x: Tensor) -> Tensor:
        """Group after group, each by the device's own kernel."""
        means_GC, variances_GC = self.running_mean.new_zeros(2, self.groups, len(self.weight)).unbind()
        chunks = x.chunk(self.groups) if self.groups > 1 else (x,)
        parts = [
            # Momentum 1 makes the kernel hand back the statistics themselves, the variance unbiased.
            F.batch_norm(part, mean_C, variance_C, self.weight, self.bias, training=True, momentum=1.0, eps=self.eps)
            for part, mean_C, variance_C in zip(chunks, means_GC, variances_GC, strict=True)
        ]
        self._record(means_GC.sum(0), variances_GC.sum(0))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _at_once(self, x: Tensor) -> Tensor:
        """All groups in a few operations that a compiler joins; the same up to rounding."""
        grouped = x.unflatten(0, (self.groups, -1)).to(torch.promote_types(x.dtype, torch.float32))
        count, inner = grouped[0, :, 0].numel(), [1] * (x.ndim - 2)
        variances, means = torch.var_mean(grouped, dim=(1, *range(3, grouped.ndim)), correction=0, keepdim=True)
        self._record(means.sum(0).flatten(), variances.sum(0).flatten() * (count / max(count - 1, 1)))
        scales = torch.rsqrt(variances + self.eps) * self.weight.view(-1, *inner)
        y: Tensor = grouped * scales + (self.bias.view(-1, *inner) - means * scales)
        return y.flatten(0, 1).to(x.dtype)

    def _spanning(self, x: Tensor, span: "Span") -> Tensor:
        """The whole batch and those of the other ranks of the span as one norm group."""
        wide = x if x.dtype == torch.float64 else x.float()
        axes, inner = (0, *range(2, x.ndim)), [1] * (x.ndim - 2)
        count = x.numel() // x.shape[1] * span.ranks
        mean_C = span.summed(wide.sum(axes)) / count
        centred = wide - mean_C.view(-1, *inner)
        variance_C = span.summed(centred.square().sum(axes)) / count
        self._record(mean_C, variance_C * (count / max(count - 1, 1)))
        scale_C = torch.rsqrt(variance_C + self.eps) * self.weight
        return (centred * scale_C.view(-1, *inner) + self.bias.view(-1, *inner)).to(x.dtype)

    def _record(self, means_C: Tensor, variances_C: Tensor) -> None:
        """Add the sums over the groups of a pass with gradient."""
        if torch.is_grad_enabled() and not self.is_repeated:
            with torch.no_grad():
                sums_3C = torch.stack([means_C, variances_C, torch.full_like(means_C, self.groups)])
                self.recorded_3C.add_(sums_3C.to(self.recorded_3C.dtype))

    def recorded_averages(self) -> Tensor:
        """Mean and unbiased variance, 2 x C, averaged over the recorded groups; zeros where there are none."""
        return self.recorded_3C[:2] / self.recorded_3C[2].clamp(min=1)

    def take_recorded(self) -> Tensor | None:
        """The recorded averages, 2 x C, which are then forgotten, or None; waits for the device."""
        taken = self.recorded_averages() if bool(self.recorded_3C[2].any()) else None
        self.forget()
        return taken

    def forget(self) -> None:
        """Drop what was recorded."""
        self.recorded_3C.zero_()

    def move_running_averages(self, statistics_2C: Tensor) -> None:
        """Move the running mean and variance towards `statistics_2C` by `momentum`, if anything was recorded."""
        recorded_C = self.recorded_3C[2] > 0
        for running_C, statistic_C in zip((self.running_mean, self.running_var), statistics_2C, strict=True):
            running_C.lerp_(torch.where(recorded_C, statistic_C, running_C), self.momentum)
        self.num_batches_tracked += recorded_C[0]
        self.forget()


@contextmanager
def norm_groups(module: nn.Module, count: int, *, span: Span | None = None) -> Iterator[None]:
    """Within the block, training passes through `module` split their batch into `count` equal contiguous norm groups.

    Args:
        module: any module; its batch norms are told.
        count: of groups in the batch of this process.
        span: the batches of several ranks are one norm group; then `count` is 1.

    Raises:
        ValueError: count is not positive, or not 1 with a span; at the pass, if the batch is not a multiple of it.
    """
    if count < 1 or (span is not None and count != 1):
        raise ValueError(f"the number of norm groups must be at least 1, and 1 if they span ranks; got {count}")
    layers = _batch_norms(module)
    before = [(layer.groups, layer.span) for layer in layers]
    try:
        for layer in layers:
            layer.groups, layer.span = count, span
        yield
    finally:
        for layer, (groups, earlier) in zip(layers, before, strict=True):
            layer.groups, layer.span = groups, earlier


@torch.no_grad()
def commit_running_averages(module: nn.Module, *, mean: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> None:
    """Move all running averages of `module` once, to the mean over all norm groups recorded since the last commit.

    Only training passes with gradients record, and not those of activation checkpointing that are computed again, so
    that every group counts once. Call it once a step, after the backward pass.

    Args:
        module: any module; those without batch norm are left alone.
        mean: averages one tensor over the ranks; called once, on every rank alike.
    """
    layers = _batch_norms(module)
    if not layers:
        return
    averaged = mean(torch.cat([layer.recorded_averages() for layer in layers], dim=1))
    for layer, statistics_2C in zip(layers, averaged.split([len(each.weight) for each in layers], dim=1), strict=True):
        layer.move_running_averages(statistics_2C)


def forget_running_averages(module: nn.Module) -> None:
    """Drop what was recorded since the last commit, for a step that is not done."""
    for layer in _batch_norms(module):
        layer.forget()


def _batch_norms(module: nn.Module) -> list[GroupedBatchNorm]:
    return [layer for layer in module.modules() if isinstance(layer, GroupedBatchNorm)]


def _divisors(number: int) -> str:
    return ", ".join(str(divisor) for divisor in range(1, number + 1) if number % divisor == 0)
