"""What a score table says, in words: wins, ties and losses, by whether 95 % intervals overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

from vivi.report.score_table import Column, ScoreTable, twin_names


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one method fares against all others, column by column."""

    method: str
    wins: tuple[Column, ...]
    """Its interval lies above the intervals of all others."""
    ties: tuple[Column, ...]
    """No other interval lies above its own, and at least one overlaps it."""
    losses: tuple[tuple[Column, tuple[str, ...]], ...]
    """Columns where other methods' intervals lie above its own, with their names."""

    @property
    def compared(self) -> int:
        """Number of columns in which there was something to compare with."""
        return len(self.wins) + len(self.ties) + len(self.losses)


def judge(table: ScoreTable, *, method: str) -> Verdict:
    """Compare one method with all others of the table."""
    wins, ties, losses = [], [], []
    for column in table.columns:
        cell, rivals = table.cells.get((method, column)), table.rivals(method, column)
        if cell is None or not rivals:
            continue
        better = tuple(name for name, rival in rivals.items() if rival.above(cell))
        if better:
            losses.append((column, better))
        elif table.leads(method, column):
            wins.append(column)
        else:
            ties.append(column)
    return Verdict(method=method, wins=tuple(wins), ties=tuple(ties), losses=tuple(losses))


def sentence(verdict: Verdict) -> str:
    """The verdict as one sentence."""
    if not verdict.compared:
        return f"There is nothing to compare {verdict.method} with: no other method was measured on the same task."
    if len(verdict.wins) == verdict.compared:
        return f"{verdict.method} is ahead of all others in {_every(verdict.compared)}."
    if len(verdict.ties) == verdict.compared:
        return f"A tie: in {_every(verdict.compared)} the interval of {verdict.method} overlaps that of its best rival."
    parts = [f"ahead of all others in {_listed(verdict.wins)}"] if verdict.wins else ["nowhere ahead of all others"]
    if verdict.ties:
        parts.append(f"level with its best rival in {_listed(verdict.ties)}")
    behind: dict[tuple[str, ...], list[Column]] = {}
    for column, better in verdict.losses:
        behind.setdefault(better, []).append(column)
    parts += [f"behind {_names(better)} in {_listed(columns)}" for better, columns in behind.items()]
    return f"{verdict.method} is {'; '.join(parts)}."


def _every(count: int) -> str:
    return "the one comparison made" if count == 1 else f"all {count} comparisons"


def _listed(columns: Sequence[Column]) -> str:
    """Tasks with their probes: "what (knn, logistic) and where (knn)"."""
    probes: dict[str, list[str]] = {}
    for column in columns:
        probes.setdefault(column.task, []).append(column.probe)
    return _names([f"{task} ({', '.join(each)})" for task, each in probes.items()])


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def against_random(table: ScoreTable, *, method: str) -> str:
    """How one method fares against its network with random weights, in a sentence; empty if that was not measured."""
    counts = {"above": 0, "level with": 0, "below": 0}
    for column in table.columns:
        cell = table.cells.get((method, column))
        twins = [table.cells[name, column] for name in twin_names(method) if (name, column) in table.cells]
        if cell is not None and twins:
            above, below = all(map(cell.above, twins)), any(twin.above(cell) for twin in twins)
            counts["above" if above else "below" if below else "level with"] += 1
    total = sum(counts.values())
    if not total:
        return ""
    told = _names([f"{what} it in {count}" for what, count in counts.items() if count])
    return f"Against the same network with random weights: {told} of {total}."
