"""Two ranks against one: gradients of the gathered batch are those of a single process; wrong gathers are found out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from tests.reference.ranks import RANKS, run_ranks
from torch import Tensor, nn

from vivi.core.world import World
from vivi.objectives.exemplar import semihard_triplet
from vivi.objectives.infonce import info_nce

ROWS = 4
Gather = Callable[[World, Tensor], Tensor]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 8)).double()


def inputs() -> Tensor:
    random = torch.randn(RANKS * ROWS, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return random * torch.arange(1, RANKS * ROWS + 1).view(-1, 1, 1)  # the ranks' rows differ in size


def loss(points_NKD: Tensor) -> Tensor:
    nce = info_nce(points_NKD[:, :2].tanh(), candidates_NKP=points_NKD)
    return nce + semihard_triplet(nn.functional.normalize(points_NKD, dim=-1), margin=0.5)


def without_reduce(world: World, rows: Tensor) -> Tensor:
    """The own rows in a gathered batch without gradient: the loss is right, the gradient is not."""
    parts = [torch.empty_like(rows) for _ in range(world.size)]
    dist.all_gather(parts, rows.detach())
    parts[world.rank] = rows
    return torch.cat(parts)


def work(world: World, gather: Gather) -> dict[str, Any]:
    net = network()
    value = loss(gather(world, net(inputs()[world.rank * ROWS : (world.rank + 1) * ROWS])))
    value.backward()
    world.mean_gradients(net.parameters())
    mean = world.mean(torch.tensor([float(world.rank)]))
    return {"loss": value.detach(), "gradients": [p.grad for p in net.parameters()], "mean": mean}


def single() -> tuple[Tensor, list[Tensor]]:
    net = network()
    value = loss(World.single().gather(net(inputs())))
    value.backward()
    return value.detach(), [p.grad for p in net.parameters() if p.grad is not None]


@pytest.mark.timeout(180)
def test_two_ranks_give_the_loss_and_the_gradients_of_one() -> None:
    value, gradients = single()
    for result in run_ranks(work, World.gather):
        torch.testing.assert_close(result["loss"], value)
        for ours, expected in zip(result["gradients"], gradients, strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)
        assert result["mean"].item() == 0.5


@pytest.mark.timeout(180)
def test_a_gather_without_gradient_for_the_other_ranks_is_found_out() -> None:
    value, gradients = single()
    for result in run_ranks(work, without_reduce):
        torch.testing.assert_close(result["loss"], value)
        assert any(not torch.allclose(a, b, rtol=1e-2) for a, b in zip(result["gradients"], gradients, strict=True))
