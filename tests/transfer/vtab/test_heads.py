"""Heads trained side by side against each of them alone, written out with torch.optim."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vivi.transfer.vtab.heads import HeadRun, train_heads
from vivi.transfer.vtab.recipe import Recipe, SGDSetting
from vivi.transfer.vtab.shuffled import ShuffledStream

N, D, C = 40, 7, 4
GENERATOR = torch.Generator().manual_seed(0)
FEATURES = torch.randn(N, D, generator=GENERATOR)
LABELS = torch.randint(0, C, (N,), generator=GENERATOR)
ONE, OTHER = (ShuffledStream(N, batch=16, seed=1, purpose=name, buffer=50) for name in ("one", "other"))


def alone(run: HeadRun, recipe: Recipe) -> tuple[Tensor, Tensor, list[float]]:
    head = torch.nn.Linear(D, C)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    groups = [
        {"params": [head.weight], "weight_decay": recipe.weight_decay},
        {"params": [head.bias], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.SGD(groups, lr=1.0, momentum=recipe.momentum)
    losses = []
    for step, positions in enumerate(run.stream.batches(run.setting.steps)):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(step, setting=run.setting)
        rows = torch.from_numpy(positions)
        loss = functional.cross_entropy(head(FEATURES[rows]), LABELS[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return head.weight.detach().T, head.bias.detach(), losses


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize(
    "runs",
    [
        [HeadRun(SGDSetting(0.1, 20), ONE), HeadRun(SGDSetting(0.01, 40), ONE), HeadRun(SGDSetting(1.0, 20), ONE)],
        [HeadRun(SGDSetting(0.1, 20), ONE), HeadRun(SGDSetting(0.1, 20), OTHER)],
        [HeadRun(SGDSetting(0.5, 7), OTHER), HeadRun(SGDSetting(0.1, 20), ONE), HeadRun(SGDSetting(0.1, 9), OTHER)],
        [HeadRun(SGDSetting(0.3, 5), ONE)],
    ],
)
def test_side_by_side_is_as_alone(runs: list[HeadRun], weight_decay: float) -> None:
    recipe = Recipe(batch=16, buffer=50, weight_decay=weight_decay, warmup=2)
    heads = train_heads(FEATURES, labels_N=LABELS, classes=C, runs=runs, recipe=recipe)
    for head, run in zip(heads, runs, strict=True):
        weight_DC, bias_C, losses = alone(run, recipe)
        assert torch.allclose(head.weight_DC, weight_DC, atol=1e-5)
        assert torch.allclose(head.bias_C, bias_C, atol=1e-5)
        points = head.curve.points
        assert points[-1][0] == run.setting.steps and not head.curve.diverged
        if run.setting.steps <= 20:
            assert [loss for _, loss, _ in points] == pytest.approx(losses, rel=1e-4)
        named = (FEATURES @ weight_DC + bias_C).argmax(dim=1)
        assert torch.equal(head.predictions(FEATURES), named)


def test_a_head_that_diverges_does_not_disturb_the_others() -> None:
    recipe = Recipe(batch=16, buffer=50)
    calm = HeadRun(SGDSetting(0.1, 20), ONE)
    runs = [HeadRun(SGDSetting(1e38, 20), ONE), calm]
    wild, beside = train_heads(FEATURES * 1e3, labels_N=LABELS, classes=C, runs=runs, recipe=recipe)
    (by_itself,) = train_heads(FEATURES * 1e3, labels_N=LABELS, classes=C, runs=[calm], recipe=recipe)
    assert wild.curve.diverged and not beside.curve.diverged
    assert torch.allclose(beside.weight_DC, by_itself.weight_DC)
    assert wild.predictions(FEATURES).tolist() == [-1] * N  # undefined logits name no class, not class 0


def test_no_runs() -> None:
    assert train_heads(FEATURES, labels_N=LABELS, classes=C, runs=[], recipe=Recipe()) == []


def test_accuracies_of_the_curve() -> None:
    run = HeadRun(SGDSetting(0.1, 1), ONE)
    (head,) = train_heads(FEATURES, labels_N=LABELS, classes=C, runs=[run], recipe=Recipe(batch=16, buffer=50))
    rows = torch.from_numpy(next(ONE.batches(1)))
    assert head.curve.points == [(1, pytest.approx(np.log(C)), float((LABELS[rows] == 0).double().mean()))]
