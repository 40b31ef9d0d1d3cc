"""docs/results.md: the table of methods, written from the records of finished runs alone."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from methods_numbers import Difference, Interval, Key, Tally, paired, pooled, t_interval
from methods_rows import HYPOTHESES, RANDOM, ROWS
from vivi.core.files import read_json, write_text

PROBES = ("logistic", "knn")
SECTIONS = ("demo", "real")
NOTES = "notes"
HEAD = """\
# Results

Written by `benchmarks/methods.py`; a section is replaced when its world is run again. Accuracies are in percent. Every
run is `vivi.presets.tiny` of the named preset, and its frozen encoder is judged on labelled images that no run has
learned from, by nearest neighbours (knn) and by logistic regression.

A cell is the mean over the seeds ± half of Student's 95 % interval over the seeds, and in brackets the exact binomial
95 % interval of the answers of all seeds together. The first holds the luck of training, the second that of the choice
of test images; the seeds share the test images, so the second is somewhat too narrow. `mean` is over the tasks.

A difference is paired by seed and task. Its verdict is judged by the 95 % interval over the seeds' means over the
tasks: *holds* above zero, *does not hold* below zero, otherwise *not distinguishable*. The interval over seeds and
tasks stands beside it; it takes the tasks for independent. There are many comparisons and nothing is corrected for
that: where two methods are equal, one verdict in forty is *holds* by luck alone, and one *does not hold*.
"""
TITLES = {"demo": "The demo's world", "real": "Real videos"}
_WEAK = 0.95
"""A loss above this share of its chance level has hardly moved."""


@dataclass(frozen=True)
class Rows:
    """The finished rows of one world."""

    seeds: tuple[int, ...]
    tasks: tuple[str, ...]
    records: Mapping[str, Mapping[int, Mapping[str, Any]]]
    """By row and seed; rows that lack a seed are not in it."""
    incomplete: int

    def tallies(self, row: str, *, probe: str) -> dict[Key, Tally]:
        """By seed and task; the row may be a kind of random network."""
        weights = "trained" if row in self.records else "random"
        source = row if row in self.records else self.twins[row]
        return {
            (seed, task): Tally(*record["tallies"][weights][probe][task])
            for seed, record in self.records[source].items()
            for task in self.tasks
        }

    @property
    def twins(self) -> dict[str, str]:
        """Each kind of random network with the first row that has it; the usual kind has no addition to its name."""
        found: dict[str, str] = {}
        for row, of_seed in self.records.items():
            network = next(iter(of_seed.values()))["network"]
            name = RANDOM if network == USUAL_NETWORK else f"{RANDOM}: {network}"
            found.setdefault(name, row)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The random networks, then the rows in their order."""
        return (*sorted(self.twins), *self.records)


USUAL_NETWORK = "BatchNorm, width 0.25"


def read_rows(folder: Path, *, tasks: Sequence[str]) -> Rows:
    """All records below `folder`; the seeds are those that any run was asked for with."""
    seeds = tuple(read_json(folder / "seeds.json"))
    found: dict[str, dict[int, Mapping[str, Any]]] = {row: {} for row in ROWS}
    for file in sorted(folder.glob("runs/*/seed-*/record.json")):
        record = read_json(file)
        found[record["row"]][record["seed"]] = record
    complete = {
        row: dict(sorted(by_seed.items())) for row, by_seed in found.items() if by_seed and set(by_seed) == set(seeds)
    }
    return Rows(seeds, tuple(tasks), complete, len(ROWS) - len(complete))


def section(rows: Rows, *, world: str, about: Iterable[str]) -> str:
    """One world's part of the page."""
    lines = [f"## {TITLES[world]}", "", *about, ""]
    finished = f"{len(rows.records)} of {len(ROWS)} rows are finished with all seeds ({_listed(rows.seeds)})"
    lines += [f"{finished}; {rows.incomplete} are left out.", ""]
    if rows.records:
        for probe in PROBES:
            lines += [f"### Accuracy, {probe}", "", *_accuracies(rows, probe), ""]
        lines += ["### The hypotheses", "", *_hypotheses(rows), ""]
        lines += ["### Signs of learning and of collapse", "", *_signs(rows), ""]
    return "\n".join(lines)


def update(page: Path, *, world: str, text: str) -> None:
    """Put one section into the page; the other world's is kept, and so are notes written by hand."""
    old = page.read_text() if page.exists() else ""
    found = re.findall(r"<!-- (\w+) begins -->\n(.*?)<!-- \1 ends -->", old, re.DOTALL)
    parts = dict(found) | {world: f"{text}\n"}
    marked = (
        f"<!-- {name} begins -->\n{parts[name]}<!-- {name} ends -->\n" for name in (NOTES, *SECTIONS) if name in parts
    )
    write_text(page, "\n".join((HEAD, *marked)))


def _accuracies(rows: Rows, probe: str) -> Iterator[str]:
    yield from _header(probe, (*rows.tasks, "mean"))
    for name in rows.names:
        tallies = rows.tallies(name, probe=probe)
        cells = [_cell([tallies[seed, task] for seed in rows.seeds]) for task in rows.tasks]
        means = [mean(tallies[seed, task].percent for task in rows.tasks) for seed in rows.seeds]
        yield _line(name, (*cells, _half(t_interval(means))))


def _cell(tallies: Sequence[Tally]) -> str:
    low, high = pooled(tallies)
    return f"{_half(t_interval([each.percent for each in tallies]))} ({low:.1f} to {high:.1f})"


def _half(interval: Interval) -> str:
    return f"{interval.mean:.1f} ± {interval.half:.1f}"


def _hypotheses(rows: Rows) -> Iterator[str]:
    columns = ("probe", "mean over tasks [over seeds]", "[over seeds and tasks]", "verdict", *rows.tasks)
    for name, pairs in HYPOTHESES.items():
        found = [(pair, probe) for pair in pairs if set(pair) <= {*rows.names} for probe in PROBES]
        yield f"**{name}**" + ("" if found else ": not finished")
        yield ""
        if found:
            yield from _header("difference", columns)
        for (better, worse), probe in found:
            difference = difference_of(rows, better, worse, probe=probe)
            yield _line(f"{better} − {worse}", (probe, *_difference_cells(difference, tasks=rows.tasks)))
        if found:
            yield ""


def difference_of(rows: Rows, better: str, worse: str, *, probe: str) -> Difference:
    """The paired difference of two rows."""
    percents = [
        {key: tally.percent for key, tally in rows.tallies(row, probe=probe).items()} for row in (better, worse)
    ]
    return paired(*percents)


def _difference_cells(difference: Difference, *, tasks: Sequence[str]) -> tuple[str, ...]:
    seeds, both = difference.over_seeds, difference.over_all
    spans = [f"[{each.low:+.1f}, {each.high:+.1f}]" for each in (seeds, both)]
    parts = [f"{difference.of_task[task].mean:+.1f} ± {difference.of_task[task].half:.1f}" for task in tasks]
    return (f"{seeds.mean:+.1f} {spans[0]}", spans[1], difference.verdict, *parts)


def _signs(rows: Rows) -> Iterator[str]:
    yield (
        "Means over the seeds, from the last line of each run's log: each loss and its chance level (bold where it is "
        f"above {_WEAK:.0%} of it), effective rank and spread of the features of a training batch (a collapsed encoder "
        "has rank and spread near zero), minutes of training on one core."
    )
    yield ""
    yield from _header("row", ("losses (chance)", "effective rank", "feature std", "minutes"))
    for row, by_seed in rows.records.items():
        records = list(by_seed.values())
        numbers = [mean(each[key] for each in records) for key in ("effective_rank", "feature_std", "seconds")]
        losses = "; ".join(_loss(name, records) for name in records[0]["losses"])
        yield _line(row, (losses, f"{numbers[0]:.1f}", f"{numbers[1]:.2f}", f"{numbers[2] / 60:.1f}"))


def _loss(name: str, records: Sequence[Mapping[str, Any]]) -> str:
    value, chance = mean(each["losses"][name] for each in records), records[0]["chance"][name]
    shown = f"**{value:.3f}**" if value > _WEAK * chance else f"{value:.3f}"
    return f"{name} {shown} ({chance:.3f})"


def _header(first: str, columns: Sequence[str]) -> Iterator[str]:
    yield _line(first, columns)
    yield f"| --- |{' ---: |' * len(columns)}"


def _line(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
