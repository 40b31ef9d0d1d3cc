"""Gradients of a gathered batch are those of a single process; the known wrong gathers and reductions are found out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from tests.reference.ranks import RankPools
from tests.two_ranks.shared_step import moved, steady
from torch import Tensor, nn

from vivi.core.world import World
from vivi.objectives.exemplar import semihard_triplet
from vivi.objectives.infonce import info_nce

pytestmark = pytest.mark.timeout(180)
TOTAL = 16
Loss = Callable[[World, Tensor, Tensor], Tensor]
"""From this rank's anchors and answers."""


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 8)).double()


def inputs(shape: tuple[int, ...]) -> Tensor:
    random = torch.randn(TOTAL, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return random * torch.linspace(0.3, 3, TOTAL).view(-1, *([1] * len(shape)))  # the ranks' rows differ in size


def mine(rows: Tensor, world: World) -> Tensor:
    count = TOTAL // world.size
    return rows[world.rank * count : (world.rank + 1) * count]


def criterion(points_NKD: Tensor) -> Tensor:
    nce = info_nce(points_NKD[:, :2].tanh(), candidates_NKP=points_NKD)
    return nce + semihard_triplet(nn.functional.normalize(points_NKD, dim=-1), margin=0.5)


def with_our_criteria(world: World) -> dict[str, Any]:
    net = network()
    value = criterion(world.gather(net(mine(inputs((3, 6)), world))))
    value.backward()
    world.mean_gradients(net.parameters())
    mean = world.mean(torch.tensor([float(world.rank)]))
    return {"loss": value.detach(), "gradients": [p.grad for p in net.parameters()], "mean": mean}


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_loss_and_the_gradients_of_one_process(pools: RankPools, ranks: int) -> None:
    (expected,) = pools.run(1, with_our_criteria)
    for result in pools.run(ranks, with_our_criteria):
        torch.testing.assert_close(result["loss"], expected["loss"])
        for ours, gradient in zip(result["gradients"], expected["gradients"], strict=True):
            torch.testing.assert_close(ours, gradient, rtol=1e-10, atol=1e-12)
        assert result["mean"].item() == (ranks - 1) / 2


def cross_entropy(anchors_RD: Tensor, answers_ND: Tensor, *, first: int, reduction: str = "mean") -> Tensor:
    """InfoNCE of some rows against the answers of all; the answer of the first one is number `first`."""
    targets = torch.arange(first, first + len(anchors_RD))
    return nn.functional.cross_entropy(anchors_RD @ answers_ND.T, targets, reduction=reduction)


def global_loss(world: World, anchors: Tensor, answers: Tensor) -> Tensor:
    return cross_entropy(world.gather(anchors), world.gather(answers), first=0)


def local_loss(world: World, anchors: Tensor, answers: Tensor) -> Tensor:
    """The mean over the own rows: its mean over the ranks is the loss."""
    return cross_entropy(anchors, world.gather(answers), first=world.rank * len(anchors))


def local_sum(world: World, anchors: Tensor, answers: Tensor) -> Tensor:
    return cross_entropy(anchors, world.gather(answers), first=world.rank * len(anchors), reduction="sum")


def own_slice_without_reduce(world: World, anchors: Tensor, answers: Tensor) -> Tensor:
    """The gather of many copies of SimCLR: its backward drops what the other ranks found for our rows."""
    return cross_entropy(_put_back(world, anchors), _put_back(world, answers), first=0)


def own_rows_put_back(world: World, anchors: Tensor, answers: Tensor) -> Tensor:
    return cross_entropy(anchors, _put_back(world, answers), first=world.rank * len(anchors))


def gather_without_gradient(world: World, anchors: Tensor, answers: Tensor) -> Tensor:
    return cross_entropy(anchors, world.gather(answers.detach()), first=world.rank * len(anchors))


def negatives_of_the_own_rank(world: World, anchors: Tensor, answers: Tensor) -> Tensor:
    return cross_entropy(anchors, answers, first=0)


def _put_back(world: World, rows: Tensor) -> Tensor:
    """The own rows, with gradient, among those of the others, without."""
    parts = [torch.empty_like(rows) for _ in range(world.size)]
    dist.all_gather(parts, rows.detach().contiguous())
    parts[world.rank] = rows
    return torch.cat(parts)


def with_loss(world: World, loss: Loss) -> dict[str, Any]:
    net = network()
    anchors, answers = net(mine(inputs((2, 6)), world)).tanh().unbind(1)
    value = loss(world, anchors, answers)
    value.backward()
    world.mean_gradients(net.parameters())
    flat = torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
    return {"loss": world.mean(value), "gradient": flat}


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("loss", [global_loss, local_loss])
def test_right_losses(pools: RankPools, ranks: int, loss: Loss) -> None:
    (expected,) = pools.run(1, with_loss, global_loss)
    for result in pools.run(ranks, with_loss, loss):
        torch.testing.assert_close(result["loss"], expected["loss"], rtol=1e-12, atol=0)
        assert (result["gradient"] - expected["gradient"]).norm() < 1e-10 * expected["gradient"].norm()


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize(
    ("loss", "equal_loss"),
    [
        (local_sum, False),
        (own_slice_without_reduce, True),
        (own_rows_put_back, True),
        (gather_without_gradient, True),
        (negatives_of_the_own_rank, False),
    ],
)
def test_wrong_losses_are_found_out(pools: RankPools, ranks: int, loss: Loss, equal_loss: bool) -> None:
    (expected,) = pools.run(1, with_loss, global_loss)
    result = pools.run(ranks, with_loss, loss)[0]
    away = (result["gradient"] - expected["gradient"]).norm() / expected["gradient"].norm()
    assert away > 1e-2, "gradients tell"
    assert torch.isclose(result["loss"], expected["loss"], rtol=1e-10) == equal_loss, "an equal loss proves nothing"
    if loss is local_sum:
        torch.testing.assert_close(result["gradient"], expected["gradient"] * (TOTAL // ranks))
    if loss is own_slice_without_reduce:
        torch.testing.assert_close(result["gradient"], expected["gradient"] / ranks)


def counted(world: World) -> dict[str, Any]:
    moved(world, steady("VIVI-Ex(4)", norm="BN", group=16), 1)
    return {"meetings": torch.tensor(world.watch.place.meetings), "step": torch.tensor(world.watch.place.step)}


def test_all_ranks_come_to_the_same_meetings(pools: RankPools) -> None:
    """What the watch compares."""
    one, two = pools.run(2, counted)
    assert one["meetings"] == two["meetings"] > 20, "those of norm groups over both ranks are counted too"
    assert one["step"] == 1
