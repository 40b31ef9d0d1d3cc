"""SUN397: the kind of place in a photograph, in the parts that TFDS drew and published as three lists."""

from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.transfer.formats.image_list import inside, keyed_images, numbered_lines
from vivi.transfer.formats.tfds_pixels import read_as_stored, scaled
from vivi.transfer.task import Parts, Sizes, Task

LISTS = {"train": "sun397_tfds_tr.txt", "validation": "sun397_tfds_va.txt", "test": "sun397_tfds_te.txt"}
"""Split of TFDS -> its list."""
LEFT_OUT = frozenset({"/t/track/outdoor/sun_aophkoiosslinihb.jpg"})
"""Listed, but does not decode; newer TFDS leaves it out too. 66 480 training images stand before it."""
MOST_PIXELS = 120_000
"""Larger images are made smaller."""


def read_sun397(folder: Path) -> Parts:
    """The parts of the three lists, but for one image.

    The class of "/a/abbey/sun_x.jpg" is what stands before the last slash.

    Raises:
        ViviError: a list or an image is missing, or a line has another form.
    """
    keys = {split: _keys(folder / name) for split, name in LISTS.items()}
    classes = sorted({_class(key) for part in keys.values() for key in part})
    number = {name: label for label, name in enumerate(classes)}
    train, val, test = (
        keyed_images(folder, part, labels=(number[_class(key)] for key in part), split=split, read=read_as_tfds)
        for split, part in keys.items()
    )
    return Parts(train=train, val=val, test=test)


def _keys(file: Path) -> list[str]:
    found = []
    for where, line in numbered_lines(file):
        if not line.startswith("/") or line.count("/") < 3:
            raise ViviError(f"{where}: {line!r} is not like /a/abbey/sun_x.jpg: fetch the list again")
        inside(line[1:], where=where)
        if line not in LEFT_OUT:
            found.append(line)
    return found


def _class(key: str) -> str:
    return key.rpartition("/")[0]


def read_as_tfds(path: Path) -> NDArray[np.uint8]:
    """pixels_HWC of a file as TFDS stores them: at most 120 000 of them, and once more through JPEG.

    Source: tensorflow_datasets, sun397 builder, which gives OpenCV no quality.

    Raises:
        ImageError: the file gives no image.
    """
    return read_as_stored(path, process=made_smaller)


def made_smaller(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image of about `MOST_PIXELS` if it has more; bilinear.

    Raises:
        ValueError: it is so narrow that nothing would be left of it.
    """
    height, width, _ = pixels_HWC.shape
    if height * width <= MOST_PIXELS:
        return pixels_HWC
    return scaled(pixels_HWC, factor=sqrt(MOST_PIXELS / (height * width)))


TASKS = (
    Task(
        name="sun397",
        title="Sun397",
        group="natural",
        classes=397,
        sizes=Sizes(train=76_128, val=10_875, test=21_750, undecodable=len(LEFT_OUT)),
        read=read_sun397,
        folder="SUN397",
        files=("a/abbey/*.jpg", *LISTS.values()),
        source=(
            "https://vision.princeton.edu/projects/2010/SUN: SUN397.tar.gz; the three lists are in the package "
            "tensorflow-datasets, folder image_classification"
        ),
        licence="none stated",
        gigabytes=39.1,
    ),
)
