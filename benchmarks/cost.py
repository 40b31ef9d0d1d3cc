"""What each preset costs at full size, by arithmetic: no weights, no pictures, no GPU.

    python benchmarks/cost.py [--delivered 100] [--presets NAME ...]

Operations are those that torch counts (torch.utils.flop_counter, a multiplication with its addition as two) in a
forward pass of the encoder on tensors without data, three times over for a training step, and once more for a step in
chunks. Memory of a picture is what autograd keeps of that pass, in float32; autocast to bfloat16 halves most of it.
Heads, losses and augmentation are left out: they are small at full size.

Hours are operations over the speed that --delivered names, in TFLOP/s that the device really gives; it is an
assumption, not a measurement.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vivi.experiment import Experiment
from vivi.presets import PRESETS, find
from vivi.training.estimate import views_of_a_step

PASSES, PASSES_IN_CHUNKS = 3, 4
"""Forward and twice as much backward; one more forward where a step is done in chunks."""
_TRIED = 2
"""Shots, or labelled images, of the counted pass."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one preset."""

    name: str
    parameters: int
    """Of the encoder."""
    pictures: int
    """Of a step, as often as they are encoded: four times where a frame is turned four ways."""
    steps: int
    operations: float
    """Of one forward pass of one picture."""
    kept: float
    """Bytes that autograd keeps of one picture, in float32."""

    def hours(self, *, delivered: float, passes: int = PASSES) -> float:
        """Of the whole run on one device that does so many TFLOP/s."""
        return self.operations * passes * self.pictures * self.steps / (delivered * 1e12) / 3600


def cost_of(experiment: Experiment) -> Cost:
    """Count one forward pass of the encoder at the experiment's own size."""
    with torch.device("meta"):
        encoder = nn.Module.train(experiment.encoder.build())
        own = {id(each): each.numel() for each in encoder.parameters()}
    operations = kept_bytes = pictures = 0.0
    for each in views_of_a_step(experiment):
        counted = _TRIED * each.views
        kept: dict[int, int] = {}
        with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(_noted(kept), _same):
            encoder(torch.empty(counted, 3, each.side, each.side, device="meta"))
        of_pass = sum(size for key, size in kept.items() if key not in own)
        operations += counter.get_total_flops() * each.pictures / counted
        kept_bytes += of_pass * each.pictures / counted
        pictures += each.pictures
    return Cost(
        name=experiment.name,
        parameters=sum(own.values()),
        pictures=round(pictures),
        steps=experiment.schedule.steps,
        operations=operations / pictures,
        kept=kept_bytes / pictures,
    )


def _noted(kept: dict[int, int]) -> Callable[[Tensor], Tensor]:
    held = []

    def note(tensor: Tensor) -> Tensor:
        held.append(tensor)  # so that no address is used twice
        kept[id(tensor)] = tensor.numel() * tensor.element_size()
        return tensor

    return note


def _same(tensor: Tensor) -> Tensor:
    return tensor


def main() -> None:
    """Print a table, a row for each preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delivered", type=float, default=100.0, help="TFLOP/s that the device really gives")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), metavar="NAME")
    asked = parser.parse_args()
    print(f"| preset | million parameters | pictures a step | steps | GFLOP a picture | MB kept of a picture | "
          f"GB kept of a step | hours at {asked.delivered:g} TFLOP/s | in chunks |")  # fmt: skip
    print("| --- |" + " ---: |" * 8)
    for name in asked.presets:
        cost = cost_of(find(name))
        hours, chunked = (cost.hours(delivered=asked.delivered, passes=each) for each in (PASSES, PASSES_IN_CHUNKS))
        print(
            f"| {cost.name} | {cost.parameters / 1e6:.1f} | {cost.pictures:,} | {cost.steps:,} "
            f"| {cost.operations / 1e9:.1f} | {cost.kept / 1e6:.0f} | {cost.kept * cost.pictures / 1e9:,.0f} "
            f"| {hours:,.0f} | {chunked:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
