"""Activation checkpointing: what a block has computed is dropped and computed again in the backward pass.

Chen et al., Training deep nets with sublinear memory cost, 2016. Only what enters each block is kept; the price is one
more forward pass. Gradients are those without it. The second pass uses the norm groups of the first one and leaves no
statistics behind, so that running averages move as without it too.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vivi.core.errors import ConfigError
from vivi.nn.norm import GroupedBatchNorm, Span


class Blocks(nn.Sequential):
    """A sequence of blocks without randomness, each of which may be computed again in the backward pass."""

    recompute = False

    def forward(self, input: Tensor) -> Tensor:
        """Block after block."""
        again = self.recompute and self.training and torch.is_grad_enabled()
        x = input
        for block in self:
            x = _recomputed(block, x) if again else block(x)
        return x


def recompute_blocks(encoder: nn.Module) -> None:
    """From now on, training passes through `encoder` keep only what enters its blocks.

    Raises:
        ConfigError: it has no `Blocks`.
    """
    found = [each for each in encoder.modules() if isinstance(each, Blocks)]
    if not found:
        raise ConfigError(f"--recompute: {type(encoder).__name__} has no blocks to compute again; legal: ResNetV2")
    for each in found:
        each.recompute = True


def _recomputed(block: nn.Module, x: Tensor) -> Tensor:
    y: Tensor
    if torch.compiler.is_compiling():  # a program repeats operations, not what layers note
        y = checkpoint(block, x, use_reentrant=False)
        return y
    norms = [layer for layer in block.modules() if isinstance(layer, GroupedBatchNorm)]
    first = [(layer.groups, layer.span) for layer in norms]

    @contextmanager
    def second_pass() -> Iterator[None]:
        """As the first one was, whatever the layers are set to by then."""
        now = [(layer.groups, layer.span) for layer in norms]
        try:
            _set(norms, first, is_repeated=True)
            yield
        finally:
            _set(norms, now, is_repeated=False)

    def passes() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), second_pass()

    y = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False, context_fn=passes)
    return y


def _set(norms: Sequence[GroupedBatchNorm], groups: Sequence[tuple[int, Span | None]], *, is_repeated: bool) -> None:
    for layer, (count, span) in zip(norms, groups, strict=True):
        layer.groups, layer.span, layer.is_repeated = count, span, is_repeated
