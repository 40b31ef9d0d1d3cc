"""What the verbs about encoders show."""

from dataclasses import asdict
from json import dumps as as_text
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from vivi.console.base import cell, console, plain

if TYPE_CHECKING:
    from vivi.convert.conversion import Conversion
    from vivi.nn.exported import Exported
    from vivi.transfer.embed import EmbedSummary
    from vivi.transfer.scores import Scores


def show_scores(scores: "Scores", *, out: Path | None, json: bool = False) -> None:
    """Accuracies with their intervals."""
    if json:
        print(as_text(scores.as_json(), indent=1))
        return
    seeds = [str(score.details.get("seed", "")) for score in scores.results]
    several = len(set(seeds)) > 1  # of --splits
    table = Table("task", "probe", "weights", *["seed"] * several, "accuracy", "95 % interval", "test images")
    for score, seed in zip(scores.results, seeds, strict=True):
        interval = f"{score.interval[0]:.1%} to {score.interval[1]:.1%}"
        numbers = (f"{score.accuracy:.1%}", interval, str(score.total))
        table.add_row(cell(score.task), score.probe, score.weights, *[seed] * several, *numbers)
    console().print(table)
    for each in scores.skipped:
        plain(f"skipped: {each['path']}: {each['reason']}")
    for remark in scores.remarks:
        plain(remark)
    if out is not None:
        plain(f"{out}")


def show_embedded(summary: "EmbedSummary", *, json: bool = False) -> None:
    """How much was embedded."""
    if json:
        print(as_text(asdict(summary), indent=1, default=str))
        return
    plain(f"{summary.rows} rows of {summary.inputs} {summary.unit}, {summary.dim} numbers each")
    if summary.skipped:
        plain(f"{summary.skipped} files gave nothing: {summary.skipped_file}")
    plain(f"{summary.out}")


def show_exported(done: "Exported", *, json: bool = False) -> None:
    """What was written, how far its outputs are from the encoder's, and how to load it."""
    if json:
        print(as_text(asdict(done), indent=1, default=str))
        return
    plain(f"{done.name} for {done.to}: {', '.join(done.files)}")
    if done.difference is not None:
        plain(f"largest difference on random images: {done.difference:.2g}; largest output: {done.largest:.3g}")
    for remark in done.remarks:
        plain(remark)
    for line in ("", *done.snippet.splitlines()):
        plain(line)
    plain(f"{done.folder}")


def show_conversion(done: "Conversion", *, json: bool = False) -> None:
    """What was recognised, what was left out, and where the encoder is."""
    if json:
        about = {"layout": done.layout.name, "variables": done.taken, "parameters": done.parameters}
        about |= {"feature_dim": done.encoder.feature_dim, "left_out": list(done.left_out), "folder": str(done.folder)}
        print(as_text(about, indent=1))
        return
    plain(f"recognised: {done.layout.title} ({done.layout.name})")
    plain(f"{done.taken} variables, {done.parameters:,} parameters, {done.encoder.feature_dim} features")
    for variable in done.left_out:
        plain(f"left out: {variable}")
    plain(f"{done.folder}")
