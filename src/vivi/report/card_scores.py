"""Scores of one encoder for its model card, from what `vivi evaluate`, `vivi vtab` and `vivi robust` write."""

from collections.abc import Sequence
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.nn.hub_export import CardScore
from vivi.report.measures import Key, Measure, read_side
from vivi.report.scores import FORMAT, is_scores, read_scores

_PROBES = {
    "knn": "k nearest neighbours on frozen features",
    "logistic": "logistic regression on frozen features",
    "top-1": "top-1 of its own classifier",
    "top-5": "top-5 of its own classifier",
}


def card_scores(files: Sequence[Path], *, fingerprint: str) -> tuple[CardScore, ...]:
    """Read what the files say of the encoder with this fingerprint.

    Args:
        files: score files and results, or folders that hold some, each of one encoder.
        fingerprint: of the encoder's weights.

    Raises:
        ViviError: a file is missing, damaged, holds no scores, or is about another encoder.
    """
    found: dict[Key, CardScore] = {}
    for file in files:
        side = read_side(file)
        if side.fingerprint != fingerprint:
            raise ViviError(
                f"{file} has scores of {side.encoder} ({side.fingerprint or 'no fingerprint'}), not of this encoder "
                f"({fingerprint}): judge this one, or leave the file out"
            )
        baselines = _baselines(file)
        for key, measure in side.measures.items():
            if key in found:
                raise ViviError(f"{file} has a second result of {measure.title}: give one")
            found[key] = _score(key, measure, baseline=baselines.get(key[1]))
    return tuple(found.values())


def _score(key: Key, measure: Measure, *, baseline: float | None) -> CardScore:
    kind, _ = key
    task, _, probe = measure.title.rpartition(" (")
    name = probe.removesuffix(")")
    if kind == FORMAT and name in _PROBES:
        task, how = task, _PROBES[name]
    else:
        conditions = measure.conditions
        task, how = measure.title, f"{measure.group}: {conditions['mode']}" if "mode" in conditions else measure.group
    return CardScore(
        task=task,
        probe=how,
        accuracy=measure.accuracy,
        interval=measure.interval,
        total=measure.total,
        baseline=baseline,
        remark="; ".join(measure.departures),
    )


def _baselines(path: Path) -> dict[str, float]:
    """What random weights scored, by the title of the measure; of a score file alone."""
    if not is_scores(path):
        return {}
    scores = read_scores(path)
    return {
        f"{scores.task} ({probe})": cell.accuracy
        for (probe, weights), cell in scores.cells.items()
        if weights == "random"
    }
