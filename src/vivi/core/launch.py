"""How the processes of a run find each other: torchrun starts them and says in the environment who each one is.

torchrun keeps its store over a restart. Addresses of processes that are gone would make the new ones wait for each
other for ever, so each start has its own part of the store.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from vivi.core.errors import ConfigError
from vivi.core.watch import Watch
from vivi.core.world import World, find_device

TIMEOUT_SECONDS = 1800.0
"""A rank that waits longer than this for the others gives up; VIVI_TIMEOUT sets another number."""

_START = timedelta(minutes=10)
"""That the processes may take to find each other."""
_GRACE_SECONDS = 60.0


def is_launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ or ("RANK" in os.environ and "WORLD_SIZE" in os.environ)


def processes_here() -> int:
    """How many processes of this run are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_launched() else 1


@contextmanager
def joined_world(device: str = "auto") -> Iterator[World]:
    """The world of this process until the end of the block: alone, or with those that torchrun started.

    Args:
        device: auto, cpu, cuda or cuda:N; under torchrun auto and cuda mean the GPU that has the process's local rank.

    Raises:
        ConfigError: no such device, or several processes on a machine would share a GPU.
    """
    if not is_launched():
        alone = find_device(device)
        # without it pinned memory would take a part of the first GPU; behind the block the caller's GPU is back
        with nullcontext() if alone.index is None else torch.cuda.device(alone):
            yield World.single(alone)
        return
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    ours = _local_device(device, local=local)
    if ours.type == "cuda":
        torch.cuda.set_device(ours)
    seconds, watch = _seconds(), Watch(rank=rank, size=size)
    limit = timedelta(seconds=seconds + _GRACE_SECONDS)  # the watch speaks first, it knows who is missing
    backend = "nccl" if ours.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=_store(size), rank=rank, world_size=size, timeout=limit)
    try:
        watch.begin(_store(size), seconds=seconds)
        control = dist.new_group(backend="gloo", timeout=limit)
        world = World(rank=rank, size=size, device=ours, control=control, watch=watch, timeout=limit)
        yield world
        watch.at("end")
        world.barrier()  # a rank that leaves early would look to the others like one that was lost
    finally:
        watch.finish()
        gc.collect()  # a gathered tensor that outlives its group can hang the end of a process
        dist.destroy_process_group()


def _store(size: int) -> Any:
    """A connection of its own to the part of torchrun's store that belongs to this start of `size` processes."""
    shared, _, _ = next(rendezvous("env://", timeout=_START))
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return dist.PrefixStore(f"vivi/{start}/{size}", shared)  # type: ignore[attr-defined]


def _local_device(name: str, *, local: int) -> torch.device:
    if name not in ("auto", "cuda"):
        if name.startswith("cuda:"):
            raise ConfigError(f"--device {name}: under torchrun each process takes a GPU of its own; legal: cuda, cpu")
        return find_device(name)
    if name == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if local >= count:
        raise ConfigError(f"process {local} of this machine has no GPU, there are {count}: --nproc-per-node {count}")
    return find_device(f"cuda:{local}")


def _seconds() -> float:
    given = os.environ.get("VIVI_TIMEOUT", str(TIMEOUT_SECONDS))
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ConfigError(f"VIVI_TIMEOUT={given}: give a number of seconds above 0")
    return seconds
