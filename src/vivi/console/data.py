"""What `vivi ingest` shows."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from json import dumps as as_text
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from vivi.console.base import Bar, console, plain

if TYPE_CHECKING:
    from vivi.video.ingest import IngestSummary
    from vivi.video.ingest import Progress as IngestProgress


@contextmanager
def ingest_progress() -> Iterator[Callable[["IngestProgress"], None]]:
    """A bar for `vivi.video.ingest.ingest`; videos/s counts this run alone."""
    began = time.monotonic()
    with Bar("Ingest", unit="videos") as bar:

        def show(state: "IngestProgress") -> None:
            rate = (state.done - state.before) / max(time.monotonic() - began, 1e-9)
            bar.update(state.done, total=state.total, text=f"{rate:.1f} videos/s, {state.skipped} skipped")

        yield show


def show_ingest(summary: "IngestSummary", *, out: Path, json: bool = False) -> None:
    """The table at the end of an ingest, or the same as JSON."""
    if json:
        print(as_text(_as_json(summary), indent=1))
        return
    table = Table("", "", title="Ingest", show_header=False)
    skipped = sum(count for _, count in summary.skipped)
    rows: list[tuple[str, str]] = [
        ("inputs", f"{summary.videos + skipped}"),
        ("videos stored", f"{summary.videos}"),
        *((f"skipped: {reason}", f"{count}") for reason, count in summary.skipped),
        ("minutes of video", f"{summary.minutes:.1f}"),
        ("frames", f"{summary.frames}"),
        ("shots", f"{summary.shots}"),
        ("shots a video", f"{summary.shots_per_video:.1f}"),
        *((f"videos for K={k}, L={frames}", f"{count}") for k, frames, count in summary.remaining),
    ]
    for name, value in rows:
        table.add_row(escape(name), value)
    console().print(table)
    if summary.was_complete:
        plain("This store was complete already: nothing was left to do.")
    if summary.skipped:
        plain(f"Each skipped input with its reason: {out / 'skipped.csv'}")
    plain(f"K neighbouring shots of L frames make a sample; what would leave more: vivi doctor {quote(str(out))}")
    plain(f"{out}")


def _as_json(summary: "IngestSummary") -> dict[str, Any]:
    remaining = [{"shots": k, "frames": frames, "videos": count} for k, frames, count in summary.remaining]
    named = {"store": str(summary.store), "skipped": dict(summary.skipped), "remaining": remaining}
    return asdict(summary) | named
