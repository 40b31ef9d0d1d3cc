"""ImageNet-Vid-Robust: its files, and how predictions on its frames are scored.

The benchmark (Shankar et al., Do Image Classifiers Generalize Across Time?) has 1109 anchor frames of as many videos,
and for each of them up to 20 neighbouring frames. Its archive (modestyachts/imagenet-vid-robust-example) holds

metadata/pmsets.json    {anchor: [neighbour, ...]}, paths such as "val/ILSVRC2015_val_00000000/000000.JPEG"
metadata/labels.json    {frame: [class, ...]}, 0 to 29; a frame that shows several things has several classes
misc/                   which of ImageNet's 1000 classes belong to which of the 30, see `vivi.transfer.robust.classes`
val/                    the frames
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vivi.core.errors import ViviError
from vivi.core.files import read_json
from vivi.probe import clopper_pearson
from vivi.transfer.robust.classes import PLACES, Groups, find_file, read_groups

ANCHORS, FRAMES = 1109, 22_179
"""Of the whole benchmark; counted in modestyachts/imagenet-testbed, imagenet-vid-robust_metadata."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is asked: anchors with their neighbours, the right answers, and what the answers mean."""

    root: Path
    neighbours: dict[str, tuple[str, ...]]
    """By anchor; may be empty."""
    labels: dict[str, frozenset[int]]
    """By frame, every class that is a right answer."""
    groups: Groups
    fingerprint: str
    """Twelve hexadecimal digits that change with anchors, neighbours, labels or groups."""

    @property
    def frames(self) -> list[str]:
        """Every anchor and neighbour once, in the order of their paths."""
        return sorted({*self.neighbours, *(frame for each in self.neighbours.values() for frame in each)})

    @property
    def is_whole(self) -> bool:
        """Whether it has as many anchors, frames and classes as the published benchmark."""
        return (len(self.neighbours), len(self.frames), len(self.groups.members)) == (ANCHORS, FRAMES, 30)


@dataclass(frozen=True, slots=True)
class Share:
    """How many anchors of all were answered rightly."""

    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """In [0, 1]."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper-Pearson, 95 %, as in the paper's Table 3."""
        return clopper_pearson(self.correct, total=self.total)

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        low, high = self.interval
        return {"correct": self.correct, "total": self.total, "accuracy": self.accuracy, "interval": [low, high]}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What predictions are worth (paper, Table 3)."""

    pm0: Share
    """Anchors that were answered rightly."""
    pm10: Share
    """Anchors that were answered rightly and so was each neighbour, every frame held against its own labels."""
    unanswered_anchors: int
    """Anchors without a prediction: wrong in both."""
    unanswered_sets: int
    """Anchors that have no prediction, or a neighbour without one: wrong in `pm10`."""

    @property
    def delta(self) -> float:
        """The drop of accuracy, in [0, 1]; the lower, the more robust."""
        return self.pm0.accuracy - self.pm10.accuracy


def read_benchmark(root: Path) -> Benchmark:
    """Read and check the benchmark's files; frames are not looked for.

    Raises:
        ViviError: a file is missing, damaged, or does not fit the others; the text names it and the record.
    """
    places = {name: _found(root, name) for name in ("pmsets.json", "labels.json")}
    groups = read_groups(root)
    neighbours = dict(_neighbours(places["pmsets.json"]))
    if not neighbours:
        raise ViviError(f"{places['pmsets.json']} names no anchor: fetch the benchmark again")
    labels = dict(_labels(places["labels.json"], classes=len(groups.members)))
    for frame in (each for anchor, near in neighbours.items() for each in (anchor, *near)):
        if frame not in labels:
            raise ViviError(f"{places['labels.json']} has no labels for {frame!r}: fetch the benchmark again")
    asked = [sorted(neighbours.items()), sorted((name, sorted(each)) for name, each in labels.items()), groups.members]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
    return Benchmark(root=root, neighbours=neighbours, labels=labels, groups=groups, fingerprint=digest)


def score(benchmark: Benchmark, predictions: Mapping[str, int]) -> Outcome:
    """Score the predicted class of each frame; a frame without a prediction is wrong.

    A prediction is right if it is among the frame's own labels, and an anchor without neighbours counts in `pm10` by
    itself (modestyachts/imagenet-vid-robust-example, score_predictions.py).
    """
    right = {frame: predictions.get(frame) in benchmark.labels[frame] for frame in benchmark.frames}
    sets = [(anchor, *near) for anchor, near in benchmark.neighbours.items()]
    return Outcome(
        pm0=Share(sum(right[frames[0]] for frames in sets), len(sets)),
        pm10=Share(sum(all(right[frame] for frame in frames) for frames in sets), len(sets)),
        unanswered_anchors=sum(frames[0] not in predictions for frames in sets),
        unanswered_sets=sum(any(frame not in predictions for frame in frames) for frames in sets),
    )


def _found(root: Path, name: str) -> Path:
    path = find_file(root, name)
    if path is not None:
        return path
    inner = next((each.parent.parent for each in sorted(root.glob(f"*/metadata/{name}"))), None)
    hint = f"did you mean {inner}?" if inner else "give the folder imagenet-vid-robust of the benchmark's archive"
    raise ViviError(f"{root} has no {PLACES[0]}/{name}: {hint}")


def _neighbours(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for anchor, near in _records(path):
        if not all(isinstance(each, str) for each in near):
            raise ViviError(f"{path}, {anchor!r}: neighbours are a list of paths; fetch the benchmark again")
        for frame in (anchor, *near):
            parts = PurePosixPath(frame).parts
            if not parts or parts[0] == "/" or ".." in parts:
                raise ViviError(f"{path}, {anchor!r}: {frame!r} is no path within the benchmark's folder")
        yield anchor, tuple(near)


def _labels(path: Path, *, classes: int) -> Iterator[tuple[str, frozenset[int]]]:
    for frame, labels in _records(path):
        if not labels or not all(type(each) is int and 0 <= each < classes for each in labels):
            raise ViviError(f"{path}, {frame!r}: labels are a list of numbers from 0 to {classes - 1}, got {labels!r}")
        yield frame, frozenset(labels)


def _records(path: Path) -> Iterator[tuple[str, list[Any]]]:
    record = read_json(path)
    if not isinstance(record, dict):
        raise ViviError(f"{path} is not a JSON object: fetch the benchmark again")
    for key, value in record.items():
        if not isinstance(value, list):
            raise ViviError(f"{path}, {key!r}: expected a list, got {value!r}; fetch the benchmark again")
        yield key, value
