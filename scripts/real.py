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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PRESETS = ("Ex-YT-F", "Ex-YT-S", "VIVI-Ex(4)")
TASKS = (
    "cifar10",
    "clothing_cc0",
    "eurosat",
    "resisc45_12classes",
    "caltech101/101_ObjectCategories",
)
INGEST = ("--fps", "4", "--shots", "1", "--short-side", "128")


def main() -> None:
    """Run everything and print the accuracies over the seeds as a Markdown table."""
    parser = argparse.ArgumentParser(description="Ingest, pretrain, evaluate and report on real videos.")
    parser.add_argument("--out", type=Path, default=Path("real"))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    data = real_data()
    store = options.out / "store"
    vivi("ingest", data / "videos", "--out", store, *INGEST)
    for seed in options.seeds:
        for preset in PRESETS:
            learn(
                preset,
                seed,
                store=store,
                images=data / "images",
                out=options.out / preset / f"seed-{seed}",
                steps=options.steps,
            )
    vivi(
        "report", options.out, "--out", options.out / "report.html", "--store", store, "--title", "VIVI on real videos"
    )
    print("\n".join(summary(options.out)))
    print((options.out / "report.html").resolve())


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
            vivi("evaluate", out / "encoder", "--data", images / task, "--out", scores)


def vivi(*words: object) -> None:
    """Print one command line and run it."""
    shown = ["vivi", *map(str, words)]
    print(f"\n$ {shlex.join(shown)}", flush=True)
    code = subprocess.run([sys.executable, "-m", *shown]).returncode
    if code:
        sys.exit(code)


def summary(out: Path) -> Iterator[str]:
    """Accuracies in percent, mean over the seeds with the lowest and the highest of them."""
    rows: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for file in sorted(out.glob("*/seed-*/scores/*.json")):
        task = file.stem.removeprefix("scores-")
        for row in results(file):
            name = file.relative_to(out).parts[0] if row["weights"] == "trained" else "random weights"
            rows[task, row["probe"], name].append(100 * row["accuracy"])
    yield "| task | probe | weights | accuracy | lowest, highest | runs |"
    yield "| --- | --- | --- | ---: | ---: | ---: |"
    for (task, probe, name), values in sorted(rows.items()):
        ends = f"{min(values):.1f}, {max(values):.1f}"
        yield f"| {task} | {probe} | {name} | {statistics.mean(values):.1f} | {ends} | {len(values)} |"


def results(file: Path) -> list[dict[str, Any]]:
    """The rows of one score file."""
    rows: list[dict[str, Any]] = json.loads(file.read_text())["results"]
    return rows


if __name__ == "__main__":
    main()
