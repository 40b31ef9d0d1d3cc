"""Found shot boundaries against true ones: precision, recall, F1."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoundaryScore:
    """Counts of one or several videos; add them with `+` to pool videos."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    @property
    def precision(self) -> float:
        """Share of the found boundaries that are true; 1 if none is found."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the true boundaries that are found; 1 if there is none."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 if there is nothing to find and nothing is found."""
        return _share(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)

    def __add__(self, other: "BoundaryScore") -> "BoundaryScore":
        return BoundaryScore(
            true_positives=self.true_positives + other.true_positives,
            false_positives=self.false_positives + other.false_positives,
            false_negatives=self.false_negatives + other.false_negatives,
        )


def match_boundaries(detected: Sequence[int], true: Sequence[int], *, tolerance: int) -> BoundaryScore:
    """Match found boundaries to true ones, one to one, as many as possible.

    Args:
        detected: numbers of the frames that begin a shot, as found; in any order, repetitions count once.
        true: the same, as annotated.
        tolerance: how many frames a match may be apart.
    """
    found, wanted = sorted(set(detected)), sorted(set(true))
    matched = first = second = 0
    while first < len(found) and second < len(wanted):
        if abs(found[first] - wanted[second]) <= tolerance:
            matched, first, second = matched + 1, first + 1, second + 1
        elif found[first] < wanted[second]:
            first += 1
        else:
            second += 1
    return BoundaryScore(
        true_positives=matched, false_positives=len(found) - matched, false_negatives=len(wanted) - matched
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
