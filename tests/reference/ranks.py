"""Processes that meet over gloo and hand back what they computed."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from vivi.core.world import World

RANKS = 2
Work = Callable[..., dict[str, Any]]


def run_ranks(work: Work, *arguments: Any) -> list[dict[str, Any]]:
    """`work(world, *arguments)` in two processes; its results in the order of the ranks. `work` is top-level."""
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_rank, args=(folder, work, arguments), nprocs=RANKS)
        return [torch.load(Path(folder) / f"rank{rank}.pt", weights_only=True) for rank in range(RANKS)]


def _rank(rank: int, folder: str, work: Work, arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meet"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=RANKS, timeout=timedelta(seconds=60))
    world = World(rank=rank, size=RANKS, device=torch.device("cpu"))
    torch.save(work(world, *arguments), Path(folder) / f"rank{rank}.pt")
    world.barrier()
    dist.destroy_process_group()
