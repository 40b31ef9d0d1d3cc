"""The whole step on 1, 2 and 4 ranks and in 1, 2 and 4 chunks, against one process with the whole batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
import torch
import torch.distributed as dist
from tests.reference.ranks import RankPools
from tests.two_ranks.shared_step import NORMS, alone, moved, steady, worst
from torch import Tensor

from vivi.core import world as world_module
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.presets import PRESETS

pytestmark = pytest.mark.timeout(300)
EXACT = 1e-10
SIZES = (1, 2, 4)


def group_of(ranks: int, chunks: int) -> int:
    """Shots of a norm group: two, or one where a chunk has one."""
    return 2 if ranks * chunks <= 8 else 1


@pytest.mark.parametrize(
    ("name", "norm", "ranks", "chunks", "group"),
    [
        ("VIVI-Ex(4)", "BN", 2, 2, 2),
        ("VIVI-Ex(4)", "BN", 2, 1, 16),  # a norm group of both ranks
        ("VIVI-Ex(4)", "BN", 4, 1, 8),  # two norm groups of two ranks each
        ("VIVI-Ex(4)", "GN", 4, 4, 1),
        ("VIVI-Ex(2)", "BN", 1, 4, 2),
        ("VIVI-Rot(2)-Order", "BN", 4, 1, 2),
        ("VIVI-Rot(4)", "GN", 2, 4, 2),
        ("VIVI-Ex(4)-Co(10%)", "BN", 2, 2, 2),
        ("VIVI-Ex(4)-Co(10%)", "GN", 4, 1, 2),
        ("Ex-YT-F", "BN", 4, 2, 2),
        ("Semi-Ex-10%", "BN", 4, 4, 1),
        ("Sup-Rot-100%", "GN", 1, 2, 2),
        ("Sup-Rot-100%", "BN", 2, 1, 16),
        ("VIVI-Jigsaw(4)", "BN", 2, 2, 2),
        ("VIVI-Patch(4)", "GN", 2, 1, 2),
    ],
)
def test_the_step_of_one_process(pools: RankPools, name: str, norm: str, ranks: int, chunks: int, group: int) -> None:
    check(pools, steady(name, norm=norm, group=group), ranks=ranks, chunks=chunks)


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", PRESETS)
def test_the_step_of_one_process_with_every_preset(pools: RankPools, name: str, norm: str) -> None:
    for ranks, chunks in product(SIZES, SIZES):
        check(pools, steady(name, norm=norm, group=group_of(ranks, chunks)), ranks=ranks, chunks=chunks)


def check(pools: RankPools, experiment: Experiment, *, ranks: int, chunks: int) -> None:
    """Loss, gradients, running averages and weights after a step are those of one process, on every rank."""
    expected = alone(experiment)
    for rank, result in enumerate(pools.run(ranks, moved, experiment, chunks)):
        distance, where = worst(result, expected)
        assert distance < EXACT, f"rank {rank} of {ranks}, {chunks} chunks: {where} differs by {distance:.1e}"


@pytest.mark.parametrize(("ranks", "chunks", "group"), [(2, 1, 16), (2, 2, 2)])
def test_activations_that_are_computed_again(pools: RankPools, ranks: int, chunks: int, group: int) -> None:
    """A norm group of both ranks sums over them in the backward pass once more."""
    experiment = steady("VIVI-Ex(4)", norm="BN", group=group)
    for result in pools.run(ranks, moved, experiment, chunks, 1, True):
        assert worst(result, alone(experiment))[0] < EXACT


TRAJECTORIES = [
    ("VIVI-Ex(4)", "GN", 2, 2),
    ("VIVI-Ex(4)", "BN", 4, 1),
    ("VIVI-Rot(2)-Order", "GN", 4, 2),
    ("VIVI-Ex(4)-Co(10%)", "GN", 2, 1),
    ("Sup-Rot-100%", "BN", 2, 2),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "norm", "ranks", "chunks"), TRAJECTORIES)
def test_fifty_steps_stay_together(pools: RankPools, name: str, norm: str, ranks: int, chunks: int) -> None:
    """At a small learning rate: what rounding does grows with every step by a factor that falls with the rate."""
    experiment = steady(name, norm=norm, group=4, rate=0.002)
    expected = alone(experiment, 50)
    for result in pools.run(ranks, moved, experiment, chunks, 50):
        distance, where = worst(result, expected, kind="weights")
        print(f"{name} {norm}, {ranks} ranks, {chunks} chunks: {distance:.1e} at {where}")
        assert distance < 1e-8, f"{where} differs by {distance:.1e}"


def own_slice_alone(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
    """A backward of the gather that forgets what the other ranks computed for our rows."""
    return gradients[0][ctx.world.rank * ctx.rows : (ctx.world.rank + 1) * ctx.rows], None


def own_rows_alone(self: World, rows: Tensor) -> Tensor:
    """A gather that gathers nothing: negatives of the own rank only."""
    return rows


def summed(self: World, parameters: Any) -> None:
    """Gradients that are summed where they should be averaged."""
    for parameter in parameters:
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)


def not_reduced(self: World, parameters: Any) -> None:
    """Gradients that stay those of the own rank."""


WRONG: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "own slice alone": (world_module._Gather, "backward", staticmethod(own_slice_alone)),
    "own rows alone": (World, "gather", own_rows_alone),
    "summed": (World, "mean_gradients", summed),
    "not reduced": (World, "mean_gradients", not_reduced),
    "averages of the own rank": (World, "mean", lambda self, value: value),
}


def moved_wrongly(world: World, experiment: Experiment, which: str) -> dict[str, Any]:
    with patched(*WRONG[which]):
        return moved(world, experiment, 1)


@contextmanager
def patched(owner: type, name: str, replacement: Any) -> Iterator[None]:
    before = owner.__dict__[name]
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, before)


@pytest.mark.parametrize("which", WRONG)
def test_a_wrong_step_is_found_out(pools: RankPools, which: str) -> None:
    experiment = steady("VIVI-Ex(4)", norm="BN", group=4)
    result = pools.run(2, moved_wrongly, experiment, which)[0]
    assert worst(result, alone(experiment))[0] > 1e-2
    is_hidden = which != "own rows alone"
    assert (worst(result, alone(experiment), kind="loss")[0] < EXACT) == is_hidden, "an equal loss proves nothing"


def test_what_is_compared_is_there() -> None:
    found = alone(steady("VIVI-Ex(4)-Co(10%)", norm="BN", group=2))
    floors = {name.split(".")[0] for name, value in found["gradients"].items() if value.norm() > 0}
    assert floors >= {"encoder", "frame_objectives", "video_objectives", "image_objectives"}
    assert found["buffers"] and all(tensor.dtype == torch.float64 for tensor in found["gradients"].values())
    almost = {**found, "gradients": {name: tensor * (1 + 1e-9) for name, tensor in found["gradients"].items()}}
    assert worst(almost, found)[0] > EXACT
