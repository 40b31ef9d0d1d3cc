"""The device of a process, and that every group waits as long as the run was told to."""

from datetime import timedelta

import torch
import torch.distributed as dist

from vivi.core import launch
from vivi.core.launch import joined_world
from vivi.core.watch import Watch
from vivi.core.world import World


def test_a_gpu_that_is_named_is_the_one_that_is_used(monkeypatch):
    """Pinned memory belongs to the current GPU, which is the first one if nobody says otherwise."""
    chosen = []
    monkeypatch.setattr(launch, "find_device", torch.device)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for name in ("cuda:1", "cuda", "cpu"):
        with joined_world(name) as world:
            assert world.device == torch.device(name)
    assert chosen == [torch.device("cuda:1")]


def test_groups_of_ranks_wait_as_long_as_all_of_them(monkeypatch):
    made = []
    monkeypatch.setattr(dist, "new_group", lambda ranks, timeout: made.append((ranks, timeout)))
    limit = timedelta(hours=2)
    world = World(rank=0, size=4, device=torch.device("cpu"), watch=Watch(size=4), timeout=limit)
    world.span(2)
    assert made == [([0, 1], limit), ([2, 3], limit)]
