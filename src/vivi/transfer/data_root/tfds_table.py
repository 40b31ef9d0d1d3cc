"""How TFDS stores VTAB's data sets: names, versions, parts, and which features hold the labels.

Sources: the builders in tensorflow/datasets (feature names); google-research/task_adaptation data/*.py (versions, parts
and labels).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vivi.transfer.formats.example import Example
from vivi.transfer.tasks.clevr import count_label
from vivi.transfer.tasks.clevr import distance_label as clevr_distance_label
from vivi.transfer.tasks.dsprites import location_label, orientation_label
from vivi.transfer.tasks.kitti import VEHICLES
from vivi.transfer.tasks.kitti import distance_label as kitti_distance_label

Label = Callable[[Example], int]


@dataclass(frozen=True, slots=True)
class Share:
    """A contiguous part of a split of TFDS."""

    split: str
    start: Fraction = Fraction(0)
    end: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where the parts of a task are."""

    train: Share
    val: Share
    test: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A task in a prepared folder of TFDS."""

    builder: str
    config: str | None = None
    versions: tuple[int, ...]
    """Their first numbers: those that VTAB asks for, and later ones of the same records."""
    parts: Cuts
    label: Label
    """Raises ValueError where the features are not what they should be."""
    factor: int = 1
    """What pixels are multiplied by."""
    remark: str = ""
    """Where the parts differ from VTAB's."""


def of_feature(name: str) -> Label:
    """The class is an integer feature."""
    return lambda example: example.one_int(name)


def clevr_count(example: Example) -> int:
    """The number of objects, less 3."""
    return count_label(len(example.ints("objects/size")))


def clevr_distance(example: Example) -> int:
    """The class of the distance of the nearest object; each has three pixel coordinates, the last its distance."""
    return clevr_distance_label(example.floats("objects/pixel_coords")[2::3].tolist())


def kitti_distance(example: Example) -> int:
    """The class of the distance of the nearest vehicle; types are numbered as in KITTI, Car, Van and Truck first."""
    kinds, depths = example.ints("objects/type"), example.floats("objects/location")[2::3].tolist()
    if len(kinds) != len(depths):
        raise ValueError(f"{len(kinds)} types and {len(depths)} places of objects")
    return kitti_distance_label([depth for kind, depth in zip(kinds, depths, strict=True) if kind < len(VEHICLES)])


def dsprites_location(example: Example) -> int:
    """The class of the x position."""
    return int(location_label(np.array(example.one_int("label_x_position"))))


def dsprites_orientation(example: Example) -> int:
    """The class of the orientation."""
    return int(orientation_label(np.array(example.one_int("label_orientation"))))


_LABEL = of_feature("label")
_TRAIN, _VALIDATION, _TEST = Share("train"), Share("validation"), Share("test")
_OWN = Cuts(_TRAIN, _VALIDATION, _TEST)


def _cut(percent: int, *, test: Share = _TEST) -> Cuts:
    """So many per cent of the training split for training, the rest for validation."""
    border = Fraction(percent, 100)
    return Cuts(Share("train", end=border), Share("train", start=border), test)


def _cut_all(train: int, val: int) -> Cuts:
    """Per cent of the only split for training and validation, the rest for testing."""
    first, second = Fraction(train, 100), Fraction(train + val, 100)
    return Cuts(Share("train", end=first), Share("train", first, second), Share("train", second))


_HALVES = Cuts(_TRAIN, Share("test", end=Fraction(1, 2)), Share("test", start=Fraction(1, 2)))
_BY_PATH = (
    "the order depends on the version of TFDS, and before 4.2 on paths of the machine that made the folder: the parts "
    "need not be VTAB's"
)
_BY_LISTING = "which images are for training depends on the file system of the machine that made the folder"

TFDS = {
    "caltech101": Prepared(builder="caltech101", versions=(3,), label=_LABEL, remark=_BY_LISTING, parts=_cut(90)),
    "cifar": Prepared(builder="cifar100", versions=(3,), label=_LABEL, parts=_cut(90)),
    "dtd": Prepared(builder="dtd", versions=(3,), label=_LABEL, parts=_OWN),
    "oxford_flowers102": Prepared(builder="oxford_flowers102", versions=(2,), label=_LABEL, parts=_OWN),
    "oxford_iiit_pet": Prepared(builder="oxford_iiit_pet", versions=(3, 4), label=_LABEL, parts=_cut(80)),
    "sun397": Prepared(builder="sun397", config="tfds", versions=(4,), label=_LABEL, parts=_OWN),
    "svhn": Prepared(builder="svhn_cropped", versions=(3,), label=_LABEL, parts=_cut(90)),
    "patch_camelyon": Prepared(builder="patch_camelyon", versions=(2,), label=_LABEL, parts=_OWN),
    "eurosat": Prepared(
        builder="eurosat", config="rgb", versions=(2,), label=_LABEL, remark=_BY_PATH, parts=_cut_all(60, 20)
    ),
    "resisc45": Prepared(builder="resisc45", versions=(3,), label=_LABEL, remark=_BY_PATH, parts=_cut_all(60, 20)),
    "diabetic_retinopathy": Prepared(
        builder="diabetic_retinopathy_detection", config="btgraham-300", versions=(3,), label=_LABEL, parts=_OWN
    ),
    "clevr_count": Prepared(builder="clevr", versions=(3,), label=clevr_count, parts=_cut(90, test=_VALIDATION)),
    "clevr_dist": Prepared(builder="clevr", versions=(3,), label=clevr_distance, parts=_cut(90, test=_VALIDATION)),
    "dmlab": Prepared(builder="dmlab", versions=(2,), label=_LABEL, parts=_OWN),
    "dsprites_loc": Prepared(
        builder="dsprites", versions=(2,), label=dsprites_location, factor=255, parts=_cut_all(80, 10)
    ),
    "dsprites_ori": Prepared(
        builder="dsprites", versions=(2,), label=dsprites_orientation, factor=255, parts=_cut_all(80, 10)
    ),
    "kitti": Prepared(builder="kitti", versions=(3,), label=kitti_distance, parts=_OWN),
    "smallnorb_azi": Prepared(builder="smallnorb", versions=(2,), label=of_feature("label_azimuth"), parts=_HALVES),
    "smallnorb_ele": Prepared(builder="smallnorb", versions=(2,), label=of_feature("label_elevation"), parts=_HALVES),
}
"""Name of the task -> where TFDS has it."""
