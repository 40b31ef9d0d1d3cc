"""The watch names whom a rank waits for, and where they are; it says nothing while nobody waits too long."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from vivi.core.errors import ConfigError
from vivi.core.launch import _seconds
from vivi.core.watch import STUCK, Place, Watch


class Table:
    """A board in one process."""

    def __init__(self, **places: Place) -> None:
        self.lines = {f"vivi/watch/{rank[1:]}": place.written() for rank, place in places.items()}

    def set(self, key: str, value: str) -> None:
        self.lines[key] = value

    def get(self, key: str) -> bytes:
        return self.lines[key].encode()

    def check(self, keys: list[str]) -> bool:
        return all(key in self.lines for key in keys)


def ended(watch: Watch, table: Table, *, seconds: float = 0.2, wait: float = 5.0) -> str | None:
    """What the watch says while we wait in a meeting."""
    said: list[str] = []
    over = threading.Event()

    def end(message: str) -> None:
        said.append(message)
        over.set()

    watch.begin(table, seconds=seconds, end=end)
    with watch.meeting():
        over.wait(wait)
    watch.finish()
    return said[0] if said else None


def test_it_names_the_ranks_that_have_not_come_and_where_they_are() -> None:
    watch = Watch(rank=0, size=4)
    watch.at("losses", step=7)
    with watch.meeting():
        pass
    table = Table(_1=Place(2, 7, "losses"), _2=Place(1, 7, "waiting for data"))
    said = ended(watch, table)
    assert said is not None
    assert said.startswith(
        "rank 0 has waited 0.2 s in step 7, losses for rank 2 (step 7, waiting for data), rank 3 (start); "
    )
    assert "rank 1" not in said
    assert table.lines["vivi/watch/0"] == "2 7 losses"


def test_where_all_have_come_it_says_so() -> None:
    said = ended(Watch(rank=1, size=2), Table(_0=Place(1, 3, "backward")))
    assert said is not None and "for a rank that has come as far" in said


def test_a_short_wait_is_none() -> None:
    watch = Watch(rank=0, size=2)
    assert ended(watch, Table(), seconds=5, wait=0.5) is None
    assert watch.place.meetings == 1


def test_time_between_meetings_does_not_count() -> None:
    watch, said = Watch(rank=0, size=2), []
    watch.begin(Table(), seconds=0.2, end=said.append)
    time.sleep(0.6)
    watch.finish()
    assert said == []


def test_a_board_that_is_gone_ends_the_watch_in_silence() -> None:
    class Gone(Table):
        def set(self, key: str, value: str) -> None:
            raise RuntimeError("connection closed")

    assert ended(Watch(size=2), Gone(), wait=0.5) is None


@pytest.mark.parametrize("given", ["0", "-3", "soon", "nan"])
def test_a_timeout_that_is_no_time_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVI_TIMEOUT", given)
    with pytest.raises(ConfigError, match=f"VIVI_TIMEOUT={given}: give a number of seconds above 0"):
        _seconds()


HANGS = """
import time, torch
from vivi.core.launch import joined_world
with joined_world("cpu") as world:
    world.watch.at("backward", step=7)
    world.barrier()
    if world.rank == 1:
        world.watch.at("waiting for data", step=8)
        time.sleep(100)
    world.watch.at("losses", step=8)
    world.gather(torch.ones(2))
"""


@pytest.mark.timeout(120)
def test_a_rank_that_hangs_is_named_by_the_one_that_waits() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "VIVI_TIMEOUT": "2"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", HANGS],
            env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    try:
        _, said = ranks[0].communicate(timeout=60)
    finally:
        ranks[1].kill()
        ranks[1].communicate()
    assert ranks[0].returncode == STUCK
    line = next(line for line in said.splitlines() if line.startswith("vivi: "))
    assert line.startswith(
        "vivi: rank 0 has waited 2 s in step 8, losses for rank 1 (step 8, waiting for data); VIVI_TIMEOUT sets"
    )
