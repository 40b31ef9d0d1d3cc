"""Pools of processes that meet over gloo and hand back what they computed; a pool serves many tests."""

import gc
import io
import os
import tempfile
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist

from vivi.core.world import World

SECONDS = 120
"""That a piece of work may take."""
Work = Callable[..., dict[str, Any]]
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["vivi.training.step", "vivi.presets"])


class RankPools:
    """A pool of processes for each number of ranks, started when first asked for; to be used in a `with` block."""

    def __init__(self) -> None:
        self._pools: dict[int, _Pool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.close()

    def run(self, ranks: int, work: Work, *arguments: Any) -> list[dict[str, Any]]:
        """`work(world, *arguments)` in so many processes; its results in the order of the ranks. `work` is top-level.

        One rank works in this process. After an error in any rank the pool is ended, as the others may wait for it.
        """
        if ranks == 1:
            return [work(World.single(), *arguments)]
        if ranks not in self._pools:
            self._pools[ranks] = _Pool(ranks)
        pool = self._pools[ranks]
        try:
            return pool.run(work, arguments)
        except BaseException:
            del self._pools[ranks]
            pool.end()
            raise


class _Pool:
    def __init__(self, ranks: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        ends = [CONTEXT.Pipe() for _ in range(ranks)]
        self._pipes = [ours for ours, _ in ends]
        self._processes = [
            CONTEXT.Process(target=_rank, args=(rank, ranks, self._folder.name, theirs), daemon=True)
            for rank, (_, theirs) in enumerate(ends)
        ]
        for process in self._processes:
            process.start()
        for _, theirs in ends:
            theirs.close()

    def run(self, work: Work, arguments: tuple[Any, ...]) -> list[dict[str, Any]]:
        for pipe in self._pipes:
            pipe.send((work, arguments))
        return [self._received(rank) for rank in range(len(self._pipes))]

    def _received(self, rank: int) -> dict[str, Any]:
        if not self._pipes[rank].poll(SECONDS):
            raise TimeoutError(f"rank {rank} has not answered in {SECONDS} s")
        answer = self._pipes[rank].recv()
        if isinstance(answer, str):
            raise AssertionError(f"rank {rank}: {answer}")
        result: dict[str, Any] = torch.load(io.BytesIO(answer), weights_only=True)
        return result

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(20)
        self.end()

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()
            process.close()
        for pipe in self._pipes:
            pipe.close()
        self._folder.cleanup()


def _rank(rank: int, ranks: int, folder: str, pipe: Connection) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{Path(folder)}/meet"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks, timeout=timedelta(seconds=60))
    world = World(rank=rank, size=ranks, device=torch.device("cpu"))
    while (task := pipe.recv()) is not None:
        work, arguments = task
        try:
            answer = io.BytesIO()
            torch.save(work(world, *arguments), answer)
            pipe.send(answer.getvalue())
        except Exception:
            pipe.send(traceback.format_exc())
    gc.collect()  # a gathered tensor that outlives its group can hang the end of a process
    world.barrier()
    dist.destroy_process_group()
    os._exit(0)
