"""Data sets without official parts, in folders by class: EuroSAT and Resisc45."""

from fractions import Fraction
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.transfer.formats.image_list import keyed_images
from vivi.transfer.subset import cut
from vivi.transfer.task import Parts

SHARES = (Fraction(3, 5), Fraction(1, 5), Fraction(1, 5))
REMARK = (
    "the parts follow the keys that TFDS has since its version 4.2; VTAB's own were drawn by the full paths of the "
    "files on the machine that made them and cannot be rebuilt"
)


def read_class_folders(folder: Path, *, classes: tuple[str, ...]) -> Parts:
    """All images in the order of TFDS, cut 60/20/20.

    TFDS's keys are the class, "_" and the name of the file, since version 4.2
    (tensorflow_datasets image_classification/eurosat.py and datasets/resisc45).

    Args:
        folder: holds a folder of .jpg files for each class.
        classes: names of the folders, in the order of the labels.

    Raises:
        ViviError: there are no images, or a folder that is none of the classes.
    """
    found = sorted((file.parent.name, file.name) for file in folder.glob("[!.]*/[!.]*.jpg"))
    if not found:
        raise ViviError(f"{folder} has no folders of .jpg files, such as {classes[0]}: unpack the images there")
    number = {name: label for label, name in enumerate(classes)}
    unknown = next((name for name, _ in found if name not in number), None)
    if unknown is not None:
        raise ViviError(
            f"{folder / unknown} is none of the classes, which are {', '.join(classes)}: move that folder away"
        )
    images = keyed_images(
        folder,
        [f"{name}_{file}" for name, file in found],
        labels=(number[name] for name, _ in found),
        split="train",
        paths=[f"{name}/{file}" for name, file in found],
    )
    train, val, test = cut(images, shares=SHARES)
    return Parts(train=train, val=val, test=test, remarks=(REMARK,))
