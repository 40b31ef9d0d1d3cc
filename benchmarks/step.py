"""The training step: against a bare supervised one, in chunks, its memory, and on one and two processes.

    python benchmarks/step.py                                                       a CPU, tiny
    python benchmarks/step.py --full --device cuda --samples 64 --chunks 1 2 4 8    a GPU, ResNet-50 at 224 pixels

Pictures are noise that lies in memory: nothing is decoded. speed: frames per second of `train_step` and of a bare
supervised step, which colours the same pictures, passes them through the same encoder with the same norm groups, and
goes back from a linear classifier's cross-entropy; both update by the same optimiser. They run in turns; a ratio is the
median over the turns. On a CPU seconds are those of one thread of the process, so that other load matters little; on a
GPU they are of the clock. memory: the peak of one step above what lies there before it; on a CPU the tensors that live
at once. processes: frames per second by the clock, the batch growing with the processes; the CPU seconds beside it
show what of a loss is other load.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from vivi.core.config import override
from vivi.core.launch import is_launched, joined_world
from vivi.core.seeds import rng
from vivi.core.world import World, find_device
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.nn.norm import commit_running_averages, norm_groups
from vivi.nn.recompute import recompute_blocks
from vivi.presets import find, tiny
from vivi.training.chunks import check_chunks
from vivi.training.memory import spent_bytes
from vivi.training.state import TrainState
from vivi.training.step import train_step

CLASSES = 1000
TABLES = ("speed", "memory", "processes")
Step = Callable[[], object]


def experiment_of(options: argparse.Namespace, *, samples: int) -> Experiment:
    """The preset, without warm-up, with so many samples in a step."""
    experiment = find(options.preset) if options.full else tiny(find(options.preset))
    size = [] if options.side is None else [f"augmentation.crop.size={options.side}"]
    rate = ["schedule.warmup=0", "optimiser.learning_rate=0.001"]
    return override(experiment, [f"samples_per_step={samples}", *size, *rate, *options.set])


def batch_of(experiment: Experiment, *, world: World) -> Tensor:
    """This rank's frames_NKLCHW, uint8 noise."""
    sampling, side = experiment.sampling, experiment.augmentation.crop.size
    samples = experiment.samples_per_step // world.size
    shape = (samples, sampling.shots, sampling.frames, 3, side, side)
    pixels = rng(0, step=0, purpose="benchmark", sample=world.rank).integers(256, size=shape, dtype="uint8")
    return torch.from_numpy(pixels).to(world.device)


def full_step(experiment: Experiment, *, world: World, chunks: int, recompute: bool = False) -> Step:
    """`train_step`, again and again."""
    check_chunks(experiment, chunks=chunks, world=world)
    state = TrainState.start(experiment, device=world.device)
    if recompute:
        recompute_blocks(state.model.encoder)
    frames = batch_of(experiment, world=world)

    def step() -> object:
        batch = VideoBatch(step=state.step, frames_NKLCHW=frames, sample_ids_N=torch.arange(len(frames)))
        return train_step(state, batch, experiment=experiment, world=world, chunks=chunks)

    return step


def bare_step(experiment: Experiment, *, world: World) -> Step:
    """Colour, encode, classify, go back, update: what any training of this encoder on these pictures does."""
    state = TrainState.start(experiment, device=world.device)
    encoder, frames = state.model.encoder, batch_of(experiment, world=world).flatten(0, 2)
    head = nn.Linear(experiment.encoder.feature_dim, CLASSES, device=world.device)
    trained = nn.ModuleList([encoder, head])
    optimiser = experiment.optimiser.build(trained)
    labels = torch.arange(len(frames), device=world.device) % CLASSES
    groups = experiment.shots_per_step // experiment.norm_group

    def step() -> object:
        optimiser.zero_grad(set_to_none=True)
        coloured = experiment.augmentation.on_device(
            frames, seed=0, step=0, first=0, total=len(frames), views=experiment.sampling.frames
        )
        with norm_groups(encoder, groups):
            loss = nn.functional.cross_entropy(head(encoder(coloured)), labels)
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


def show_speed(options: argparse.Namespace, *, world: World) -> None:
    """Frames per second of every kind of step, and of the bare one's."""
    experiment = experiment_of(options, samples=options.samples)
    bare = "bare supervised step"
    kinds: dict[str, Step] = {bare: bare_step(experiment, world=world)}
    kinds |= {f"full step, {n} chunks": full_step(experiment, world=world, chunks=n) for n in options.chunks}
    kinds["full step, 1 chunk, --recompute"] = full_step(experiment, world=world, chunks=1, recompute=True)
    found = in_turns(kinds, device=world.device, options=options)
    print(f"{title(experiment)}\n{'':36}{'frames/s':>12}{'of bare':>12}{'of 1 chunk':>12}")
    one = found[f"full step, {options.chunks[0]} chunks"]
    for name, times in found.items():
        speed = statistics.median(experiment.frames_per_step / each for each in times)
        to_bare = statistics.median(b / t for b, t in zip(found[bare], times, strict=True))
        to_one = statistics.median(b / t for b, t in zip(one, times, strict=True))
        print(f"{name:36}{speed:12.1f}{to_bare:12.2f}{to_one:12.2f}", flush=True)


def show_memory(options: argparse.Namespace, *, world: World) -> None:
    """Peaks of one step: of one batch in more and more chunks, and of growing batches in chunks of one size."""
    experiment = experiment_of(options, samples=options.samples)
    print(f"{title(experiment)}\n{'chunks':36}{'peak MB':>12}")
    for chunks in options.chunks:
        print(f"{chunks:<36}{peak(experiment, world=world, chunks=chunks):12.1f}", flush=True)
    print(f"{'samples, chunks':24}{'peak MB':>12}{'in 1 chunk':>12}{'batch MB':>12}")
    for factor in (1, 2, 4):
        samples = options.samples * factor
        grown, chunks = experiment_of(options, samples=samples), options.chunks[-1] * factor
        pixels = 3 * grown.augmentation.crop.size**2 * grown.frames_per_step / 1e6
        whole = peak(grown, world=world, chunks=1) if factor == 1 or options.whole else float("nan")
        ours = peak(grown, world=world, chunks=chunks)
        print(f"{f'{samples}, {chunks}':24}{ours:12.1f}{whole:12.1f}{pixels:12.1f}", flush=True)


def peak(experiment: Experiment, *, world: World, chunks: int) -> float:
    """MB of the second step above what lies there before it."""
    step = full_step(experiment, world=world, chunks=chunks)
    step()
    return spent_bytes(step, lambda _: None, device=world.device) / 1e6


def show_processes(options: argparse.Namespace) -> None:
    """Frames per second by the clock on 1 and on several processes, the samples of each staying the same."""
    print(f"{'processes':12}{'samples':>12}{'frames/s':>12}{'of linear':>12}{'CPU s/step':>12}")
    single = None
    for count in options.processes:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
        words = [word for word in sys.argv[1:] if word not in ("--tables", *TABLES)]
        command = [sys.executable, *launcher, __file__, *words]
        environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
        said = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
        facts = json.loads(said.splitlines()[-1])
        speed = facts["frames"] / facts["clock"]
        single = single or speed / count
        line = f"{count:<12}{facts['samples']:12}{speed:12.1f}{speed / count / single:12.2f}{facts['cpu']:12.3f}"
        print(line, flush=True)


def one_of_many(options: argparse.Namespace) -> None:
    """What each process of `show_processes` does."""
    with joined_world(options.device) as world:
        experiment = experiment_of(options, samples=options.samples * world.size)
        step = full_step(experiment, world=world, chunks=1)
        step()
        clock, cpu = [], []
        for _ in range(options.repeats):
            world.barrier()
            began = time.process_time()
            clock.append(seconds(step, device=world.device, steps=options.steps, by_clock=True))
            cpu.append((time.process_time() - began) / options.steps)
        facts: dict[str, float] = {"frames": experiment.frames_per_step, "samples": experiment.samples_per_step}
        facts |= {"clock": statistics.median(clock), "cpu": statistics.median(cpu)}
        if world.is_first:
            print(json.dumps(facts))


def title(experiment: Experiment) -> str:
    """What was measured."""
    sampling, side = experiment.sampling, experiment.augmentation.crop.size
    size = f"{experiment.samples_per_step} x {sampling.shots} x {sampling.frames} frames of {side} pixels"
    return f"{experiment.name}, {size}, norm groups of {experiment.norm_group} shots"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="VIVI-Ex(4)")
    parser.add_argument("--full", action="store_true", help="the preset itself, not its tiny form")
    parser.add_argument("--set", nargs="*", default=[], help="values of the experiment: encoder.width=0.5")
    parser.add_argument("--side", type=int, help="pixels of a side; the preset's own if not given")
    parser.add_argument("--samples", type=int, default=16, help="videos in a step, for each process")
    parser.add_argument("--chunks", type=int, nargs="+", default=[1, 2, 4], help="the first one is compared with")
    parser.add_argument("--whole", action="store_true", help="also measure the larger batches in one chunk")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of a process, on a CPU")
    parser.add_argument("--steps", type=int, default=1, help="in a row, for one time")
    parser.add_argument("--repeats", type=int, default=9, help="turns")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if is_launched():
        one_of_many(options)
        return
    world = World.single(find_device(options.device))
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name() if world.device.type == 'cuda' else 'CPU'}")
    if "speed" in options.tables:
        show_speed(options, world=world)
    if "memory" in options.tables:
        show_memory(options, world=world)
    if "processes" in options.tables:
        show_processes(options)


if __name__ == "__main__":
    main()
