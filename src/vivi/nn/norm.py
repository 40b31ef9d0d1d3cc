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


class StandardizedConv2d(nn.Conv2d):
    """A convolution whose filters have mean 0 and variance 1 over (input channel, height, width) (Qiao et al. 2019).

    The parameters are float32 and so is the standardisation, also under autocast, which casts only its result.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, eps: float) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x_BCHW -> convolved by the standardised filters."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), correction=0, keepdim=True)
        weight = (self.weight - mean) * torch.rsqrt(variance + self.eps)
        return F.conv2d(x, weight, None, self.stride, self.padding)


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
        self._recorded: Tensor | None = None
        self._recorded_groups = 0

    def forward(self, x: Tensor) -> Tensor:
        """x_BCHW -> the same shape, normalised.

        Raises:
            ValueError: in training, the batch does not divide into the norm groups of this pass.
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
        means_GC, variances_GC = self.running_mean.new_zeros(2, self.groups, len(self.weight)).unbind()
        chunks = x.chunk(self.groups) if self.groups > 1 else (x,)
        parts = [
            # Momentum 1 makes the kernel hand back the statistics themselves, the variance unbiased.
            F.batch_norm(part, mean_C, variance_C, self.weight, self.bias, training=True, momentum=1.0, eps=self.eps)
            for part, mean_C, variance_C in zip(chunks, means_GC, variances_GC, strict=True)
        ]
        if torch.is_grad_enabled():
            self._record(torch.stack([means_GC.sum(0), variances_GC.sum(0)]))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _spanning(self, x: Tensor, span: "Span") -> Tensor:
        """The whole batch and those of the other ranks of the span as one norm group."""
        wide = x if x.dtype == torch.float64 else x.float()
        count = x.shape[0] * x.shape[2] * x.shape[3] * span.ranks
        mean_C = span.summed(wide.sum((0, 2, 3))) / count
        centred = wide - mean_C[:, None, None]
        variance_C = span.summed(centred.square().sum((0, 2, 3))) / count
        if torch.is_grad_enabled():
            unbiased_C = variance_C.detach() * (count / max(count - 1, 1))
            self._record(torch.stack([mean_C.detach(), unbiased_C]).to(self.running_mean.dtype))
        scale_C = torch.rsqrt(variance_C + self.eps) * self.weight
        return (centred * scale_C[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    def _record(self, sums_2C: Tensor) -> None:
        if self.is_repeated:
            return
        self._recorded = sums_2C if self._recorded is None else self._recorded + sums_2C
        self._recorded_groups += self.groups

    def take_recorded(self) -> Tensor | None:
        """Mean and unbiased variance, 2 x C, averaged over the groups recorded since the last call, or None."""
        taken = None if self._recorded is None else self._recorded / self._recorded_groups
        self._recorded, self._recorded_groups = None, 0
        return taken

    def move_running_averages(self, statistics_2C: Tensor) -> None:
        """Move the running mean and variance towards `statistics_2C` by `momentum`."""
        self.running_mean.lerp_(statistics_2C[0], self.momentum)
        self.running_var.lerp_(statistics_2C[1], self.momentum)
        self.num_batches_tracked += 1


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
    taken = [(layer, statistics) for layer in _batch_norms(module) if (statistics := layer.take_recorded()) is not None]
    if not taken:
        return
    averaged = mean(torch.cat([statistics_2C for _, statistics_2C in taken], dim=1))
    pieces = torch.split(averaged, [statistics_2C.shape[1] for _, statistics_2C in taken], dim=1)
    for (layer, _), statistics_2C in zip(taken, pieces, strict=True):
        layer.move_running_averages(statistics_2C)


def forget_running_averages(module: nn.Module) -> None:
    """Drop what was recorded since the last commit, for a step that is not done."""
    for layer in _batch_norms(module):
        layer.take_recorded()


def _batch_norms(module: nn.Module) -> list[GroupedBatchNorm]:
    return [layer for layer in module.modules() if isinstance(layer, GroupedBatchNorm)]


def _divisors(number: int) -> str:
    return ", ".join(str(divisor) for divisor in range(1, number + 1) if number % divisor == 0)
