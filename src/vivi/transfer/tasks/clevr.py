"""CLEVR: how many objects a rendered scene holds, and how far away the nearest of them is."""

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from vivi.core.errors import ViviError
from vivi.transfer.formats.image_list import inside, keyed_images
from vivi.transfer.subset import cut
from vivi.transfer.task import Examples, Parts, Sizes, Task
from vivi.transfer.tasks.buckets import bucket

FEWEST, MOST = 3, 10
"""Objects of a scene."""
EDGES = (0.0, 8.0, 8.5, 9.0, 9.5, 10.0, 100.0)
"""Of the classes of distance: (0, 8], (8, 8.5] and so on."""
SOURCE = "https://cs.stanford.edu/people/jcjohns/clevr: CLEVR_v1.0.zip"


def count_label(count: int) -> int:
    """The class of a number of objects.

    Raises:
        ValueError: no scene of CLEVR has so many.
    """
    if not FEWEST <= count <= MOST:
        raise ValueError(f"{count} objects, not {FEWEST} to {MOST}")
    return count - FEWEST


def distance_label(depths: list[float]) -> int:
    """The class of the distances of all objects: that of the nearest.

    Raises:
        ValueError: there is no object, or none at a distance that CLEVR has.
    """
    if not depths:
        raise ValueError("no objects")
    if not all(map(math.isfinite, depths)):
        raise ValueError("an object at a distance that is no number")
    label = int(bucket(min(depths), edges=EDGES))
    if not 0 <= label < len(EDGES) - 1:
        raise ValueError(f"the nearest object is {min(depths)} away, not above {EDGES[0]} and up to {EDGES[-1]}")
    return label


def read_clevr_count(folder: Path) -> Parts:
    """Scenes by their number of objects, see `read_scenes`."""
    return read_scenes(folder, label=lambda objects: count_label(len(objects)))


def read_clevr_dist(folder: Path) -> Parts:
    """Scenes by the distance of the nearest object, see `read_scenes`."""
    return read_scenes(
        folder, label=lambda objects: distance_label([float(each["pixel_coords"][2]) for each in objects])
    )


def read_scenes(folder: Path, *, label: Callable[[list[Any]], int]) -> Parts:
    """The official training scenes cut 90/10, and the official validation scenes as test: test scenes have no labels.

    Args:
        folder: CLEVR_v1.0.
        label: the objects of a scene -> its class; raises ValueError where they are not what they should be.

    Raises:
        ViviError: a file is missing, damaged, or has a scene of another form.
    """
    train, val = cut(_scenes(folder, "train", split="train", label=label), shares=(Fraction(9, 10), Fraction(1, 10)))
    return Parts(train=train, val=val, test=_scenes(folder, "val", split="validation", label=label))


def _scenes(folder: Path, part: str, *, split: str, label: Callable[[list[Any]], int]) -> Examples:
    file = folder / "scenes" / f"CLEVR_{part}_scenes.json"
    names, labels = [], []
    for number, scene in enumerate(_read(file)):
        try:
            name = str(scene["image_filename"])
            labels.append(label(scene["objects"]))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise ViviError(f"{file}, scene {number}: {reason}; fetch this file again") from error
        names.append(inside(name, where=f"{file}, scene {number}"))
    return keyed_images(folder / "images" / part, names, labels=labels, split=split)


def _read(file: Path) -> list[Any]:
    """The scenes of a file."""
    try:
        found = json.loads(file.read_bytes(), object_hook=_needed)
    except OSError as error:
        raise ViviError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ViviError(f"{file} is damaged or cut off ({error}): fetch it again") from error
    scenes = found.get("scenes") if isinstance(found, dict) else None
    if not isinstance(scenes, list) or not scenes:
        raise ViviError(f"{file} has no list of scenes: it is another file, fetch it again")
    return scenes


def _needed(part: dict[str, Any]) -> dict[str, Any]:
    """What is looked at: the files are large, and more than half of them are relations between objects."""
    return {name: part[name] for name in ("scenes", "image_filename", "objects", "pixel_coords") if name in part}


TASKS = tuple(
    Task(
        name=name,
        title=title,
        group="structured",
        classes=classes,
        sizes=Sizes(train=63_000, val=7_000, test=15_000),
        read=read,
        folder="CLEVR_v1.0",
        files=(
            "images/train/*.png",
            "images/val/*.png",
            "scenes/CLEVR_train_scenes.json",
            "scenes/CLEVR_val_scenes.json",
        ),
        source=SOURCE,
        licence="CC BY 4.0",
        gigabytes=19.0,
    )
    for name, title, classes, read in (
        ("clevr_count", "Clevr count", MOST - FEWEST + 1, read_clevr_count),
        ("clevr_dist", "Clevr distance", len(EDGES) - 1, read_clevr_dist),
    )
)
