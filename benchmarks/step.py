"""The training step: against a bare supervised one, other tools, the device's limits, its data, memory and processes.

    python benchmarks/step.py                                                       a CPU, tiny
    python benchmarks/step.py --full --device cuda --samples 64 --chunks 1 2 4 8    a GPU, ResNet-50 at 224 pixels

Pictures are noise that lies in memory: only the table `data` decodes. speed: frames per second of `train_step` and of a
bare supervised step, which colours the same pictures, passes them through the same encoder with the same norm groups,
and goes back from a linear classifier's cross-entropy; both update by the same optimiser. They run in turns; a ratio is
the median over the turns. On a CPU seconds are those of one thread of the process, so that other load matters little;
on a GPU they are of the clock. peers: the same pictures and encoder by the losses and loops of other tools, where they
can be imported (`step_peers.py`). limits: what the device can do and the step does (`step_limits.py`). data: what a
core delivers and how many of them a device needs (`step_data.py`). memory: the peak of one step above what lies there
before it; on a CPU the tensors that live at once. processes: frames per second by the clock, the batch growing with the
processes; the CPU seconds beside it show what of a loss is other load.
"""

import argparse
import statistics
from collections.abc import Sequence

import torch

from step_data import show_data
from step_kinds import Step, bare_step, experiment_of, full_step, in_turns, title
from step_limits import show_limits
from step_memory import show_memory
from step_peers import found_peers, peer_step, peer_title
from step_processes import OURS, one_of_many, show_processes
from vivi.core.launch import is_launched
from vivi.core.world import World, find_device
from vivi.experiment import Experiment
from vivi.nn.encoder_pass import exact_float32

BARE = "bare supervised step"
OF_WORLD = {"limits": show_limits, "data": show_data, "memory": show_memory}


def show_speed(options: argparse.Namespace, *, world: World) -> None:
    """Frames per second of every kind of step, and of the bare one's."""
    experiment = experiment_of(options, samples=options.samples)
    kinds: dict[str, Step] = {BARE: bare_step(experiment, world=world, options=options)}
    kinds |= {
        f"full step, {n} chunks": full_step(experiment, world=world, chunks=n, options=options) for n in options.chunks
    }
    kinds["full step, 1 chunk, --recompute"] = full_step(experiment, world=world, recompute=True, options=options)
    found = in_turns(kinds, device=world.device, options=options)
    one = f"full step, {options.chunks[0]} chunks"
    show_ratios(found, experiment=experiment, to={"of bare": BARE, "of 1 chunk": one})


def show_peers(options: argparse.Namespace, *, world: World) -> None:
    """Frames per second of our step and of those of other tools."""
    experiment = experiment_of(options, samples=options.samples)
    ours = f"ours: {experiment.name}"
    kinds: dict[str, Step] = {ours: full_step(experiment, world=world, options=options)}
    kinds[BARE] = bare_step(experiment, world=world, options=options)
    kinds |= {peer_title(name): peer_step(name, experiment, world=world, options=options) for name in found_peers()}
    found = in_turns(kinds, device=world.device, options=options)
    show_ratios(found, experiment=experiment, to={"of ours": ours})


def show_ratios(found: dict[str, list[float]], *, experiment: Experiment, to: dict[str, str]) -> None:
    """Medians over the turns: frames per second, and ratios to other kinds of step in the same turn."""
    print(f"{title(experiment)}\n{'':44}{'frames/s':>12}" + "".join(f"{column:>12}" for column in to))
    for name, times in found.items():
        speed = statistics.median(experiment.frames_per_step / each for each in times)
        ratios = "".join(f"{ratio(found[other], times):12.2f}" for other in to.values())
        print(f"{name:44}{speed:12.1f}{ratios}", flush=True)


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """The median over the turns of their seconds through ours."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def arguments() -> argparse.ArgumentParser:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="VIVI-Ex(4)")
    parser.add_argument("--full", action="store_true", help="the preset itself, not its tiny form")
    parser.add_argument("--set", nargs="*", default=[], help="values of the experiment: encoder.width=0.5")
    parser.add_argument("--side", type=int, help="pixels of a side; the preset's own if not given")
    parser.add_argument("--samples", type=int, default=16, help="videos in a step, for each process")
    parser.add_argument("--chunks", type=int, nargs="+", default=[1, 2, 4], help="the first one is compared with")
    parser.add_argument("--whole", action="store_true", help="also measure the larger batches in one chunk")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workers", type=int, help="threads that decode; one per core if not given")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"), help="of the encoder, in every step")
    parser.add_argument("--compile", action="store_true", help="compile the encoder, in every step")
    parser.add_argument("--threads", type=int, default=1, help="of a process, on a CPU")
    parser.add_argument("--steps", type=int, default=1, help="in a row, for one time")
    parser.add_argument("--repeats", type=int, default=9, help="turns")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--of", default=OURS, help=argparse.SUPPRESS)
    return parser


TABLES = ("speed", "peers", *OF_WORLD, "processes")


def main() -> None:
    options = arguments().parse_args()
    torch.set_num_threads(options.threads)
    if is_launched():
        one_of_many(options)
        return
    world = World.single(find_device(options.device))
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name() if world.device.type == 'cuda' else 'CPU'}")
    with exact_float32():
        show_tables(options, world=world)


def show_tables(options: argparse.Namespace, *, world: World) -> None:
    """Those that were asked for."""
    for name, show in {"speed": show_speed, "peers": show_peers, **OF_WORLD}.items():
        if name in options.tables:
            print(f"-- {name}")
            show(options, world=world)
    if "processes" in options.tables:
        print("-- processes")
        show_processes(options)


if __name__ == "__main__":
    main()
