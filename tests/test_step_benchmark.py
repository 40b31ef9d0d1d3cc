"""What benchmarks/step.py counts: operations, bytes, ratios, and the flags that it hands on to its processes."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from step import arguments, ratio
from step_limits import work_of
from step_peers import PEERS, found_peers
from step_processes import _without_tables


def test_the_work_of_a_product_forward_and_backward() -> None:
    left = torch.randn(4, 8, requires_grad=True)
    right = torch.randn(8, 16, requires_grad=True)
    flops, moved = work_of(lambda: left @ right)
    assert flops == 2 * 4 * 8 * 16
    assert moved == 4 * (4 * 8 + 8 * 16 + 4 * 16)
    both, _ = work_of(lambda: (left @ right).sum().backward())
    assert both == 3 * flops, "the gradients of both factors are products of the same size"


def test_the_work_of_a_convolution_and_of_a_view() -> None:
    convolution = torch.nn.Conv2d(3, 5, 3, padding=1, bias=False)
    flops, _ = work_of(lambda: convolution(torch.zeros(2, 3, 6, 7)))
    assert flops == 2 * (2 * 5 * 6 * 7) * (3 * 3 * 3)
    pixels = torch.zeros(2, 3)
    assert work_of(lambda: pixels.view(6)) == (0, 0)


def test_a_ratio_is_the_median_over_the_turns() -> None:
    assert ratio([1.0, 2.0, 30.0], [2.0, 2.0, 10.0]) == 1.0


def test_processes_get_all_flags_but_the_tables() -> None:
    words = ["--repeats", "3", "--tables", "speed", "data", "--samples", "8"]
    assert _without_tables(words) == ["--repeats", "3", "--samples", "8"]
    assert _without_tables(["--tables", "processes"]) == []
    assert _without_tables(["--full"]) == ["--full"]


def test_a_tool_that_is_not_here_is_named_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("lightly", "lightly.loss", "lightly.models.modules.heads"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "lightly" not in found_peers()
    assert "lightly is not measured: " in (said := capsys.readouterr().out) and "pip install lightly" in said
    assert set(PEERS) == {"lightly", "solo-learn"}


def test_the_flags() -> None:
    options = arguments().parse_args(["--tables", "limits", "data"])
    assert options.tables == ["limits", "data"] and options.precision == "fp32" and not options.compile
