"""What one evaluation found, and how it is written to scores.json."""

from dataclasses import asdict, dataclass
from typing import Any

FORMAT, VERSION = "vivi-scores", 1


@dataclass(frozen=True, slots=True)
class Score:
    """How many test images one probe on one set of weights named rightly."""

    task: str
    probe: str
    """"knn" or "logistic"; "top-1" or "top-5" of the encoder's own classifier."""
    weights: str
    """"trained" or "random"."""
    correct: int
    total: int
    accuracy: float
    interval: tuple[float, float]
    """Clopper-Pearson, 95 %: the uncertainty that comes from the number of test images alone."""
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scores:
    """All that one evaluation found; `as_json` is what stands in scores.json."""

    encoder: dict[str, Any]
    data: dict[str, Any]
    results: tuple[Score, ...]
    neighbours: tuple[dict[str, Any], ...]
    """Some seeded test images with the training images nearest to them under the trained weights."""
    mistakes: dict[str, Any]
    """What logistic regression on the trained weights gets wrong: how many, some of them, the most confused classes."""
    skipped: tuple[dict[str, str], ...]
    """Path and reason of every file that gave no image."""
    remarks: tuple[str, ...]
    """Why a score that could be expected is not given."""
    timing: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """JSON values, with the name and version of the format."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}
