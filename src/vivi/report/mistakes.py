"""Test images that a probe on an encoder's features names wrongly, for the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from vivi.report.neighbours import Picture, picture
from vivi.report.score_table import PlacedFile
from vivi.report.scores import Confusion, ScoreFile

SHOWN = 12
"""Images shown for each encoder and task, of those in the score file."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A test image, and what it was taken for."""

    image: Picture
    predicted: str


@dataclass(frozen=True, slots=True)
class MistakeGallery:
    """What one encoder gets wrong on one task."""

    method: str
    probe: str
    wrong: int
    total: int
    """Test images named wrongly, and all."""
    rows: tuple[Wrong, ...]
    confused: tuple[Confusion, ...]
    """The most frequent pairs, first the most frequent one."""


def mistake_galleries(placed: Sequence[PlacedFile]) -> dict[str, tuple[MistakeGallery, ...]]:
    """The mistakes of every task, in the order given; score files that name none are left out."""
    tasks: dict[str, tuple[MistakeGallery, ...]] = {}
    for each in placed:
        if each.file.mistakes is not None and each.file.mistakes.shown:
            tasks[each.task] = (*tasks.get(each.task, ()), _gallery(each.file, method=each.method))
    return tasks


def _gallery(file: ScoreFile, *, method: str) -> MistakeGallery:
    found = file.mistakes
    assert found is not None
    rows = tuple(
        Wrong(picture(file.data, each.path, label=each.label, wanted=each.label), each.predicted)
        for each in found.shown[:SHOWN]
    )
    return MistakeGallery(method, found.probe, found.wrong, file.test, rows, found.confused)
