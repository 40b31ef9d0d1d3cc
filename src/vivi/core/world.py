"""The processes that train together: who we are, gather with gradient, mean of gradients, what rank 0 decides.

Every rank computes the same criterion on the gathered batch. The backward of `gather` sums the gradients that the
ranks computed for our rows and `mean_gradients` divides by the number of ranks, so the gradients equal those of one
process with the whole batch. How processes find each other stands in `vivi.core.launch`.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from vivi.core.errors import ConfigError, ViviError
from vivi.core.watch import Watch

BUCKET_ELEMENTS = 2**23


@dataclass(frozen=True, slots=True)
class World:
    """This process among `size` of them, and its device."""

    rank: int
    size: int
    device: torch.device
    control: dist.ProcessGroup | None = None
    """A group on CPUs for flags and decisions, so that these never wait for a GPU; None: the default group."""
    watch: Watch = field(default_factory=Watch, compare=False)
    """Told where we are, and when we wait for the others."""
    timeout: timedelta | None = None
    """Of every group that is made; None: what the backend does."""
    _spans: dict[int, "Span"] = field(default_factory=dict, compare=False)

    @classmethod
    def single(cls, device: torch.device | str = "cpu") -> "World":
        """One process that is alone."""
        return cls(rank=0, size=1, device=torch.device(device))

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all ranks along axis 0, in the order of the ranks, with gradient; every rank has as many rows."""
        if self.size == 1:
            return rows
        gathered: Tensor = _Gather.apply(rows, self)  # type: ignore[no-untyped-call]
        return gathered

    def mean(self, value: Tensor) -> Tensor:
        """The mean of `value` over the ranks, without gradient."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        with self.watch.meeting():
            dist.all_reduce(total)
        return total / self.size

    def mean_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its mean over the ranks; a parameter without one has none on any rank."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            with self.watch.meeting():
                dist.all_reduce(flat)
            parts = flat.div_(self.size).split([gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view_as(gradient))

    def barrier(self) -> None:
        """Wait until every rank is here."""
        if self.size > 1:
            with self.watch.meeting():
                dist.barrier(group=self.control)

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which alone writes files and shows progress."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether any rank says yes; all get the same answer. Waits for the other ranks, not for a GPU."""
        if self.size == 1:
            return flag
        votes = torch.tensor([int(flag)])
        with self.watch.meeting():
            dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=self.control)
        return bool(votes.item())

    def decided_by_first(self, decide: Callable[[], Any]) -> Any:
        """What `decide`, called by rank 0 alone, returns (JSON values), on every rank.

        Raises:
            ViviError: on rank 0 what `decide` raised; on the others that rank 0 has stopped, for a reason it tells.
        """
        if self.size == 1:
            return decide()
        if not self.is_first:
            told = self._broadcast_text(None)
            if told is None:
                raise ViviError("rank 0 has stopped: see what it says")
            return json.loads(told)
        try:
            value = decide()
        except BaseException:
            self._broadcast_text("")
            raise
        self._broadcast_text(json.dumps(value))
        return value

    def _broadcast_text(self, text: str | None) -> str | None:
        """Rank 0's text on every rank; None for an empty one."""
        data = (text or "").encode()
        length = torch.tensor([len(data)])
        with self.watch.meeting():
            dist.broadcast(length, src=0, group=self.control)
        if not int(length):
            return None
        content = torch.tensor(list(data), dtype=torch.uint8) if self.is_first else torch.empty(int(length)).byte()
        with self.watch.meeting():
            dist.broadcast(content, src=0, group=self.control)
        return bytes(content.tolist()).decode()

    def copy_from_first(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite the tensors, which are alike on every rank in number, shape and type, with those of rank 0."""
        if self.size == 1:
            return
        for tensor in tensors:
            on_device = tensor.to(self.device)
            with self.watch.meeting():
                dist.broadcast(on_device, src=0)
            tensor.copy_(on_device)

    def span(self, ranks: int) -> "Span | None":
        """The group of the `ranks` consecutive ranks that we are in, which start at a multiple of `ranks`.

        None for a single one. To be called by all ranks alike: the first call makes the groups.

        Raises:
            ValueError: `ranks` does not divide the number of ranks.
        """
        if ranks == 1:
            return None
        if self.size % ranks:
            raise ValueError(f"{self.size} processes do not split into groups of {ranks}")
        if ranks not in self._spans:
            members = [list(range(first, first + ranks)) for first in range(0, self.size, ranks)]
            groups = [dist.new_group(each, timeout=self.timeout) for each in members]
            self._spans[ranks] = Span(groups[self.rank // ranks], self.watch)
        return self._spans[ranks]


@dataclass(frozen=True, slots=True)
class Span:
    """Some of the ranks; see `World.span`."""

    group: dist.ProcessGroup
    watch: Watch

    def sum_(self, total: Tensor) -> None:
        """Overwrite by the sum over the ranks of the group."""
        with self.watch.meeting():
            dist.all_reduce(total, group=self.group)


def summed_over(group: Span, values: Tensor) -> Tensor:
    """The sum of `values` over the ranks of `group`, with gradient: that of the sum of all ranks' losses."""
    total: Tensor = _Sum.apply(values, group)  # type: ignore[no-untyped-call]
    return total


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
    def forward(ctx: Any, rows: Tensor, world: World) -> Tensor:
        ctx.world, ctx.rows = world, rows.shape[0]
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(world.size)]
        with world.watch.meeting():
            dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        with ctx.world.watch.meeting():
            dist.all_reduce(total)
        return total[ctx.world.rank * ctx.rows : (ctx.world.rank + 1) * ctx.rows], None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, span: Span) -> Tensor:
        ctx.span = span
        total = values.clone(memory_format=torch.contiguous_format)
        span.sum_(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        ctx.span.sum_(total)
        return total, None


def _buckets(tensors: Iterable[Tensor]) -> Iterable[list[Tensor]]:
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and (tensor.dtype != bucket[0].dtype or sum(t.numel() for t in bucket) > BUCKET_ELEMENTS):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket
