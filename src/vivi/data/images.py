"""Labelled images in folders: find them, name their classes, split them into train and test."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.core.seeds import rng
from vivi.data.image_file import has_image_ending, image_extensions, load_image, printable

__all__ = [
    "GivenSplit",
    "ImageFolder",
    "LabelledImage",
    "files_digest",
    "find_images",
    "given_split",
    "held_out",
    "load_image",
    "names_digest",
    "some_of_each_class",
]

_TEST_NAMES = ("test", "val", "validation")
TEST_SHARE = 0.25
"""Share of each class that a seeded split holds out."""


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image and what it shows."""

    path: str
    """Relative to the folder's root."""
    label: int
    """Position of its class in `ImageFolder.classes`."""


@dataclass(frozen=True, slots=True)
class GivenSplit:
    """Names of the folders that hold the two parts of a given split."""

    train: str
    test: str


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """Labelled images, split into train and test."""

    root: Path
    classes: tuple[str, ...]
    """Names of the training classes, sorted."""
    train: tuple[LabelledImage, ...]
    test: tuple[LabelledImage, ...]
    split: str
    """Where the split comes from, in words: "given: train, test" or "seeded 75/25, seed 0"."""
    unused: int
    """Images that lie in no class folder, or outside the two parts of a given split."""

    @classmethod
    def open(
        cls, path: Path, *, seed: int = 0, max_train: int | None = None, max_test: int | None = None
    ) -> "ImageFolder":
        """List the images of a folder with the layout SPLIT/CLASS/... or CLASS/...

        A folder that holds `train` and one of `test`, `val`, `validation` (the first there is, in any case) has a given
        split. Otherwise its folders are the classes, and a quarter of each class, at least one image where it has two,
        is held out by the seed. The label is the first folder below the split, however deep the image lies. Hidden
        names, other files and classes without an image are left out.

        Args:
            path: the folder.
            seed: decides the split where none is given, and which images stay under a cap.
            max_train: images of a class to keep for training at most; None for all.
            max_test: the same for testing.

        Raises:
            ViviError: no such folder, no images, a single class, a class that is only in the test part, a cap below 1.
        """
        for name, cap in (("max_train", max_train), ("max_test", max_test)):
            if cap is not None and cap < 1:
                raise ViviError(f"{name} is {cap}: it must be at least 1")
        if not path.is_dir():
            raise ViviError(f"{path} is not a folder: give one with a folder of images for each class")
        paths = find_images(path)
        given = given_split(path)
        if given is not None:
            train = _by_class(paths, below=f"{given.train}/")
            test = _by_class(paths, below=f"{given.test}/")
            split = f"given: {given.train}, {given.test}"
        else:
            train, test = _seeded_split(_by_class(paths, below=""), seed=seed)
            split = f"seeded {100 - round(100 * TEST_SHARE)}/{round(100 * TEST_SHARE)}, seed {seed}"
        classes = _agreed_classes(path, train=train, test=test)
        return cls(
            root=path,
            classes=classes,
            train=_listed(train, classes=classes, cap=max_train, seed=seed),
            test=_listed(test, classes=classes, cap=max_test, seed=seed),
            split=split,
            unused=len(paths) - sum(len(each) for part in (train, test) for each in part.values()),
        )


def find_images(folder: Path) -> list[str]:
    """Paths of all image files below `folder`, relative to it, sorted. Hidden names are left out, links followed.

    Raises:
        ViviError: a folder cannot be listed.
    """
    return sorted(_images_below(folder, prefix="", above=()))


def _images_below(folder: Path, *, prefix: str, above: tuple[Path, ...]) -> Iterator[str]:
    """Plain strings: with a million files, making a path of each would take longer than listing them."""
    real = folder.resolve()
    if real in above:  # a link that leads back
        return
    try:
        entries = [(entry.name, entry.is_dir()) for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise ViviError(f"cannot list {folder}: {error.strerror}; mend it or move it elsewhere") from error
    for name, is_folder in entries:
        if is_folder:
            yield from _images_below(folder / name, prefix=f"{prefix}{name}/", above=(*above, real))
        elif has_image_ending(name):
            yield prefix + name


def given_split(folder: Path) -> GivenSplit | None:
    """The split that a folder's own folders make, as `ImageFolder.open` describes it; None without one."""
    below = {each.name.lower(): each.name for each in sorted(folder.iterdir()) if each.is_dir()}
    test = next((below[name] for name in _TEST_NAMES if name in below), None)
    return None if test is None or "train" not in below else GivenSplit(below["train"], test)


def files_digest(root: Path, marked: Iterable[tuple[str, str]]) -> str:
    """Twelve hexadecimal digits that change with the set of files, their marks and their sizes.

    Args:
        root: what the paths are relative to.
        marked: path and mark of each file, in any order.

    Raises:
        ViviError: a file has gone.
    """
    digest = hashlib.sha256()
    for path, mark in sorted(marked):
        try:
            size = os.stat(f"{root}/{path}").st_size  # noqa: PTH116 (a million of them)
        except OSError as error:
            raise ViviError(f"{printable(f'{root}/{path}')}: {error.strerror}; repair or remove it") from error
        digest.update(os.fsencode(f"{path}\0{mark}\0{size}\0"))
    return digest.hexdigest()[:12]


def names_digest(marked: Iterable[tuple[str, str]]) -> str:
    """Twelve hexadecimal digits that change with the set of files and their marks, not with what is in a file.

    So a run goes on when a damaged image was repaired.

    Args:
        marked: path and mark of each file, in any order.
    """
    digest = hashlib.sha256()
    for path, mark in sorted(marked):
        digest.update(os.fsencode(f"{path}\0{mark}\0"))
    return digest.hexdigest()[:12]


def some_of_each_class(
    images: Sequence[LabelledImage], *, count: int, seed: int, purpose: str
) -> tuple[LabelledImage, ...]:
    """`count` seeded images of each class, or all where it has fewer, in their order; fewer are a subset of more."""
    members: dict[int, list[int]] = {}
    for at, image in enumerate(images):
        members.setdefault(image.label, []).append(at)
    kept: list[int] = []
    for label, places in members.items():
        order = rng(seed, step=0, purpose=purpose, sample=label).permutation(len(places))
        kept += [places[at] for at in order[:count].tolist()]
    return tuple(images[at] for at in sorted(kept))


def held_out(labels_N: NDArray[np.int64], *, share: float, seed: int, purpose: str) -> NDArray[np.bool_]:
    """Mark a seeded share of each class: at least one example of a class that has two, never a whole class."""
    held_N = np.zeros(len(labels_N), dtype=np.bool_)
    for label in np.unique(labels_N):
        members = np.flatnonzero(labels_N == label)
        count = min(max(1, round(share * len(members))), len(members) - 1)
        order = rng(seed, step=0, purpose=purpose, sample=int(label)).permutation(members)
        held_N[order[:count]] = True
    return held_N


def _by_class(paths: list[str], *, below: str) -> dict[str, list[str]]:
    """The paths that start with `below` and a class folder, by class."""
    classes: dict[str, list[str]] = {}
    for path in paths:
        name, slash, _ = path.removeprefix(below).partition("/")
        if path.startswith(below) and slash:
            classes.setdefault(name, []).append(path)
    return dict(sorted(classes.items()))


def _seeded_split(found: dict[str, list[str]], *, seed: int) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    paths = [path for members in found.values() for path in members]
    labels_N = np.repeat(np.arange(len(found)), [len(members) for members in found.values()]).astype(np.int64)
    names = list(found)
    parts: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    held_N = held_out(labels_N, share=TEST_SHARE, seed=seed, purpose="test split")
    for path, label, held in zip(paths, labels_N.tolist(), held_N.tolist(), strict=True):
        parts[int(held)].setdefault(names[label], []).append(path)
    return parts


def _agreed_classes(root: Path, *, train: dict[str, list[str]], test: dict[str, list[str]]) -> tuple[str, ...]:
    if not train and not test:
        raise ViviError(
            f"{root} holds no images in class folders: put them into CLASS/ or into train/CLASS/ and test/CLASS/, "
            f"with names that end in one of {' '.join(sorted(image_extensions()))}"
        )
    if foreign := sorted(set(test) - set(train)):
        raise ViviError(
            f"{root}: class {foreign[0]!r} has test images but no training images: add some or remove the class"
        )
    if len(train) < 2:
        only = next(iter(train))
        nested = (root / only).is_dir() and any(each.is_dir() for each in (root / only).iterdir())
        hint = f"; if the folders inside {only!r} are the classes, give {root / only} instead" if nested else ""
        raise ViviError(f"{root} holds a single class, {only!r}: at least two class folders are needed{hint}")
    if not test:
        raise ViviError(f"{root}: no image is left to test on: a class needs at least two images")
    return tuple(sorted(train))


def _listed(
    part: dict[str, list[str]], *, classes: tuple[str, ...], cap: int | None, seed: int
) -> tuple[LabelledImage, ...]:
    listed = tuple(
        LabelledImage(path=path, label=label) for label, name in enumerate(classes) for path in part.get(name, [])
    )
    return listed if cap is None else some_of_each_class(listed, count=cap, seed=seed, purpose="images of a class")
