import pytest
import torch

from vivi.core.config import build
from vivi.core.errors import ConfigError
from vivi.optim import SGD, Schedule


def test_the_papers_schedule() -> None:
    schedule = Schedule()
    rates = {step: 0.8 * schedule.scale(step) for step in (0, 3_124, 89_999, 90_000, 109_999, 110_000, 119_999)}
    assert rates[0] == pytest.approx(0.8 / 3_125)
    assert rates[3_124] == rates[89_999] == pytest.approx(0.8)
    assert rates[90_000] == rates[109_999] == pytest.approx(0.08)
    assert rates[110_000] == rates[119_999] == pytest.approx(0.008)


def test_stretching_keeps_the_shape() -> None:
    schedule = Schedule().stretched(1200)
    assert (schedule.steps, schedule.warmup, schedule.decays) == (1200, 31, (900, 1100))
    assert Schedule().stretched(120_000) == Schedule()


def test_times_out_of_order_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"0 <= warmup <= decays <= steps must hold, got \(0, 10, 5, 20\)"):
        build(Schedule, {"warmup": 10, "decays": (5,), "steps": 20}, source="test")


def test_matrices_decay_and_vectors_do_not() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 5))
    decayed, free = SGD(weight_decay=0.1).build(module).param_groups
    assert decayed["weight_decay"] == 0.1
    assert free["weight_decay"] == 0.0
    assert {p.ndim for p in decayed["params"]} == {2, 4}
    assert {p.ndim for p in free["params"]} == {1}
    assert len(decayed["params"]) + len(free["params"]) == len(list(module.parameters()))
    assert not decayed["nesterov"]
