"""What the verbs about encoders show."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from vivi.console.base import console, plain

if TYPE_CHECKING:
    from vivi.convert.conversion import Conversion
    from vivi.transfer.embed import EmbedSummary
    from vivi.transfer.scores import Scores


def show_scores(scores: "Scores", *, out: Path | None) -> None:
    """Accuracies with their intervals."""
    table = Table("task", "probe", "weights", "accuracy", "95 % interval", "test images")
    for score in scores.results:
        interval = f"{score.interval[0]:.1%} to {score.interval[1]:.1%}"
        numbers = (f"{score.accuracy:.1%}", interval, str(score.total))
        table.add_row(escape(score.task), score.probe, score.weights, *numbers)
    console().print(table)
    for each in scores.skipped:
        plain(f"skipped: {each['path']}: {each['reason']}")
    for remark in scores.remarks:
        plain(remark)
    if out is not None:
        plain(f"{out}")


def show_embedded(summary: "EmbedSummary", *, out: Path) -> None:
    """How many images were embedded."""
    plain(f"{summary.images} images, {summary.dim} numbers each")
    if summary.skipped:
        plain(f"{summary.skipped} images could not be read: {summary.skipped_file}")
    plain(f"{out}")


def show_conversion(done: "Conversion") -> None:
    """What was recognised, what was left out, and where the encoder is."""
    plain(f"recognised: {done.layout.title} ({done.layout.name})")
    plain(f"{done.taken} variables, {done.parameters:,} parameters, {done.encoder.feature_dim} features")
    for variable in done.left_out:
        plain(f"left out: {variable}")
    plain(f"{done.folder}")
