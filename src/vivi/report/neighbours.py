"""Nearest training images of some test images, for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.data.images import load_image
from vivi.report.score_table import PlacedFile
from vivi.report.scores import Neighbours, ScoreFile
from vivi.report.thumbnails import data_uri

QUERIES = 4
"""Test images shown for each encoder and task, of those in the score file."""
_SIDE = 56


@dataclass(frozen=True, slots=True)
class Picture:
    """A thumbnail; without an address where the image could not be read."""

    address: str | None
    path: str
    label: str
    same: bool
    """Whether the class is that of the query."""


@dataclass(frozen=True, slots=True)
class Found:
    """A test image and its nearest training images, nearest first."""

    query: Picture
    nearest: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Gallery:
    """What one encoder finds near some test images of one task."""

    method: str
    rows: tuple[Found, ...]
    right: int
    """Of all neighbours in the score file, how many have the class of their query."""
    total: int


def galleries(placed: Sequence[PlacedFile]) -> dict[str, tuple[Gallery, ...]]:
    """The galleries of every task, in the order given; score files without neighbours are left out."""
    tasks: dict[str, tuple[Gallery, ...]] = {}
    for each in placed:
        if each.file.neighbours:
            tasks[each.task] = (*tasks.get(each.task, ()), _gallery(each.file, method=each.method))
    return tasks


def _gallery(file: ScoreFile, *, method: str) -> Gallery:
    same = [label == each.label for each in file.neighbours for label in each.nearest_labels]
    rows = tuple(_found(file.data, each) for each in file.neighbours[:QUERIES])
    return Gallery(method=method, rows=rows, right=sum(same), total=len(same))


def _found(data: Path, neighbours: Neighbours) -> Found:
    labelled = zip(neighbours.nearest, neighbours.nearest_labels, strict=True)
    nearest = tuple(picture(data, path, label=label, wanted=neighbours.label) for path, label in labelled)
    query = picture(data, neighbours.query, label=neighbours.label, wanted=neighbours.label)
    return Found(query=query, nearest=nearest)


def picture(data: Path, path: str, *, label: str, wanted: str) -> Picture:
    """The thumbnail of an image below `data`; a path that leads elsewhere is not followed."""
    whole = (data / path).resolve()
    try:
        inside = whole.is_relative_to(data.resolve())
        address = data_uri(load_image(whole, _SIDE).transpose(1, 2, 0), quality=80) if inside else None
    except ViviError:
        address = None
    return Picture(address=address, path=path, label=label, same=label == wanted)
