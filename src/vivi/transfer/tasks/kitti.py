"""KITTI: how far away the nearest vehicle is, in photographs taken from a car.

Only the images of the official training part have labels. TFDS splits these by the video they come from
(tensorflow_datasets datasets/kitti), which the mapping of the development kit tells.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vivi.core.errors import ViviError
from vivi.core.files import read_text
from vivi.transfer.formats.image_list import keyed_images
from vivi.transfer.task import Examples, Parts, Sizes, Task
from vivi.transfer.tasks.buckets import bucket

VEHICLES = ("Car", "Van", "Truck")
EDGES = (-100.0, 8.0, 20.0, 999.0)
"""Metres: up to 8, up to 20, farther, and no vehicle."""
NO_VEHICLE = 1000.0
"""Stands for the distance where there is none."""
_COLUMNS = 15
"""Of a line: type, truncated, occluded, alpha, bounding box (4), height, width, length, x, y, z, rotation."""
_Z = 13
_SEED, _SHARE = 123, 10
"""Of TFDS; per cent of the videos that are for validation, and as many for testing."""


def distance_label(depths: Sequence[float]) -> int:
    """The class of the distances (z, metres) of all vehicles: that of the nearest.

    Raises:
        ValueError: it is farther behind the camera than any is, or one is no number of metres.
    """
    if not np.isfinite(depths).all():
        raise ValueError("a vehicle at a distance that is no number of metres")
    nearest = min([*depths, NO_VEHICLE])
    label = int(bucket(nearest, edges=EDGES))
    if label < 0:
        raise ValueError(f"a vehicle at z = {nearest}, not above {EDGES[0]}")
    return label


def split_by_video(videos: Sequence[str]) -> tuple[list[int], list[int], list[int]]:
    """Positions of the images for training, validation and test: a video is in one part only.

    Drawn as TFDS does, by NumPy's old generator: a tenth of the sorted videos for testing, then as many of the others
    for validation.

    Args:
        videos: of each image.

    Raises:
        ValueError: fewer than three videos.
    """
    names = sorted(set(videos))
    if len(names) < 3:
        raise ValueError(f"the images come from {len(names)} videos, at least 3 are needed")
    count = max(1, _SHARE * len(names) // 100)
    state = np.random.RandomState(_SEED)
    test = {names[at] for at in state.choice(len(names), count, replace=False)}
    others = [name for name in names if name not in test]
    val = {others[at] for at in state.choice(len(others), count, replace=False)}
    train = set(others) - val
    first, second, third = ([at for at, name in enumerate(videos) if name in part] for part in (train, val, test))
    return first, second, third


def read_kitti(folder: Path) -> Parts:
    """The labelled images by the distance of the nearest vehicle, split by video.

    Raises:
        ViviError: a file is missing, damaged, or has a line of another form.
    """
    mapping = folder / "mapping"
    videos = _videos(mapping / "train_mapping.txt", order=mapping / "train_rand.txt")
    try:
        train, val, test = split_by_video(videos)
    except ValueError as error:
        raise ViviError(f"{mapping}: {error}; unpack devkit_object.zip again") from error
    return Parts(
        train=_images(folder, train, split="train"),
        val=_images(folder, val, split="validation"),
        test=_images(folder, test, split="test"),
    )


def _images(folder: Path, numbers: list[int], *, split: str) -> Examples:
    labels = [_label(folder / "training" / "label_2" / f"{number:06d}.txt") for number in numbers]
    keys = [f"{number:06d}.png" for number in numbers]
    return keyed_images(folder / "training" / "image_2", keys, labels=labels, split=split)


def _label(file: Path) -> int:
    """The class of an image, from its list of objects; an empty file is an image without any."""
    depths = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        fields = line.split()
        try:
            if len(fields) != _COLUMNS:
                raise ValueError(f"{len(fields)} columns, not {_COLUMNS}")
            if fields[0] in VEHICLES:
                depths.append(float(fields[_Z]))
        except ValueError as error:
            raise ViviError(f"{file}, line {number}: {error}; unpack data_object_label_2.zip again") from error
    try:
        return distance_label(depths)
    except ValueError as error:
        raise ViviError(f"{file}: {error}; unpack data_object_label_2.zip again") from error


def _videos(mapping: Path, *, order: Path) -> list[str]:
    """The video of each image; the number of image i in `order` is its line of `mapping`, counted from 1."""
    lines = read_text(mapping).splitlines()
    videos = []
    for image, number in enumerate(read_text(order).split(",")):
        try:
            line = int(number)
            if not 1 <= line <= len(lines):
                raise ValueError(f"there is no line {line} in {mapping.name}")
        except ValueError as error:
            raise ViviError(f"{order}, number {image}: {error}; unpack devkit_object.zip again") from error
        fields = lines[line - 1].split(" ")
        if len(fields) != 3:
            raise ViviError(f"{mapping}, line {line}: it is not DATE VIDEO FRAME; unpack devkit_object.zip again")
        videos.append(fields[1])
    return videos


TASKS = (
    Task(
        name="kitti",
        title="KITTI distance",
        group="structured",
        classes=len(EDGES),
        sizes=Sizes(train=6_347, val=423, test=711),
        read=read_kitti,
        folder="kitti",
        files=(
            "training/image_2/*.png",
            "training/label_2/*.txt",
            "mapping/train_rand.txt",
            "mapping/train_mapping.txt",
        ),
        source=(
            "https://www.cvlibs.net/datasets/kitti/eval_object.php: data_object_image_2.zip, data_object_label_2.zip, "
            "devkit_object.zip, all unpacked in the same folder"
        ),
        licence="CC BY-NC-SA 3.0",
        gigabytes=12.6,
    ),
)
