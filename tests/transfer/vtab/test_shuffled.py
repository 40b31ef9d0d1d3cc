"""The order of training images against a literal simulation of tf.data."""

import itertools
from collections import Counter

import pytest

from vivi.core.seeds import rng
from vivi.transfer.vtab.shuffled import ShuffledStream


def simulated(count: int, *, buffer: int, batch: int, steps: int, seed: int, purpose: str) -> list[list[int]]:
    """repeat, shuffle, batch, one example after the other."""
    endless = itertools.cycle(range(count))
    slots = [next(endless) for _ in range(buffer)]
    batches = []
    for step in range(steps):
        drawn = rng(seed, step=step, purpose=purpose).integers(buffer, size=batch).tolist()
        going = []
        for slot in drawn:
            going.append(slots[slot])
            slots[slot] = next(endless)
        batches.append(going)
    return batches


@pytest.mark.parametrize(
    ("count", "buffer", "batch"), [(10, 25, 8), (7, 3, 16), (100, 10, 5), (5, 1, 4), (1, 6, 3), (30, 64, 64)]
)
def test_equals_a_literal_simulation(count: int, buffer: int, batch: int) -> None:
    stream = ShuffledStream(count, batch=batch, seed=4, purpose="p", buffer=buffer)
    found = [positions.tolist() for positions in stream.batches(12)]
    assert found == simulated(count, buffer=buffer, batch=batch, steps=12, seed=4, purpose="p")


def test_a_pure_function_of_seed_and_purpose() -> None:
    def first(seed: int, purpose: str, steps: int = 3) -> list[list[int]]:
        return [each.tolist() for each in ShuffledStream(50, batch=9, seed=seed, purpose=purpose).batches(steps)]

    assert first(0, "a") == first(0, "a", steps=7)[:3]
    assert first(0, "a") != first(1, "a") != first(1, "b")


def test_every_example_comes_about_equally_often() -> None:
    stream = ShuffledStream(100, batch=500, seed=0, purpose="p", buffer=1000)
    counts = Counter(at for positions in stream.batches(40) for at in positions.tolist())
    assert len(counts) == 100 and min(counts.values()) > 160 and max(counts.values()) < 240
