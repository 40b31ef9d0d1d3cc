"""Caltech101: the object in a photograph, or none of them (the background class counts).

VTAB's own parts cannot be rebuilt: TFDS draws 30 images of each class for training from an unsorted listing of the
folder, so what it draws depends on the file system (tensorflow_datasets, caltech101 builder). These parts are drawn
as evenly, from names alone.
"""

from fractions import Fraction
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.transfer.formats.image_list import keyed_images
from vivi.transfer.subset import cut, tfds_order
from vivi.transfer.task import Parts, Sizes, Task

PER_CLASS = 30
"""Images of a class for training and validation; all others are for testing."""
_DRAWN = "30 of each class"
"""Stands where TFDS has the name of a split; any other text would draw other images."""
REMARK = (
    "the 30 training images of each class are our own choice: that of VTAB depends on the file system it was made on "
    "and cannot be rebuilt"
)


def read_caltech101(folder: Path) -> Parts:
    """30 images of each class cut 90/10, and all others for testing; classes are the folders in lower case, sorted.

    Raises:
        ViviError: there are no folders with images, or no class has more than 30.
    """
    classes = sorted({image.parent.name for image in folder.glob("[!.]*/[!.]*.jpg")}, key=str.lower)
    train: dict[str, int] = {}
    test: dict[str, int] = {}
    for label, name in enumerate(classes):
        keys = [f"{name}/{image.name}" for image in sorted((folder / name).glob("[!.]*.jpg"))]
        drawn = [keys[at] for at in tfds_order(keys, split=_DRAWN).tolist()]
        train |= dict.fromkeys(drawn[:PER_CLASS], label)
        test |= dict.fromkeys(drawn[PER_CLASS:], label)
    if not train:
        raise ViviError(f"{folder} has no folders of images: unpack 101_ObjectCategories.tar.gz there")
    if not test:
        raise ViviError(f"{folder}: no class has more than {PER_CLASS} images, so none is left to test on: fetch all")
    trainval = keyed_images(folder, list(train), labels=train.values(), split="train")
    fitted, val = cut(trainval, shares=(Fraction(9, 10), Fraction(1, 10)))
    tested = keyed_images(folder, list(test), labels=test.values(), split="test")
    return Parts(train=fitted, val=val, test=tested, remarks=(REMARK,))


TASKS = (
    Task(
        name="caltech101",
        title="Caltech101",
        group="natural",
        classes=102,
        sizes=Sizes(train=2_754, val=306, test=6_084),
        read=read_caltech101,
        folder="101_ObjectCategories",
        files=("accordion/*.jpg", "BACKGROUND_Google/*.jpg", "yin_yang/*.jpg"),
        source="https://data.caltech.edu/records/mzrjq-6wc02: caltech-101.zip, in it 101_ObjectCategories.tar.gz",
        licence="CC BY 4.0",
        gigabytes=0.14,
    ),
)
