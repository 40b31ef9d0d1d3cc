"""What the verb about object detection shows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from json import dumps as as_text
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from vivi.console.base import Bar, cell, console, plain

if TYPE_CHECKING:
    from vivi.transfer.detection.train import Moment


@contextmanager
def detection_progress() -> Iterator[Callable[["Moment"], None]]:
    """Bars for `vivi.transfer.detection.train.detect`, one after the other."""
    with ExitStack() as stack:
        bars: dict[str, Bar] = {}

        def show(moment: "Moment") -> None:
            if moment.stage not in bars:
                stack.pop_all().close()
                unit = "steps" if moment.stage == "learning" else "images"
                bars[moment.stage] = stack.enter_context(Bar(moment.stage.capitalize(), unit=unit))
            bars[moment.stage].update(moment.done, total=moment.total, text=learning_text(moment.line))

        yield show


def learning_text(line: Mapping[str, float]) -> str:
    """One line of the log for the eye: the loss, its parts and the speed; empty without a line."""
    if not line:
        return ""
    parts = ", ".join(f"{name.removeprefix('loss_')} {line[name]:.3f}" for name in line if name.startswith("loss_"))
    return f"loss {line['loss']:.3f} ({parts}), {line['images_per_second']:.1f} images/s"


def show_detection(result: Mapping[str, Any], *, out: Path, json: bool = False) -> None:
    """AP, AP50 and AP75, of each class and on average, and where all of it stands; or the result as JSON."""
    if json:
        print(as_text(dict(result), indent=1))
        return
    table = Table("class", "AP", "AP50", "AP75", "objects")
    for each in result["classes"]:
        table.add_row(cell(each["name"]), *_numbers(each), str(each["objects"]))
    table.add_section()
    table.add_row("mean", *_numbers(result), str(sum(each["objects"] for each in result["classes"])))
    console().print(table)
    for remark in result["remarks"]:
        plain(remark)
    plain(f"{out / 'detection.json'}")


def _numbers(precision: Mapping[str, Any]) -> list[str]:
    values = (precision[name] for name in ("ap", "ap50", "ap75"))
    return ["none" if value is None else f"{value:.1%}" for value in values]
