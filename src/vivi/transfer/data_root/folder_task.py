"""Any folder of labelled images as a task, with splits made by VTAB's rule. It is never called VTAB."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from vivi.core.errors import ViviError
from vivi.data.image_file import read_image
from vivi.data.images import ImageFolder, LabelledImage
from vivi.transfer.formats.image_list import keyed_images
from vivi.transfer.subset import THOUSAND, cut, vtab_splits
from vivi.transfer.task import Examples, OpenedTask, Parts, Sizes, Task


def open_folder_task(path: Path, *, seed: int = 0) -> OpenedTask:
    """Read a folder CLASS/IMAGE, or train/CLASS/IMAGE and test/CLASS/IMAGE, as a task of the group "other".

    Its training part is put in the order of the md5 of "train" and the path, as TFDS would, and cut 80/20: the first
    800 and 200 of these are what `train800` and `val200` hold, or all where there are fewer. The test part is whole.
    Images are turned upright, as `vivi evaluate` sees them.

    Args:
        path: the folder.
        seed: decides the test part where the folder has none.

    Raises:
        ViviError: no such folder, or too few images to learn from, select on and test on.
    """
    folder = ImageFolder.open(path, seed=seed)
    train, val = cut(_ordered(folder, folder.train, split="train"), shares=(Fraction(4, 5), Fraction(1, 5)))
    if not len(val):
        raise ViviError(
            f"{path} has {len(folder.train)} images to learn from: at least 3 are needed, more than 1000 usual"
        )
    parts = Parts(train=train, val=val, test=_ordered(folder, folder.test, split="test"))
    return OpenedTask(
        task=_described(path, folder, parts),
        splits=vtab_splits(parts),
        origin=f"folder of images, split {folder.split}",
        is_official=False,
        remarks=_remarks(folder, parts),
    )


def _ordered(folder: ImageFolder, images: tuple[LabelledImage, ...], *, split: str) -> Examples:
    keys, labels = [image.path for image in images], [image.label for image in images]
    return keyed_images(folder.root, keys, labels=labels, split=split, read=read_image)


def _described(path: Path, folder: ImageFolder, parts: Parts) -> Task:
    name = path.resolve().name
    return Task(
        name=f"folder-{name}",
        title=f"{name} (folder)",
        group="other",
        classes=len(folder.classes),
        sizes=Sizes(train=len(parts.train), val=len(parts.val), test=len(parts.test)),
        read=lambda _: parts,
        folder=str(path),
        files=("*",),
        source="a folder of images",
        licence="unknown",
        gigabytes=0.0,
    )


def _remarks(folder: ImageFolder, parts: Parts) -> tuple[str, ...]:
    thousand = vtab_splits(parts)["train800val200"]
    unseen = len(folder.classes) - len(np.unique(thousand.labels_N))
    found = ["not a task of VTAB"]
    if len(thousand) < THOUSAND:
        found.append(f"{len(thousand)} images to learn from, fewer than {THOUSAND}")
    if unseen:
        found.append(f"{unseen} of {len(folder.classes)} classes have no image among those to learn from")
    if folder.unused:
        found.append(f"{folder.unused} images lie outside the class folders and are not used")
    return tuple(found)
