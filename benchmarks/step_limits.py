"""What the device can do at most, measured, and how much of it the step does.

matmul: FLOP/s of products of large square matrices; convolution: of a large one of 3 x 3, forward. The faster of the
two is what the arithmetic of a step is compared with. copy: bytes read and written a second by copying a large tensor.
The FLOPs of a step are those that torch.utils.flop_counter knows: convolutions and products of matrices, forward and
backward; an LSTM on a CPU is not among them. Its bytes are the sum of what every operation reads and writes, as if
nothing stayed in a cache and nothing were fused, so their share of the copy's rate can be above 1 on a CPU.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode

from step_kinds import Step, bare_step, experiment_of, full_step, in_turns, seconds, title
from vivi.core.world import World

_SIDE = {"cpu": 1024, "cuda": 8192}
_CONVOLVED = {"cpu": (64, 64, 48), "cuda": (256, 256, 56)}
"""Pictures, channels in and out, and pixels of a side."""
_COPIED = {"cpu": 2**26, "cuda": 2**30}


class MovedBytes(TorchDispatchMode):
    """Sums the bytes of what operations take and give, views aside."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if not func.is_view:
            touched = [each for each in tree_iter((args, kwargs, made)) if isinstance(each, Tensor)]
            self.total += sum(each.numel() * each.element_size() for each in touched)
        return made


def work_of(step: Step) -> tuple[int, int]:
    """FLOPs and bytes of one call."""
    with FlopCounterMode(display=False) as flops, MovedBytes() as moved:
        step()
    return int(flops.get_total_flops()), moved.total


def matmul_rate(device: torch.device, *, dtype: torch.dtype, repeats: int) -> float:
    """FLOP/s."""
    side = _SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / _usual(lambda: left @ right, device=device, repeats=repeats)


def convolution_rate(device: torch.device, *, dtype: torch.dtype, repeats: int) -> float:
    """FLOP/s."""
    count, channels, side = _CONVOLVED[device.type]
    last = {"memory_format": torch.channels_last}
    pictures = torch.randn(count, channels, side, side, device=device).to(dtype).contiguous(**last)
    filters = torch.randn(channels, channels, 3, 3, device=device).to(dtype).contiguous(**last)
    flops = 2 * count * side**2 * 9 * channels**2
    return flops / _usual(lambda: functional.conv2d(pictures, filters, padding=1), device=device, repeats=repeats)


def arithmetic_rate(device: torch.device, *, dtype: torch.dtype, repeats: int) -> float:
    """The faster of the two, FLOP/s; both are shown."""
    matmul = matmul_rate(device, dtype=dtype, repeats=repeats)
    convolution = convolution_rate(device, dtype=dtype, repeats=repeats)
    name = str(dtype).removeprefix("torch.")
    print(f"{name}: matmul {matmul / 1e9:.1f} GFLOP/s, convolution {convolution / 1e9:.1f} GFLOP/s", flush=True)
    return max(matmul, convolution)


def copy_rate(device: torch.device, *, repeats: int) -> float:
    """Bytes read and written a second."""
    source = torch.zeros(_COPIED[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * len(source) / _usual(lambda: target.copy_(source), device=device, repeats=repeats)


def _usual(call: Callable[[], object], *, device: torch.device, repeats: int) -> float:
    call()
    return statistics.median(seconds(call, device=device, steps=3) for _ in range(repeats))


def show_limits(options: argparse.Namespace, *, world: World) -> None:
    """Rates of the device, and the shares of them that the steps reach."""
    experiment = experiment_of(options, samples=options.samples)
    device = world.device
    kinds = {"bare supervised step": bare_step(experiment, world=world, options=options)}
    kinds["full step, 1 chunk"] = full_step(experiment, world=world, options=options)
    work = {name: work_of(step) for name, step in kinds.items()}
    found = in_turns(kinds, device=device, options=options)
    print(title(experiment))
    limit = arithmetic_rate(device, dtype=torch.float32, repeats=options.repeats)
    if device.type == "cuda" or options.precision == "bf16":
        half = arithmetic_rate(device, dtype=torch.bfloat16, repeats=options.repeats)
        limit = half if options.precision == "bf16" else limit
    copy = copy_rate(device, repeats=options.repeats)
    print(f"copy: {copy / 1e9:.1f} GB/s")
    print(f"{'':24}{'MFLOP/frame':>12}{'MB/frame':>12}{'GFLOP/s':>12}{'of limit':>12}{'GB/s':>12}{'of copy':>12}")
    for name, (flops, moved) in work.items():
        spent = statistics.median(found[name])
        frames = experiment.frames_per_step
        rates = f"{flops / spent / 1e9:12.1f}{flops / spent / limit:12.2f}"
        rates += f"{moved / spent / 1e9:12.1f}{moved / spent / copy:12.2f}"
        print(f"{name:24}{flops / frames / 1e6:12.1f}{moved / frames / 1e6:12.2f}{rates}", flush=True)
