"""Results of any kind as measures: what was measured of one encoder, how often, and under which conditions."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import differences
from vivi.core.errors import ViviError
from vivi.core.files import TEMPORARY, read_json
from vivi.probe import clopper_pearson
from vivi.report.changes import Repeats, numbered
from vivi.report.results_files import (
    ROBUST_FORMAT,
    VTAB_FORMAT,
    RobustFile,
    VtabFile,
    format_of,
    read_robust,
    read_vtab,
)
from vivi.report.scores import FORMAT as SCORES_FORMAT
from vivi.report.scores import read_scores

Key = tuple[str, str]
"""The kind of result, and the name of the task."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One task, as one encoder did it."""

    title: str
    group: str
    """Of VTAB, or what kind of result it is."""
    repeats: Repeats
    total: int
    """Test images, or anchors."""
    counts: bool
    """Whether it may enter a mean of VTAB."""
    is_official: bool
    """Whether its examples and test images are those of the benchmark."""
    conditions: dict[str, Any]
    """What another measure must share to be compared with this one."""
    departures: tuple[str, ...]
    """In what it was not put as VTAB does; empty where that is no question."""
    seen: str
    """What the encoder makes of an image, in words; encoders may differ in it."""

    @property
    def accuracy(self) -> float:
        """The median of the repeats, in [0, 1]."""
        return statistics.median(self.repeats.values())

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper-Pearson, 95 %, of the median: what the number of test images leaves open."""
        return clopper_pearson(round(self.accuracy * self.total), total=self.total)


@dataclass(frozen=True, slots=True)
class Side:
    """All that is compared of one encoder."""

    path: Path
    encoder: str
    fingerprint: str
    measures: dict[Key, Measure]


def asked_differently(pairs: Sequence[tuple[Measure, Measure]]) -> list[str]:
    """In what the conditions of two measures differ, for each such thing a line with the tasks; empty if in nothing."""
    told: dict[str, list[str]] = {}
    for before, after in pairs:
        for line in differences(before.conditions, after.conditions):
            told.setdefault(line, []).append(before.title)
    return [line if len(titles) == len(pairs) > 1 else f"{', '.join(titles)}: {line}" for line, titles in told.items()]


def read_side(path: Path) -> Side:
    """Read results.json, a result of `vivi robust`, scores.json, or a folder with such files of one encoder.

    Raises:
        ViviError: no results, several encoders, one task twice, or a damaged file.
    """
    if not path.exists():
        raise ViviError(f"{path} does not exist: give results.json, scores.json, or a folder that holds some")
    readers = {VTAB_FORMAT: _vtab, ROBUST_FORMAT: _robust, SCORES_FORMAT: _scores}
    kinds = {file: kind for file in _files(path) if (kind := format_of(file)) in readers}
    if not kinds:
        judged = path if (path / "manifest.json").is_file() else path / "encoder"
        hint = f"; vivi evaluate {judged} --data IMAGES --out scores.json makes one" if judged.is_dir() else ""
        raise ViviError(f"{path} holds no results: it needs a file of the format {', '.join(sorted(readers))}{hint}")
    encoders: dict[tuple[str, str], Path] = {}
    measures: dict[Key, Measure] = {}
    for file, kind in kinds.items():
        encoder, fingerprint, found = readers[kind](file)
        encoders.setdefault((encoder, fingerprint), file)
        for key, measure in found:
            if key in measures:
                raise ViviError(f"{path} has two results of {measure.title}, the second in {file}: give one file")
            measures[key] = measure
    (encoder, fingerprint), *others = encoders
    if others:
        raise ViviError(
            f"{path} holds results of {len(encoders)} encoders ({encoder}, {others[0][0]}): give the file or folder of "
            f"one, for example {next(iter(encoders.values()))}"
        )
    return Side(path=path, encoder=encoder, fingerprint=fingerprint, measures=measures)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = {file for name in ("results.json", "*robust*.json", "*scores*.json") for file in path.rglob(name)}
    found |= set(path.glob("*.json"))
    return sorted(file for file in found if file.is_file() and not file.name.startswith(TEMPORARY))


def _vtab(path: Path) -> tuple[str, str, Iterator[tuple[Key, Measure]]]:
    file = read_vtab(path)
    return file.encoder, file.fingerprint, vtab_measures(file)


def vtab_measures(file: VtabFile) -> Iterator[tuple[Key, Measure]]:
    """Its tasks; repeats pair with those of a study of the same seed."""
    protocol = {name: value for name, value in file.protocol.items() if name != "seed"}
    seed = file.protocol.get("seed", 0)
    for task in file.tasks.values():
        measure = Measure(
            title=task.title,
            group=task.group,
            repeats={f"seed {seed}, repeat {number}": each for number, each in numbered(task.repeats).items()},
            total=task.total,
            counts=file.counts(task),
            is_official=task.is_official,
            departures=file.departures if file.is_finetuned else (),
            conditions={"mode": file.mode, "protocol": protocol, **task.conditions},
            seen="",
        )
        yield (VTAB_FORMAT, task.name), measure


def _robust(path: Path) -> tuple[str, str, Iterator[tuple[Key, Measure]]]:
    file = read_robust(path)
    return file.encoder, file.fingerprint, _anchors(file)


def _anchors(file: RobustFile) -> Iterator[tuple[Key, Measure]]:
    for name, share in (("pm-0", file.pm0), ("pm-10", file.pm10)):
        measure = Measure(
            title=f"ImageNet-Vid-Robust, {name}",
            group="robustness",
            repeats=numbered([share.accuracy]),
            total=share.total,
            counts=False,
            is_official=file.is_official,
            departures=(),
            conditions={"benchmark": file.benchmark, "unanswered frames": file.unanswered},
            seen=file.preprocessing,
        )
        yield (ROBUST_FORMAT, name), measure


def _scores(path: Path) -> tuple[str, str, Iterator[tuple[Key, Measure]]]:
    file = read_scores(path)
    return file.encoder, file.fingerprint, _probes(path)


def _probes(path: Path) -> Iterator[tuple[Key, Measure]]:
    """The trained encoder under each probe; repeats are the seeds."""
    file, record = read_scores(path), read_json(path)
    results = [each for each in record["results"] if each["weights"] == "trained"]
    for probe in dict.fromkeys(each["probe"] for each in results):
        found = [each for each in results if each["probe"] == probe]
        yield (
            (SCORES_FORMAT, f"{file.task} ({probe})"),
            Measure(
                title=f"{file.task} ({probe})",
                group="quick evaluation",
                repeats={f"seed {each['details'].get('seed', '')}": each["correct"] / each["total"] for each in found},
                total=int(found[0]["total"]),
                counts=False,
                is_official=False,
                departures=(),
                conditions={
                    "classes": record["data"]["classes"],
                    "training images": file.train,
                    "test images": file.test,
                    "split": file.split,
                    "probe": list(file.probe_settings[probe]),
                },
                seen=file.preprocessing,
            ),
        )
