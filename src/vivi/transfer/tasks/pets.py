"""Pets: the breed of a cat or dog."""

from fractions import Fraction
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.transfer.formats.image_list import inside, keyed_images, numbered_lines, whole_number
from vivi.transfer.subset import cut
from vivi.transfer.task import Examples, Parts, Sizes, Task


def read_pets(folder: Path) -> Parts:
    """The official trainval cut 80/20, and the official test; the class is the number of the breed less 1.

    Raises:
        ViviError: a list or an image is missing, or a line is not "NAME CLASS SPECIES BREED".
    """
    train, val = cut(_listed(folder, "trainval", split="train"), shares=(Fraction(4, 5), Fraction(1, 5)))
    return Parts(train=train, val=val, test=_listed(folder, "test", split="test"))


def _listed(folder: Path, name: str, *, split: str) -> Examples:
    rows = [_row(where, line) for where, line in numbered_lines(folder / "annotations" / f"{name}.txt")]
    keys = [f"{image}.jpg" for image, _ in rows]
    return keyed_images(folder / "images", keys, labels=(label for _, label in rows), split=split)


def _row(where: str, line: str) -> tuple[str, int]:
    """The image's name and class, of a line such as "Abyssinian_100 1 1 1"."""
    fields = line.split()
    number = whole_number(fields[1]) if len(fields) == 4 else None
    if number is None:
        raise ViviError(f"{where}: {line!r} is not NAME CLASS SPECIES BREED: fetch annotations.tar.gz again")
    return inside(fields[0], where=where), number - 1


TASKS = (
    Task(
        name="oxford_iiit_pet",
        title="Pets",
        group="natural",
        classes=37,
        sizes=Sizes(train=2_944, val=736, test=3_669),
        read=read_pets,
        folder="oxford-iiit-pet",
        files=("images/*.jpg", "annotations/trainval.txt", "annotations/test.txt"),
        source="https://www.robots.ox.ac.uk/~vgg/data/pets: images.tar.gz and annotations.tar.gz",
        licence="CC BY-SA 4.0",
        gigabytes=0.81,
    ),
)
