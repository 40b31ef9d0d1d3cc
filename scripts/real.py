"""The whole way on real videos and labelled images: ingest, pretrain, evaluate, report. Run by `make real`.

VIVI_REAL_DATA names a folder with `videos/` (searched recursively) and `images/`, a folder of labelled images for each
task. The clips it was written for are a few seconds long and mostly one shot, so shots here are not cuts: `--fps 4
--shots 1` takes four frames a second and calls every second a shot, and a sample is K=4 of them with L=4 frames. That
is weaker than the paper's setting, where a video's shots show different views. Interrupted, the same command goes on.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

PRESETS = ("Ex-YT-F", "Ex-YT-S", "VIVI-Ex(4)")
TASKS = ("cifar10", "clothing_cc0", "eurosat", "resisc45_12classes", "caltech101/101_ObjectCategories")
INGEST = ("--fps", "4", "--shots", "1", "--short-side", "128")


def main() -> None:
    """Run everything and print the accuracies over the seeds as Markdown tables."""
    parser = argparse.ArgumentParser(description="Ingest, pretrain, evaluate and report on real videos.")
    parser.add_argument("--out", type=Path, default=Path("real"))
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    data, store, page = real_data(), given.out / "store", given.out / "report.html"
    vivi("ingest", data / "videos", "--out", store, *INGEST)
    for seed in given.seeds:
        for preset in PRESETS:
            run = given.out / preset / f"seed-{seed}"
            learn(preset, seed, store=store, images=data / "images", out=run, steps=given.steps)
    vivi("report", given.out, "--out", page, "--store", store, "--title", "VIVI on real videos")
    print("\n".join(summary(given.out)))
    print(page.resolve())


def real_data() -> Path:
    """The folder that VIVI_REAL_DATA names."""
    named = os.environ.get("VIVI_REAL_DATA")
    if not named:
        sys.exit("real: set VIVI_REAL_DATA to a folder with videos/ and images/TASK/CLASS/, then run the same command")
    missing = [each for each in ("videos", "images") if not (Path(named) / each).is_dir()]
    if missing:
        sys.exit(f"real: VIVI_REAL_DATA={named} has no folder {' and no folder '.join(missing)}")
    return Path(named)


def learn(preset: str, seed: int, *, store: Path, images: Path, out: Path, steps: int) -> None:
    """Pretrain one encoder and evaluate it on every task that the data folder has."""
    values = ("--set", f"seed={seed}", "--set", f"name={preset}-Tiny, seed {seed}")
    vivi("pretrain", preset, "--tiny", "--data", store, "--out", out, "--steps", steps, *values)
    for task in TASKS:
        scores = out / "scores" / f"scores-{task.split('/')[0]}.json"
        if (images / task).is_dir() and not scores.exists():
            vivi("evaluate", out / "encoder", "--data", images / task, "--out", scores, "--seed", seed)


def vivi(*words: object) -> None:
    """Print one command line and run it."""
    shown = ["vivi", *map(str, words)]
    print(f"\n$ {shlex.join(shown)}", flush=True)
    code = subprocess.run([sys.executable, "-m", *shown]).returncode
    if code:
        sys.exit(code)


def summary(out: Path) -> Iterator[str]:
    """For each probe a Markdown table: accuracy in percent, mean over the seeds, lowest and highest of them."""
    found = read_scores(out)
    tasks = sorted({task for _, _, task in found})
    for probe in sorted({probe for probe, _, _ in found}):
        yield "\n".join([f"| {probe} | {' | '.join(tasks)} |", f"| --- |{' ---: |' * len(tasks)}"])
        for name in ("random weights", *PRESETS):
            yield f"| {name} | {' | '.join(cell(found.get((probe, name, task), {})) for task in tasks)} |"
        yield ""


def cell(by_seed: Mapping[str, float]) -> str:
    """Mean, lowest and highest of the accuracies of all seeds."""
    values = list(by_seed.values())
    return f"{statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})" if values else "not measured"


def read_scores(out: Path) -> dict[tuple[str, str, str], dict[str, float]]:
    """By (probe, weights, task), for each seed the accuracy in percent; equal random twins count once."""
    found: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for file in sorted(out.glob("*/seed-*/scores/*.json")):
        preset, seed = file.relative_to(out).parts[:2]
        for row in json.loads(file.read_text())["results"]:
            name = preset if row["weights"] == "trained" else "random weights"
            found[row["probe"], name, file.stem.removeprefix("scores-")][seed] = 100 * row["accuracy"]
    return found


if __name__ == "__main__":
    main()
