"""The memory of a step: one batch in more and more chunks, and growing batches in chunks of one size."""

import argparse

from step_kinds import experiment_of, full_step, title
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.training.memory import spent_bytes


def show_memory(options: argparse.Namespace, *, world: World) -> None:
    """Peaks of one step: of one batch in more and more chunks, and of growing batches in chunks of one size."""
    experiment = experiment_of(options, samples=options.samples)
    print(f"{title(experiment)}\n{'chunks':36}{'peak MB':>12}")
    for chunks in options.chunks:
        print(f"{chunks:<36}{peak(experiment, world=world, chunks=chunks, options=options):12.1f}", flush=True)
    print(f"{'samples, chunks':24}{'peak MB':>12}{'in 1 chunk':>12}{'batch MB':>12}")
    for factor in (1, 2, 4):
        samples = options.samples * factor
        grown, chunks = experiment_of(options, samples=samples), options.chunks[-1] * factor
        pixels = 3 * grown.augmentation.crop.size**2 * grown.frames_per_step / 1e6
        whole = peak(grown, world=world, chunks=1, options=options) if factor == 1 or options.whole else float("nan")
        ours = peak(grown, world=world, chunks=chunks, options=options)
        print(f"{f'{samples}, {chunks}':24}{ours:12.1f}{whole:12.1f}{pixels:12.1f}", flush=True)


def peak(experiment: Experiment, *, world: World, chunks: int, options: argparse.Namespace) -> float:
    """MB of the second step above what lies there before it."""
    step = full_step(experiment, world=world, chunks=chunks, options=options)
    step()
    return spent_bytes(step, lambda _: None, device=world.device) / 1e6
