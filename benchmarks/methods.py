"""Every method of the paper in tiny form, with several seeds, scored on labelled images that no run has learned from.

    python benchmarks/methods.py demo --out FOLDER --report docs/results.md
    VIVI_REAL_DATA=DATA python benchmarks/methods.py real --out FOLDER --report docs/results.md

The same command goes on where it was stopped: finished runs are kept, others go on from their last checkpoint. The
report is written again after every run, and with --report-only from what FOLDER holds. FOLDER holds one number of
steps; further seeds may be added. A row is shown once it has all seeds that were ever asked for.

--records FILE keeps the records of finished runs, a JSON line each, and takes from it those that FOLDER lacks: so a
study goes on in another folder or on another machine. A record counts only for the very experiment, store and images
that it was made with.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

from methods_about import about
from methods_clock import Clock
from methods_records import keep, restore
from methods_report import PROBES, read_rows, section, update
from methods_rows import check_rows, experiment_of, network_of, work_of
from methods_worlds import WORLDS, World
from vivi.core.config import fingerprint
from vivi.core.errors import ConfigError, ViviError
from vivi.core.files import read_json, write_json
from vivi.core.rundir import RunFolder
from vivi.data.clips import SingleImages
from vivi.experiment import Experiment
from vivi.transfer.quick import evaluate

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
SAVE_EVERY = 100


@dataclass(frozen=True)
class Run:
    """One row with one seed, and where it is kept."""

    row: str
    seed: int
    steps: int
    world: World

    @property
    def folder(self) -> Path:
        """A folder of its own."""
        slug = "".join(each if each.isalnum() else "-" for each in self.row.lower())
        return self.world.folder / "runs" / slug / f"seed-{self.seed}"

    @property
    def record(self) -> Path:
        """Written last."""
        return self.folder / "record.json"

    @property
    def experiment(self) -> Experiment:
        """What is run."""
        return experiment_of(self.row, classes=self.world.classes, seed=self.seed, steps=self.steps)

    @property
    def identity(self) -> dict[str, Any]:
        """What a record must agree with to be this run's."""
        return {
            "row": self.row,
            "seed": self.seed,
            "steps": self.steps,
            "experiment": fingerprint(self.experiment),
            "world": self.world.fingerprint,
        }


def main() -> None:
    given = parser().parse_args()
    if given.world is None:
        parser().print_help()
        return
    if given.out is None:
        sys.exit("methods: --out is missing, the folder to keep everything in")
    try:
        study(given)
    except ViviError as error:
        sys.exit(f"methods: {error}")
    except KeyboardInterrupt:
        sys.exit("methods: stopped; the same command goes on")


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("world", nargs="?", choices=tuple(WORLDS))
    found.add_argument("--out", type=Path, help="folder to keep everything in")
    found.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    found.add_argument("--steps", type=int, default=700)
    found.add_argument("--presets", nargs="+", default=[], metavar="NAME", help="rows to run; all if not given")
    found.add_argument("--jobs", type=int, default=2, help="runs at a time, each with one thread")
    found.add_argument("--report", type=Path, help="the page to write")
    found.add_argument("--records", type=Path, help="file that keeps the records of finished runs")
    found.add_argument("--report-only", action="store_true", help="run nothing")
    found.add_argument("--run", nargs=2, metavar=("NAME", "SEED"), help=argparse.SUPPRESS)
    return found


def study(given: argparse.Namespace) -> None:
    """Make the world, run what is missing, report."""
    folder = given.out / given.world
    if given.run:
        row, seed = given.run
        learn(Run(row, int(seed), given.steps, World(folder)))
        return
    failed: list[str] = []
    if not given.report_only:
        rows = check_rows(given.presets)
        claim(folder, steps=given.steps, seeds=given.seeds)
        world = WORLDS[given.world](folder)
        runs = [Run(row, seed, given.steps, world) for row in rows for seed in given.seeds]
        if given.records is not None:
            restore(given.records, {run.record: run.identity for run in runs})
        for run, code in run_all(runs, given=given):
            failed += [f"{run.row}, seed {run.seed}: see {run.folder / 'log.txt'}"] if code else []
            if given.records is not None and not code:
                keep(given.records, folder)
            report(world, given)
    report(World(folder), given)
    if failed:
        raise ViviError(f"{len(failed)} runs failed: {'; '.join(failed)}")


def claim(folder: Path, *, steps: int, seeds: list[int]) -> None:
    """Begin a study in its folder, or go on with the same one.

    Raises:
        ConfigError: the folder holds a study of another number of steps.
    """
    file, known = World(folder).settings, folder / "seeds.json"
    if file.exists() and read_json(file) != {"steps": steps}:
        raise ConfigError(f"{folder} holds runs of {read_json(file)['steps']} steps: choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, {"steps": steps})
    every = sorted({*seeds, *(read_json(known) if known.exists() else ())})
    if not known.exists() or read_json(known) != every:
        write_json(known, every)


def learn(run: Run) -> None:
    """Pretrain one encoder, score it on every task, and keep a record."""
    from vivi.core.world import World as Ranks
    from vivi.training.loop import RunOptions, pretrain

    experiment, world = run.experiment, run.world
    data = None
    if experiment.uses_videos:
        data = world.learn if isinstance(experiment.sampling, SingleImages) else world.store
    pretrained = pretrain(
        experiment,
        data=data,
        labels=world.learn if experiment.image_levels else None,
        out=run.folder / "run",
        options=RunOptions(world=Ranks.single(), workers=1, save_every=SAVE_EVERY),
        progress=print,
    )
    tallies: dict[str, Any] = {weights: {probe: {} for probe in PROBES} for weights in ("trained", "random")}
    for task in world.tasks:
        scores = evaluate(
            pretrained.encoder, data=task, out=run.folder / "scores" / f"{task.name}.json", seed=run.seed, batch=256
        )
        for score in scores.results:
            if score.probe in PROBES:
                tallies[score.weights][score.probe][task.name] = (score.correct, score.total)
    network = {"network": network_of(experiment)}
    write_json(run.record, run.identity | network | signs(pretrained, experiment=experiment) | {"tallies": tallies})


def signs(run: RunFolder, *, experiment: Experiment) -> dict[str, Any]:
    """What the log's last line says, and the seconds that all steps took."""
    lines, chance = run.read_metrics(), read_json(run.experiment)["chance"]
    pictures = experiment.frames_per_step + experiment.images_per_step
    steps = [0, *(line["step"] for line in lines)]
    return {
        "losses": {name: lines[-1][name] for name in chance},
        "chance": chance,
        "effective_rank": lines[-1]["effective_rank"],
        "feature_std": lines[-1]["feature_std"],
        "seconds": sum(
            (after - before) * pictures / line["frames_per_second"]
            for (before, after), line in zip(pairwise(steps), lines, strict=True)
        ),
    }


def run_all(runs: list[Run], *, given: argparse.Namespace) -> Iterator[tuple[Run, int]]:
    """Each run that has no record yet in a process of its own, `jobs` at a time; yields it and its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    waiting = [run for run in runs if not run.record.exists()]
    print(f"{len(runs) - len(waiting)} of {len(runs)} runs are finished already", flush=True)
    clock = Clock({run.row: work_of(run.experiment) for run in waiting}, jobs=given.jobs)
    running: dict[Run, subprocess.Popen[bytes]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < given.jobs:
                run = waiting.pop(0)
                clock.begin(run.row, run.seed)
                running[run] = start(run, given=given)
            for run in [run for run, process in running.items() if process.poll() is not None]:
                code = running.pop(run).returncode
                seconds, ended = clock.end(run.row, run.seed), "done" if code == 0 else f"failed with code {code}"
                left = clock.left(each.row for each in waiting) / 60
                print(f"{run.row}, seed {run.seed}: {ended} in {seconds:.0f} s; about {left:.0f} min left", flush=True)
                yield run, code
            time.sleep(0.2)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def start(run: Run, *, given: argparse.Namespace) -> subprocess.Popen[bytes]:
    """A process that does one run and writes what it says into the run's log."""
    run.folder.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, __file__, given.world, "--out", str(given.out), "--steps", str(run.steps)]
    words += ["--seeds", str(run.seed), "--run", run.row, str(run.seed)]
    with (run.folder / "log.txt").open("ab") as log:
        return subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, env=os.environ | ONE_THREAD)


def report(world: World, given: argparse.Namespace) -> None:
    """Write the world's section of the page, if a page is wanted."""
    if given.report is None:
        return
    rows = read_rows(world.folder, tasks=[task.name for task in world.tasks])
    said = about(given.world, facts=world.facts(), steps=read_json(world.settings)["steps"], seeds=rows.seeds)
    update(given.report, world=given.world, text=section(rows, world=given.world, about=said))


if __name__ == "__main__":
    main()
