"""DTD: the adjective that describes a texture, fold 1 of the official ten."""

from pathlib import Path

from vivi.core.errors import ViviError
from vivi.transfer.formats.image_list import inside, keyed_images, numbered_lines
from vivi.transfer.task import Parts, Sizes, Task

LISTS = {"train": "train1.txt", "validation": "val1.txt", "test": "test1.txt"}
"""Split of TFDS -> its list."""


def read_dtd(folder: Path) -> Parts:
    """The official train1, val1 and test1; the class of "banded/banded_0002.jpg" is its folder, its key attribute.

    Raises:
        ViviError: a list or an image is missing, or a line has another form; the text names file and line.
    """
    keys = {split: _keys(folder / "labels" / name) for split, name in LISTS.items()}
    classes = sorted({_class(key) for part in keys.values() for key in part})
    number = {name: label for label, name in enumerate(classes)}
    train, val, test = (
        keyed_images(folder / "images", part, labels=(number[_class(key)] for key in part), split=split)
        for split, part in keys.items()
    )
    return Parts(train=train, val=val, test=test)


def _keys(file: Path) -> list[str]:
    """The lines of a list: "banded/banded_0002.jpg" and so on."""
    lines = numbered_lines(file)
    for where, line in lines:
        if inside(line, where=where).count("/") != 1:
            raise ViviError(f"{where}: {line!r} is not CLASS/IMAGE: fetch the list again")
    return [line for _, line in lines]


def _class(key: str) -> str:
    return key.partition("/")[0]


TASKS = (
    Task(
        name="dtd",
        title="DTD",
        group="natural",
        classes=47,
        sizes=Sizes(train=1_880, val=1_880, test=1_880),
        read=read_dtd,
        folder="dtd",
        files=("images/*/*.jpg", *(f"labels/{name}" for name in LISTS.values())),
        source="https://www.robots.ox.ac.uk/~vgg/data/dtd: dtd-r1.0.1.tar.gz",
        licence="research purposes",
        gigabytes=0.63,
    ),
)
