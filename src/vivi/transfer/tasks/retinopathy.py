"""Diabetic retinopathy: how far the disease has come, 0 to 4, in a photograph of the inside of an eye.

The photographs are brought to one size and brightness as the winner of the contest of 2015, B. Graham, did, and as the
configuration btgraham-300 of TFDS does (tensorflow_datasets image_classification/diabetic_retinopathy_detection.py).
"""

import csv
import io
import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.core.files import read_text
from vivi.transfer.formats.image_list import keyed_images
from vivi.transfer.formats.tfds_pixels import read_as_stored, scaled
from vivi.transfer.task import Examples, Parts, Sizes, Task

LEVELS = ("0", "1", "2", "3", "4")
PUBLIC, PRIVATE = "Public", "Private"
"""Rankings of the contest, which the test images belong to."""
_NAME = re.compile(r"\d+_(left|right)")
RADIUS = 300
"""Pixels of the radius of an eye after scaling."""
KEPT = 270
"""Pixels of the radius of the disc that is kept, 0.9 of the eye's."""
SIGMA = 10.0
"""Pixels of the blur that is subtracted, a thirtieth of the radius."""
CONTRAST, GREY = 4, 128
QUALITY = 72
"""Of the JPEG that TFDS stores."""


def btgraham(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photograph scaled to a fixed radius, its local mean taken away, cut to a disc on grey.

    Each channel is treated alike, so their order does not matter.

    Returns:
        uint8 pixels of the same channels, at most 540 x 540.

    Raises:
        ValueError: the eye seems so small or so large that the scaled image would be out of all proportion.
    """
    scaled_HWC = scaled(pixels_HWC, factor=RADIUS / eye_radius(pixels_HWC))
    blurred_HWC = cv2.GaussianBlur(scaled_HWC, (0, 0), SIGMA)
    contrasted_HWC = np.asarray(cv2.addWeighted(scaled_HWC, CONTRAST, blurred_HWC, -CONTRAST, GREY), np.uint8)
    height, width, _ = contrasted_HWC.shape
    across, down = width // 2, height // 2
    disc_HW = np.zeros((height, width), np.uint8)
    cv2.circle(disc_HW, center=(across, down), radius=KEPT, color=(1,), thickness=-1)
    cut_HWC = np.where(disc_HW[..., None] == 1, contrasted_HWC, np.uint8(GREY))
    return cut_HWC[max(down - KEPT, 0) : down + KEPT, max(across - KEPT, 0) : across + KEPT]


def eye_radius(pixels_HWC: NDArray[np.uint8]) -> float:
    """Half the number of pixels of the middle row that are brighter than a tenth of its mean.

    Half the height where there are none, as in an image that is all black.
    """
    brightness_W = pixels_HWC[len(pixels_HWC) // 2].sum(axis=1)
    radius = float((brightness_W > brightness_W.mean() / 10).sum()) / 2
    return radius if radius >= 1 else len(pixels_HWC) / 2


def read_as_tfds(path: Path) -> NDArray[np.uint8]:
    """pixels_HWC of a photograph as TFDS stores it: `btgraham`, then through JPEG.

    Raises:
        ImageError: the file gives no image.
    """
    return read_as_stored(path, process=btgraham, quality=QUALITY)


def read_retinopathy(folder: Path) -> Parts:
    """The official training images; of the official test images, those of the public and of the private ranking.

    Raises:
        ViviError: a table or an image is missing, or a table has a row of another form.
    """
    tested = _rows(folder / "retinopathy_solution.csv", columns=("image", "level", "Usage"))
    return Parts(
        train=_images(folder / "train", _rows(folder / "trainLabels.csv", columns=("image", "level")), split="train"),
        val=_images(folder / "test", [row for row in tested if row["Usage"] == PUBLIC], split="validation"),
        test=_images(folder / "test", [row for row in tested if row["Usage"] == PRIVATE], split="test"),
    )


def _images(folder: Path, rows: list[dict[str, str]], *, split: str) -> Examples:
    """The images of some rows in the order of TFDS, whose keys are such as "10_left"."""
    names = [row["image"] for row in rows]
    labels = (int(row["level"]) for row in rows)
    paths = [f"{name}.jpeg" for name in names]
    return keyed_images(folder, names, labels=labels, split=split, paths=paths, read=read_as_tfds)


def _rows(file: Path, *, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a table, checked."""
    table = csv.DictReader(io.StringIO(read_text(file), newline=""))
    rows: list[dict[str, str]] = []
    try:
        if not set(columns) <= set(table.fieldnames or ()):
            raise ValueError(f"the columns are not {', '.join(columns)}")
        for row in table:
            _check(row, columns=columns)
            rows.append(row)
    except (csv.Error, ValueError) as error:
        raise ViviError(f"{file}, line {table.line_num}: {error}; fetch this table again") from error
    if not rows:
        raise ViviError(f"{file} has no rows: fetch it again")
    return rows


def _check(row: dict[str, str], *, columns: tuple[str, ...]) -> None:
    """Raises ValueError where a row is not what it should be."""
    if any(not row[column] for column in columns):
        raise ValueError("a column is empty")
    if row["level"] not in LEVELS:
        raise ValueError(f"level {row['level']!r} is not one of {', '.join(LEVELS)}")
    if "Usage" in columns and row["Usage"] not in (PUBLIC, PRIVATE):
        raise ValueError(f"usage {row['Usage']!r} is not {PUBLIC} or {PRIVATE}")
    if not _NAME.fullmatch(row["image"]):
        raise ValueError(f"image {row['image']!r} is not like 10_left")


TASKS = (
    Task(
        name="diabetic_retinopathy",
        title="Diabetic Retinopathy",
        group="specialized",
        classes=len(LEVELS),
        sizes=Sizes(train=35_126, val=10_906, test=42_670),
        read=read_retinopathy,
        folder="diabetic_retinopathy",
        files=("train/*.jpeg", "test/*.jpeg", "trainLabels.csv", "retinopathy_solution.csv"),
        source=(
            "https://www.kaggle.com/c/diabetic-retinopathy-detection/data: train.zip.*, test.zip.*, trainLabels.csv, "
            "unpacked, and the retinopathy_solution.csv that was posted there after the contest"
        ),
        licence="the rules of the contest",
        gigabytes=88.0,
    ),
)
