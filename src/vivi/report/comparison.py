"""What changed from one encoder to another, task by task and group by group; `vivi compare`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.report.changes import Change, change, mean_change
from vivi.report.measures import Measure, Side, asked_differently, read_side
from vivi.report.published import SIZES
from vivi.transfer.task import GROUPS, Group

_SHOWN = 4
HELD = (
    "change: B less A in points, of the medians of the repeats; * where its interval leaves out 0.",
    "interval of a change: Student's t, 95 %, around the mean of the differences of the repeats, which pair by their "
    "number or seed. It holds what differs from repeat to repeat (the order or the split of the examples), and nothing "
    "else: no other pretraining run, no other examples where they are fixed, not the choice of settings.",
    "interval of an accuracy: Clopper-Pearson, 95 %, of the median: what the number of test images leaves open, not "
    "what differs from repeat to repeat.",
    "Of 20 such intervals about one leaves out 0 by chance alone.",
)
"""What the intervals hold and what not."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One task on both sides."""

    before: Measure
    after: Measure
    change: Change


@dataclass(frozen=True, slots=True)
class GroupChange:
    """The mean over a group of VTAB, or over all of its tasks."""

    name: str
    before: float | None
    after: float | None
    """In [0, 1]; None where the group is incomplete."""
    change: Change | None
    counted: int
    """Tasks that both sides have and that count."""
    of: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """From A to B."""

    before: Side
    after: Side
    tasks: tuple[Compared, ...]
    groups: tuple[GroupChange, ...]
    """Empty where neither side has a task of VTAB."""
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    """Titles of what only one side has."""
    remarks: tuple[str, ...]


def compare(before: Path, after: Path) -> Comparison:
    """Compare the results of two encoders.

    Args:
        before: A: a result file, or a folder of them, see `read_side`.
        after: B.

    Raises:
        ViviError: a side has no results of one encoder, nothing is on both sides, or a task was put to them
            differently; the text names what differs.
    """
    one, two = read_side(before), read_side(after)
    shared = [key for key in one.measures if key in two.measures]
    if not shared:
        raise ViviError(
            f"{before} and {after} have no task in common: A has {_listed(one)}, B has {_listed(two)}; compare results "
            "of the same kind"
        )
    found = [(one.measures[key], two.measures[key]) for key in shared]
    if lines := asked_differently(found):
        shown = "; ".join(lines[:_SHOWN]) + (f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else "")
        raise ViviError(f"{before} and {after} were not asked the same, so they cannot be compared: {shown}")
    return Comparison(
        before=one,
        after=two,
        tasks=tuple(Compared(a, b, change(a.repeats, b.repeats)) for a, b in found),
        groups=tuple(_groups(found)),
        only_before=tuple(measure.title for key, measure in one.measures.items() if key not in two.measures),
        only_after=tuple(measure.title for key, measure in two.measures.items() if key not in one.measures),
        remarks=tuple(_remarks(one, two, found)),
    )


def _listed(side: Side) -> str:
    titles = [measure.title for measure in side.measures.values()]
    return ", ".join(titles[:_SHOWN]) + (", ..." if len(titles) > _SHOWN else "")


def _groups(found: Sequence[tuple[Measure, Measure]]) -> Iterator[GroupChange]:
    names = {measure.group for pair in found for measure in pair}
    if names & set(GROUPS):
        for group in GROUPS:
            yield _group(found, name=group, groups=(group,))
        yield _group(found, name="mean", groups=GROUPS)


def _group(found: Sequence[tuple[Measure, Measure]], *, name: str, groups: Sequence[Group]) -> GroupChange:
    counted = [(a, b) for a, b in found if a.group in groups and a.counts and b.counts]
    of = sum(SIZES[group] for group in groups)
    if len(counted) < of:
        return GroupChange(name=name, before=None, after=None, change=None, counted=len(counted), of=of)
    return GroupChange(
        name=name,
        before=sum(a.accuracy for a, _ in counted) / of,
        after=sum(b.accuracy for _, b in counted) / of,
        change=mean_change([(a.repeats, b.repeats) for a, b in counted]),
        counted=of,
        of=of,
    )


def _remarks(one: Side, two: Side, found: Sequence[tuple[Measure, Measure]]) -> Iterator[str]:
    if one.fingerprint and one.fingerprint == two.fingerprint:
        yield "A and B are the same weights: what changed is chance, or how they were judged"
    for a, b in dict.fromkeys((a.seen, b.seen) for a, b in found):
        if a != b:
            yield f"The encoders make different inputs of an image: {a}; {b}"
    departures = dict.fromkeys(line for a, _ in found for line in a.departures)
    if departures:
        yield f"Not under VTAB's protocol: {'; '.join(departures)}"
    unpaired = [a.title for a, b in found if set(a.repeats) != set(b.repeats)]
    if unpaired:
        yield f"No interval of the change, the repeats do not pair: {', '.join(unpaired)}"
    single = [a.title for a, b in found if len(a.repeats) == 1 and set(a.repeats) == set(b.repeats)]
    if single:
        yield f"No interval of the change, there is one repeat: {', '.join(single)}"
