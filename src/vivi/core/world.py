"""The processes that train together: who we are, gather with gradient, mean of gradients, barrier.

Every rank computes the same criterion on the gathered batch. The backward of `gather` sums the gradients that the
ranks computed for our rows and `mean_gradients` divides by the number of ranks, so the gradients equal those of one
process with the whole batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from vivi.core.errors import ConfigError

BUCKET_ELEMENTS = 2**23


@dataclass(frozen=True, slots=True)
class World:
    """This process among `size` of them, and its device."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    def single(cls, device: torch.device | str = "cpu") -> "World":
        """One process that is alone."""
        return cls(rank=0, size=1, device=torch.device(device))

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all ranks along axis 0, in the order of the ranks, with gradient; every rank has as many rows."""
        if self.size == 1:
            return rows
        gathered: Tensor = _Gather.apply(rows, self.rank, self.size)  # type: ignore[no-untyped-call]
        return gathered

    def mean(self, value: Tensor) -> Tensor:
        """The mean of `value` over the ranks, without gradient."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.size

    def mean_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its mean over the ranks; a parameter without one has none on any rank."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            dist.all_reduce(flat)
            parts = flat.div_(self.size).split([gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view_as(gradient))

    def barrier(self) -> None:
        """Wait until every rank is here."""
        if self.size > 1:
            dist.barrier()


def find_device(name: str) -> torch.device:
    """The device of that name; "auto" is CUDA where there is one, else the CPU.

    Raises:
        ConfigError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = ["cpu", "cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if name not in known or (name != "cpu" and not torch.cuda.is_available()):
        here = known if torch.cuda.is_available() else ["cpu"]
        raise ConfigError(f"--device {name}: not available here; legal: auto, {', '.join(here)}")
    return torch.device(name)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, rank: int, size: int) -> Tensor:
        ctx.rank, ctx.rows = rank, rows.shape[0]
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(size)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[ctx.rank * ctx.rows : (ctx.rank + 1) * ctx.rows], None, None


def _buckets(tensors: Iterable[Tensor]) -> Iterable[list[Tensor]]:
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and (tensor.dtype != bucket[0].dtype or sum(t.numel() for t in bucket) > BUCKET_ELEMENTS):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket
