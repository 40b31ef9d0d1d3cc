"""Flowers102: the species of a flower."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.transfer.formats.image_list import keyed_images
from vivi.transfer.formats.matlab import read_mat, whole_numbers
from vivi.transfer.task import Examples, Parts, Sizes, Task


def read_flowers102(folder: Path) -> Parts:
    """The official parts trnid, valid and tstid of setid.mat; the classes of imagelabels.mat less 1.

    Raises:
        ViviError: a file is missing or damaged, or setid.mat names an image without a label.
    """
    labels_N = _numbers(folder / "imagelabels.mat", names=("labels",))[0] - 1
    sets = _numbers(folder / "setid.mat", names=("trnid", "valid", "tstid"))

    def part(numbers_M: NDArray[np.int64], split: str) -> Examples:
        if not len(numbers_M) or numbers_M.min() < 1 or numbers_M.max() > len(labels_N):
            raise ViviError(
                f"{folder / 'setid.mat'} must name images 1 to {len(labels_N)}, those with labels in imagelabels.mat: "
                "fetch both again"
            )
        keys = [f"image_{number:05d}.jpg" for number in numbers_M.tolist()]
        return keyed_images(folder / "jpg", keys, labels=labels_N[numbers_M - 1].tolist(), split=split)

    train, val, test = (part(*each) for each in zip(sets, ("train", "validation", "test"), strict=True))
    return Parts(train=train, val=val, test=test)


def _numbers(file: Path, *, names: tuple[str, ...]) -> list[NDArray[np.int64]]:
    arrays = read_mat(file, names=names)
    return [whole_numbers(array, file=file, name=name) for array, name in zip(arrays, names, strict=True)]


TASKS = (
    Task(
        name="oxford_flowers102",
        title="Flowers102",
        group="natural",
        classes=102,
        sizes=Sizes(train=1_020, val=1_020, test=6_149),
        read=read_flowers102,
        folder="flowers-102",
        files=("jpg/*.jpg", "imagelabels.mat", "setid.mat"),
        source="https://www.robots.ox.ac.uk/~vgg/data/flowers/102: 102flowers.tgz, imagelabels.mat and setid.mat",
        licence="none stated",
        gigabytes=0.35,
    ),
)
