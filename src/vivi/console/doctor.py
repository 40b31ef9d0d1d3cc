"""What `vivi doctor` shows."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from vivi.console.base import Bar, console, plain

if TYPE_CHECKING:
    from vivi.doctor.examine import Diagnosis


@contextmanager
def doctor_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for the look at the frames, then one for the timed presets."""
    with ExitStack() as stack:
        bars: dict[str, Bar] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                stack.close()
                title = "Doctor" if what == "videos" else "Estimate"
                bars[what] = stack.enter_context(Bar(title, unit=what))
            bars[what].update(done, total=total)

        yield tell


def show_diagnosis(found: "Diagnosis", *, page: Path, record: Path | None) -> None:
    """The numbers, what K and L leave, and the advice."""
    _show_numbers(found)
    _show_left(found)
    if found.estimates:
        _show_estimates(found)
    for sentence in found.advice:
        plain(f"- {sentence}")
    if record is not None:
        plain(f"{record}")
    plain(f"{page}")


def _show_numbers(found: "Diagnosis") -> None:
    info, odd, shapes, threshold = found.ingested.info, found.oddities, found.shapes, found.threshold
    suggested = "none" if threshold.suggested is None else f"{threshold.suggested:.2f}"
    table = Table("", "", title="Doctor", show_header=False)
    rows: list[tuple[str, str]] = [
        ("videos, looked at", f"{info.num_videos}, {found.looked}"),
        ("inputs left out", f"{info.num_skipped}"),
        *((f"  {reason}", f"{count}") for reason, count in found.ingested.reasons.items()),
        ("shots of a video: smallest, median, largest", _three(shapes.shots_of_videos)),
        ("frames of a shot: smallest, median, largest", _three(shapes.frames_of_shots)),
        ("near-duplicates: pairs, groups", f"{len(found.duplicates.pairs)}, {len(found.duplicates.groups)}"),
        ("videos with black borders", f"{len(odd.bordered)}"),
        ("black frames, shots", f"{odd.black_frames}, {len(odd.black_shots)}"),
        ("still frames, static shots", f"{odd.still_frames}, {len(odd.static_shots)}"),
        ("threshold: of the store, suggested", f"{'none' if threshold.now is None else threshold.now}, {suggested}"),
    ]
    for name, value in rows:
        table.add_row(escape(name), value)
    console().print(table)


def _three(spread: object) -> str:
    return ", ".join(f"{getattr(spread, name):g}" for name in ("smallest", "median", "largest"))


def _show_left(found: "Diagnosis") -> None:
    usable = found.shapes.usable
    frames = sorted({n for _, n in usable})
    table = Table("videos left", *(f"L={n}" for n in frames))
    for k in sorted({k for k, _ in usable}):
        table.add_row(f"K={k}", *(f"{usable[k, n]}" for n in frames))
    console().print(table)


def _show_estimates(found: "Diagnosis") -> None:
    from vivi.doctor.page import duration

    table = Table("preset (an estimate)", "steps", "s/step", "whole run", "memory, one part", "parts here")
    for each in found.estimates:
        parts = f"{each.chunks}" if each.fits else "does not fit"
        memory = f"{each.memory_in_one / 1e9:.1f} GB"
        numbers = (f"{each.steps}", f"{each.seconds_per_step:.3g}", duration(each.hours), memory)
        table.add_row(escape(each.name), *numbers, parts)
    console().print(table)
    for basis in dict.fromkeys(f"{each.device}: {each.basis}" for each in found.estimates):
        plain(f"timed on {basis}, the encoder alone")
