"""The step on one process and on several, whose batch grows with them."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from step_kinds import Step, experiment_of, full_step, seconds
from step_peers import PEERS, found_peers, peer_step
from vivi.core.launch import joined_world
from vivi.core.world import World
from vivi.experiment import Experiment

OURS = "ours"


def show_processes(options: argparse.Namespace) -> None:
    """Frames per second by the clock, the samples of each process staying the same; of ours and of who is here."""
    for of in (OURS, *(name for name in found_peers() if PEERS[name].gathers)):
        print(f"{of:12}{'samples':>12}{'frames/s':>12}{'of linear':>12}{'CPU s/step':>12}")
        single = None
        for count in options.processes:
            facts = _launched(options, of=of, count=count)
            speed = facts["frames"] / facts["clock"]
            single = single or speed / count
            line = f"{count:<12}{facts['samples']:12}{speed:12.1f}{speed / count / single:12.2f}{facts['cpu']:12.3f}"
            print(line, flush=True)


def _launched(options: argparse.Namespace, *, of: str, count: int) -> dict[str, float]:
    """What the first of `count` processes of this script says."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    script = Path(__file__).with_name("step.py")
    command = [sys.executable, *launcher, str(script), *_without_tables(sys.argv[1:]), "--of", of]
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    said = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
    facts: dict[str, float] = json.loads(said.splitlines()[-1])
    return facts


def _without_tables(words: list[str]) -> list[str]:
    if "--tables" not in words:
        return words
    first = words.index("--tables")
    last = next((at for at in range(first + 1, len(words)) if words[at].startswith("--")), len(words))
    return words[:first] + words[last:]


def one_of_many(options: argparse.Namespace) -> None:
    """What each process of `show_processes` does."""
    with joined_world(options.device) as world:
        experiment = experiment_of(options, samples=options.samples * world.size)
        facts = _measured(_step_of(options, experiment, world), experiment, options=options, world=world)
        if world.is_first:
            print(json.dumps(facts))


def _step_of(options: argparse.Namespace, experiment: Experiment, world: World) -> Step:
    if options.of == OURS:
        return full_step(experiment, world=world, options=options)
    return peer_step(options.of, experiment, world=world, options=options)


def _measured(step: Step, experiment: Experiment, *, options: argparse.Namespace, world: World) -> dict[str, float]:
    step()
    clock, cpu = [], []
    for _ in range(options.repeats):
        world.barrier()
        began = time.process_time()
        clock.append(seconds(step, device=world.device, steps=options.steps, by_clock=True))
        cpu.append((time.process_time() - began) / options.steps)
    facts: dict[str, float] = {"frames": experiment.frames_per_step, "samples": experiment.samples_per_step}
    return facts | {"clock": statistics.median(clock), "cpu": statistics.median(cpu)}
