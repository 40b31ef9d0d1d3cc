"""The device of a process, and that every group waits as long as the run was told to."""

import socket
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from vivi.core import launch
from vivi.core.launch import joined_world
from vivi.core.watch import Watch
from vivi.core.world import World


def test_a_gpu_that_is_named_is_the_one_that_is_used(monkeypatch):
    """Pinned memory belongs to the current GPU; who called us had one of his own, and gets it back."""
    current = ["before"]

    @contextmanager
    def chosen(device):
        current.append(device)
        yield
        current.pop()

    monkeypatch.setattr(launch, "find_device", torch.device)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(torch.cuda, "device", chosen)
    for name, expected in (("cuda:1", torch.device("cuda:1")), ("cuda", "before"), ("cpu", "before")):
        with joined_world(name) as world:
            assert (world.device, current[-1]) == (torch.device(name), expected)
        assert current == ["before"]


def test_groups_of_ranks_wait_as_long_as_all_of_them(monkeypatch):
    made = []
    monkeypatch.setattr(dist, "new_group", lambda ranks, timeout: made.append((ranks, timeout)))
    limit = timedelta(hours=2)
    world = World(rank=0, size=4, device=torch.device("cpu"), watch=Watch(size=4), timeout=limit)
    world.span(2)
    assert made == [([0, 1], limit), ([2, 3], limit)]


def test_what_the_user_says_of_waiting_reaches_the_world(monkeypatch):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    said = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    for name, value in (said | {"VIVI_TIMEOUT": 90}).items():
        monkeypatch.setenv(name, str(value))
    with joined_world("cpu") as world:
        assert world.timeout == timedelta(seconds=90 + 60)  # the watch speaks a minute earlier
