"""What `vivi robust` shows."""

from json import dumps as as_text
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from vivi.console.base import console, plain

if TYPE_CHECKING:
    from vivi.transfer.robust.judge import Robustness

_SHOWN = 5


def show_robustness(result: "Robustness", *, out: Path, json: bool = False) -> None:
    """Both accuracies with their intervals, the drop, and what was not answered; or the result as JSON."""
    if json:
        print(as_text(result.as_json(), indent=1))
        return
    table = Table("", "accuracy", "95 % interval", "anchors")
    for title, share in (("pm-0: anchors", result.outcome.pm0), ("pm-10: with neighbours", result.outcome.pm10)):
        low, high = share.interval
        table.add_row(title, f"{share.accuracy:.1%}", f"{low:.1%} to {high:.1%}", f"{share.correct} of {share.total}")
    table.add_row("drop", f"{100 * result.outcome.delta:.1f} points", "", "")
    console().print(table)
    plain(f"classes matched {result.encoder['matched']}")
    for remark in result.remarks:
        plain(remark)
    for each in result.unanswered[:_SHOWN]:
        plain(f"no prediction: {each['path']}: {each['reason']}")
    if len(result.unanswered) > _SHOWN:
        plain(f"and {len(result.unanswered) - _SHOWN} more, all named in the result")
    plain(f"{out}")
