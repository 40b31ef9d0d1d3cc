"""The kinds of training step that `benchmarks/step.py` compares, and how their seconds are counted."""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vivi.core.config import override
from vivi.core.seeds import rng
from vivi.core.world import World
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.nn.encoder_pass import EncoderPass, Precision
from vivi.nn.norm import commit_running_averages, norm_groups
from vivi.nn.recompute import recompute_blocks
from vivi.presets import find, tiny
from vivi.training.chunks import check_chunks
from vivi.training.state import TrainState
from vivi.training.step import train_step

CLASSES = 1000
Step = Callable[[], object]


def experiment_of(options: argparse.Namespace, *, samples: int) -> Experiment:
    """The preset, without warm-up, with so many samples in a step."""
    experiment = find(options.preset) if options.full else tiny(find(options.preset))
    size = [] if options.side is None else [f"augmentation.crop.size={options.side}"]
    rate = ["schedule.warmup=0", "optimiser.learning_rate=0.001"]
    return override(experiment, [f"samples_per_step={samples}", *size, *rate, *options.set])


def encoder_pass(options: argparse.Namespace) -> EncoderPass:
    """How pictures pass through the encoder, in every kind of step."""
    return EncoderPass(precision=Precision(options.precision), compiled=options.compile)


def batch_of(experiment: Experiment, *, world: World) -> Tensor:
    """This rank's frames_NKLCHW, uint8 noise."""
    sampling, side = experiment.sampling, experiment.augmentation.crop.size
    samples = experiment.samples_per_step // world.size
    shape = (samples, sampling.shots, sampling.frames, 3, side, side)
    pixels = rng(0, step=0, purpose="benchmark", sample=world.rank).integers(256, size=shape, dtype="uint8")
    return torch.from_numpy(pixels).to(world.device)


def full_step(
    experiment: Experiment, *, world: World, options: argparse.Namespace, chunks: int = 1, recompute: bool = False
) -> Step:
    """`train_step`, again and again."""
    check_chunks(experiment, chunks=chunks, world=world)
    state = TrainState.start(experiment, device=world.device)
    state.model.encoder_pass = encoder_pass(options)
    if recompute:
        recompute_blocks(state.model.encoder)
    frames = batch_of(experiment, world=world)

    def step() -> object:
        batch = VideoBatch(step=state.step, frames_NKLCHW=frames, sample_ids_N=torch.arange(len(frames)))
        return train_step(state, batch, experiment=experiment, world=world, chunks=chunks)

    return step


def bare_step(experiment: Experiment, *, world: World, options: argparse.Namespace) -> Step:
    """Colour, encode, classify, go back, update: what any training of this encoder on these pictures does."""
    state = TrainState.start(experiment, device=world.device)
    encoder, frames = state.model.encoder, batch_of(experiment, world=world).flatten(0, 2)
    head = nn.Linear(experiment.encoder.feature_dim, CLASSES, device=world.device)
    trained = nn.ModuleList([encoder, head])
    optimiser = experiment.optimiser.build(trained)
    labels = torch.arange(len(frames), device=world.device) % CLASSES
    through = encoder_pass(options)
    groups = experiment.shots_per_step // experiment.norm_group

    def step() -> object:
        optimiser.zero_grad(set_to_none=True)
        coloured = experiment.augmentation.on_device(
            frames, seed=0, step=0, first=0, total=len(frames), views=experiment.sampling.frames
        )
        with norm_groups(encoder, groups):
            loss = nn.functional.cross_entropy(head(through(encoder, coloured)), labels)
        loss.backward()
        optimiser.step()
        commit_running_averages(trained)
        return loss

    return step


def seconds(step: Step, *, device: torch.device, steps: int, by_clock: bool = False) -> float:
    """Of one step, on average."""
    tick = time.perf_counter if by_clock or device.type == "cuda" else time.process_time
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    before = tick()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (tick() - before) / steps


def in_turns(steps: dict[str, Step], *, device: torch.device, options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of each kind of step in each turn, after one turn to warm up."""
    found: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(options.repeats + 1):
        for name, step in steps.items():
            found[name] += [seconds(step, device=device, steps=options.steps)] if turn else []
            if turn == 0:
                step()
    return found


def title(experiment: Experiment) -> str:
    """What was measured."""
    sampling, side = experiment.sampling, experiment.augmentation.crop.size
    size = f"{experiment.samples_per_step} x {sampling.shots} x {sampling.frames} frames of {side} pixels"
    return f"{experiment.name}, {size}, norm groups of {experiment.norm_group} shots"
