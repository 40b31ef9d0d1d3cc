"""Score files as the report sees them: what one encoder was asked on one labelled folder, and what it scored."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.errors import ViviError
from vivi.core.files import read_json

FORMAT, VERSION = "vivi-scores", 1
_LARGEST = 16 << 20
"""Bytes of the largest file that is looked into without having been named."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One measured accuracy with its 95 % interval."""

    correct: int
    total: int
    low: float
    high: float

    @property
    def accuracy(self) -> float:
        """Share of right answers, in [0, 1]."""
        return self.correct / self.total

    def above(self, other: "Cell") -> bool:
        """Whether this interval lies wholly above the other's."""
        return self.low > other.high


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A test image and the training images nearest to it: paths relative to the data folder."""

    query: str
    label: str
    nearest: tuple[str, ...]
    nearest_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test image, its class and the one it was taken for; the path is relative to the data folder."""

    path: str
    label: str
    predicted: str


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often images of one class were taken for another."""

    label: str
    predicted: str
    count: int


@dataclass(frozen=True, slots=True)
class Mistakes:
    """What one probe of the trained encoder got wrong."""

    probe: str
    wrong: int
    shown: tuple[Mistake, ...]
    """Some of them, drawn by chance."""
    confused: tuple[Confusion, ...]
    """The most frequent pairs, most frequent first."""


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """One encoder on one labelled folder."""

    path: Path
    encoder: str
    encoder_path: str
    fingerprint: str
    """Of the encoder's weights."""
    task: str
    data: Path
    classes: int
    guessing: dict[str, float]
    """By probe, what always giving the same answer gives: the most frequent class; for top-5, the five of them."""
    train: int
    test: int
    split: str
    seed: str
    """Of the split, the caps and the choice of C; empty in a file that does not say."""
    preprocessing: str
    """How images became inputs; empty in a file that does not say."""
    skipped: int
    """Files that gave no image."""
    cells: dict[tuple[str, str], Cell]
    """By (probe, weights); of several seeds the first."""
    probe_settings: dict[str, tuple[str, ...]]
    """By probe, in words, what else it was told: neighbours, preprocessing; each may be empty."""
    more_seeds: int
    """Results of further seeds, which stand in the file and not in the table."""
    remarks: tuple[str, ...]
    """Why a score that could be expected is not there."""
    neighbours: tuple[Neighbours, ...]
    mistakes: Mistakes | None
    """None in a file that does not say."""

    @property
    def settings(self) -> tuple[str, ...]:
        """How the task was put, in words: two evaluations with other words here are not one measurement."""
        images = f"{self.train} training and {self.test} test images"
        return images, f"{self.classes} classes", self.split, f"seed {self.seed}", self.preprocessing


def is_scores(path: Path) -> bool:
    """Whether a file says of itself that it holds scores; a file that is too large or no JSON says nothing."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return False
        text = path.read_bytes()
        record = json.loads(text) if FORMAT.encode() in text else None
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.get("format") == FORMAT


def read_scores(path: Path) -> ScoreFile:
    """Read one scores.json.

    Raises:
        ViviError: missing, not a score file, of another version, or with values that cannot be.
    """
    record = read_json(path)
    if not isinstance(record, dict) or (record.get("format"), record.get("version")) != (FORMAT, VERSION):
        raise ViviError(f"{path} is not a score file of this version of vivi: make it with `vivi evaluate ... --out`")
    try:
        return _parse(path, record)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ViviError(f"{path} is damaged ({type(error).__name__}: {error}): run `vivi evaluate` again") from error


def _parse(path: Path, record: dict[str, Any]) -> ScoreFile:
    data, encoder, results = record["data"], record["encoder"], record["results"]
    most_frequent = max(float(data["majority"]), 1 / len(data["classes"]))
    cells: dict[tuple[str, str], Cell] = {}
    guessing: dict[str, float] = {}
    probe_settings: dict[str, tuple[str, ...]] = {}
    for each in results:
        probe, details = str(each["probe"]), dict(each["details"])
        cells.setdefault((probe, str(each["weights"])), _cell(each))
        guessing.setdefault(probe, float(details.get("guessing", most_frequent)))
        probe_settings.setdefault(probe, _probe_settings(details))
    return ScoreFile(
        path=path,
        encoder=str(encoder["name"]),
        encoder_path=str(encoder["path"]),
        fingerprint=str(encoder.get("fingerprint", "")),
        task=str(results[0]["task"]),
        data=Path(data["path"]),
        classes=len(data["classes"]),
        guessing=guessing,
        train=int(data["train"]),
        test=int(data["test"]),
        split=str(data["split"]),
        seed=str(results[0]["details"].get("seed", "")),
        preprocessing=str(encoder.get("preprocessing", "")),
        skipped=len(record["skipped"]),
        cells=cells,
        probe_settings=probe_settings,
        more_seeds=len(results) - len(cells),
        remarks=tuple(map(str, record.get("remarks", ()))),
        neighbours=tuple(_neighbours(each) for each in record["neighbours"]),
        mistakes=_mistakes(record["mistakes"]) if record.get("mistakes") else None,
    )


def _probe_settings(details: dict[str, Any]) -> tuple[str, ...]:
    neighbours = f"{details['k']} neighbours" if "k" in details else ""
    return neighbours, str(details.get("preprocessing", ""))


def _neighbours(record: dict[str, Any]) -> Neighbours:
    return Neighbours(
        query=str(record["query"]),
        label=str(record["class"]),
        nearest=tuple(map(str, record["nearest"])),
        nearest_labels=tuple(map(str, record["nearest_classes"])),
    )


def _mistakes(record: dict[str, Any]) -> Mistakes:
    return Mistakes(
        probe=str(record["probe"]),
        wrong=int(record["wrong"]),
        shown=tuple(
            Mistake(str(each["path"]), label=str(each["class"]), predicted=str(each["predicted"]))
            for each in record["shown"]
        ),
        confused=tuple(
            Confusion(str(each["class"]), predicted=str(each["predicted"]), count=int(each["count"]))
            for each in record["confused"]
        ),
    )


def _cell(result: dict[str, Any]) -> Cell:
    low, high = result["interval"]
    cell = Cell(correct=int(result["correct"]), total=int(result["total"]), low=float(low), high=float(high))
    if not (0 <= cell.correct <= cell.total and cell.total > 0 and 0 <= cell.low <= cell.accuracy <= cell.high <= 1):
        raise ValueError(f"{cell} cannot be")
    return cell
