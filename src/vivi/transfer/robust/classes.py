"""ImageNet-Vid-Robust's 30 classes as groups of ImageNet's 1000, and where a classifier has them among its outputs.

Two sources give the groups, either will do; where both are there they must agree:

- the benchmark's archive, by WordNet ids: misc/wnid_map.json {ImageNet's id: the class's id},
  misc/imagenet_class_index.json {number: [ImageNet's id, name]}, misc/imagenet_vid_class_index.json
  {class: [its id, name]};
- modestyachts/imagenet-testbed, by numbers: class_idx_map.json {number: class}, or rev_class_idx_map.json
  {class: [number, ...]}.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.core.files import read_json

T = TypeVar("T")
OUTPUTS = 1000
"""Classes of ImageNet (ILSVRC-2012); their numbers follow the order of their WordNet ids."""
PLACES = ("metadata", "misc", ".")
"""Folders below the benchmark's where its JSON files are looked for."""
_WORDNET = re.compile(r"n\d{8}")
_KNOWN = {0: "n01440764", 340: "n02391049", 404: "n02690373", 999: "n15075141"}
"""Tench, zebra, airliner, toilet tissue: a thousand ids that have these in their places are ImageNet's."""
_ARCHIVE = ("wnid_map.json", "imagenet_class_index.json", "imagenet_vid_class_index.json")


@dataclass(frozen=True, slots=True)
class Groups:
    """Which of the 1000 classes each class of the benchmark holds."""

    members: tuple[tuple[int, ...], ...]
    """By class, the numbers of its members among ImageNet's 1000; no number stands in two classes."""
    wordnet: dict[int, str]
    """The WordNet ids of the members by their numbers; empty where no file tells them."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a classifier has the members of each class."""

    of_class: tuple[tuple[int, ...], ...]
    """By class of the benchmark, columns of the classifier's output."""
    matched: str
    """How they were found, in words for results."""


def predicted_classes(scores_BC: NDArray[Any], columns: Columns) -> NDArray[np.int64]:
    """The class of each row: the group with the largest score in it; other columns do not count.

    The maximum within each group, then the first largest group (modestyachts/imagenet-testbed,
    imagenet_vid_robust.py). Logits and probabilities give the same.

    Args:
        scores_BC: of a classifier's C classes.
        columns: see `match_classes`.

    Returns:
        classes_B, int64.
    """
    best_BG = np.stack([scores_BC[:, list(each)].max(axis=1) for each in columns.of_class], axis=1)
    classes_B: NDArray[np.int64] = best_BG.argmax(axis=1)
    return classes_B


def match_classes(groups: Groups, *, classes: Sequence[str] | None, outputs: int, whose: str) -> Columns:
    """Find the members of the groups among a classifier's outputs.

    By WordNet ids where the classes are named by them. By number where the classes are named "0" to "999", or have no
    names and are 1000: then they are taken to be in ImageNet's order, as those of torchvision and timm are.

    Args:
        groups: the benchmark's.
        classes: names of the outputs, None where they have none.
        outputs: how many there are.
        whose: what to call the classifier in messages.

    Raises:
        ViviError: names of another kind, or another number of outputs, or ids that are missing.
    """
    if classes is not None and classes and all(map(_WORDNET.fullmatch, classes)):
        return _by_wordnet(groups, classes=classes, whose=whose)
    if classes is not None and sorted(classes) == sorted(map(str, range(OUTPUTS))):
        column = {int(name): at for at, name in enumerate(classes)}
        return Columns(_columns(groups, column), "by number: the classes are named 0 to 999")
    if classes is None and outputs == OUTPUTS:
        return Columns(groups.members, "by number: 1000 outputs without names, taken to be in ImageNet's order")
    named = "without names" if classes is None else f"({', '.join(map(repr, classes[:3]))}, ...)"
    raise ViviError(
        f"{whose} knows {outputs} classes {named}: ImageNet-Vid-Robust needs ImageNet's, named by WordNet id "
        "(n01440764, ...), numbered 0 to 999, or 1000 outputs in ImageNet's order"
    )


def _by_wordnet(groups: Groups, *, classes: Sequence[str], whose: str) -> Columns:
    column = {name: at for at, name in enumerate(classes)}
    if groups.wordnet:
        missing = [each for each in groups.wordnet.values() if each not in column]
        if missing:
            raise ViviError(
                f"{whose} lacks {len(missing)} of the {len(groups.wordnet)} classes that ImageNet-Vid-Robust needs "
                f"({', '.join(missing[:3])}, ...): train it on all classes of ImageNet"
            )
        found = {number: column[name] for number, name in groups.wordnet.items()}
        return Columns(_columns(groups, found), "by WordNet id")
    order = sorted(classes)
    if len(order) != OUTPUTS or any(order[number] != name for number, name in _KNOWN.items()):
        raise ViviError(
            f"{whose} knows {len(order)} classes by WordNet id that are not ImageNet's 1000: put the archive's "
            f"{' and '.join(_ARCHIVE)} into misc/, then only the classes of the benchmark are needed"
        )
    ranked = {number: column[name] for number, name in enumerate(order)}
    return Columns(_columns(groups, ranked), "by WordNet id: ImageNet's numbers follow their order")


def _columns(groups: Groups, column: dict[int, int]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(column[number] for number in members) for members in groups.members)


def find_file(root: Path, name: str) -> Path | None:
    """A file of the benchmark where the archive or the testbed has it; None if it is not there."""
    return next((root / place / name for place in PLACES if (root / place / name).is_file()), None)


def read_groups(root: Path) -> Groups:
    """Read the groups from the benchmark's folder.

    Raises:
        ViviError: no file has them, one is damaged, or two disagree.
    """
    found: dict[Path, dict[int, int]] = {}
    wordnet: dict[int, str] = {}
    archive = list(filter(None, (find_file(root, name) for name in _ARCHIVE)))
    if len(archive) == len(_ARCHIVE):
        found[archive[0]], wordnet = _checked(archive[0], lambda: _read_archive(*map(read_json, archive)))
    for name, read in (("class_idx_map.json", _forward), ("rev_class_idx_map.json", _inverse)):
        if path := find_file(root, name):
            found[path] = _checked(path, partial(read, path))
    if not found:
        raise ViviError(
            f"{root} does not tell which classes of ImageNet belong together: it needs misc/{', misc/'.join(_ARCHIVE)} "
            "of the benchmark's archive, or class_idx_map.json of modestyachts/imagenet-testbed"
        )
    (first, groups), *others = found.items()
    for other, them in others:
        if them != groups:
            raise ViviError(f"{first} and {other} disagree about the classes: fetch the benchmark again")
    return Groups(members=_members(first, groups), wordnet=wordnet)


def _read_archive(to_class: Any, imagenet: Any, of_video: Any) -> tuple[dict[int, int], dict[int, str]]:
    numbers = {str(record[0]): int(number) for number, record in imagenet.items()}
    classes = {str(record[0]): int(number) for number, record in of_video.items()}
    groups = {numbers[name]: classes[of] for name, of in to_class.items()}
    return groups, {numbers[name]: name for name in to_class}


def _forward(path: Path) -> dict[int, int]:
    return {int(number): int(of) for number, of in read_json(path).items()}


def _inverse(path: Path) -> dict[int, int]:
    pairs = [(int(number), int(of)) for of, numbers in read_json(path).items() for number in numbers]
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a class of ImageNet stands in two groups")
    return dict(pairs)


def _members(path: Path, class_of: dict[int, int]) -> tuple[tuple[int, ...], ...]:
    count = max(class_of.values(), default=-1) + 1
    members = tuple(tuple(sorted(number for number, of in class_of.items() if of == each)) for each in range(count))
    if not members or not all(members) or not all(0 <= number < OUTPUTS for number in class_of):
        raise ViviError(f"{path}: classes must be 0, 1, 2, ... with members from 0 to 999; fetch the benchmark again")
    return members


def _checked(path: Path, read: Callable[[], T]) -> T:
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ViviError(f"{path} is damaged ({type(error).__name__}: {error}): fetch the benchmark again") from error
