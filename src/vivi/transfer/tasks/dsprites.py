"""dSprites: where a white shape lies from left to right, and how it is turned, 16 classes each.

The rows of the file are all combinations of colour, shape, scale, orientation, x and y, the last varying fastest, so a
row's number gives its labels; the file's own labels must agree.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.transfer.formats.once import Once
from vivi.transfer.formats.sprites import Hdf5Sprites, NpzSprites, SpriteFile, pack_sprites
from vivi.transfer.subset import cut, tfds_order
from vivi.transfer.task import Examples, Parts, Sizes, Task

Numbers = NDArray[np.int64]

CLASSES = 16
ORIENTATIONS, X_POSITIONS, Y_POSITIONS = 40, 32, 32
_ORIENTATION, _X, _LATENTS = 3, 4, 6
"""Columns of the file's labels, and how many there are."""
_NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"


def x_position(rows_N: Numbers) -> Numbers:
    """The x position of rows, 0 to 31."""
    return rows_N // Y_POSITIONS % X_POSITIONS


def orientation(rows_N: Numbers) -> Numbers:
    """The orientation of rows, 0 to 39; both ends are the same angle."""
    return rows_N // (X_POSITIONS * Y_POSITIONS) % ORIENTATIONS


def location_label(x_N: Numbers) -> Numbers:
    """The class of x positions: two neighbours share one."""
    return x_N * CLASSES // X_POSITIONS


def orientation_label(orientation_N: Numbers) -> Numbers:
    """The class of orientations: 3, 2, 3, 2 and so on neighbours share one.

    Divided by 2.5 and rounded down (google-research/task_adaptation data/dsprites.py).
    """
    return orientation_N * CLASSES // ORIENTATIONS


def read_dsprites_loc(folder: Path) -> Parts:
    """Images by their x position, see `read_sprites`."""
    return read_sprites(folder, label=lambda rows_N: location_label(x_position(rows_N)))


def read_dsprites_ori(folder: Path) -> Parts:
    """Images by their orientation, see `read_sprites`."""
    return read_sprites(folder, label=lambda rows_N: orientation_label(orientation(rows_N)))


def read_sprites(folder: Path, *, label: Callable[[Numbers], Numbers]) -> Parts:
    """The one official set cut 80/10/10; all images are read, and kept as bits, when the first one is asked for.

    Args:
        folder: holds the .npz or the .hdf5 file.
        label: numbers of rows -> their classes.

    Raises:
        ViviError: neither file is there, or it is damaged, or its labels are not those of the order.
    """
    file = _file(folder)
    count = _checked(file)
    sprites = Once(lambda: pack_sprites(file, count=count))

    def name(at: int) -> str:
        return f"{file.path.name}, record {at}"

    def read(at: int) -> NDArray[np.uint8]:
        return sprites(name=name(at)).pixels(at)

    images = Examples(labels_N=label(np.arange(count)), read=read, name=name)
    order = tfds_order(range(count), split="train")
    train, val, test = cut(images.take(order), shares=(Fraction(4, 5), Fraction(1, 10), Fraction(1, 10)))
    return Parts(train=train, val=val, test=test)


def _file(folder: Path) -> SpriteFile:
    files: tuple[SpriteFile, ...] = (NpzSprites(folder / f"{_NAME}.npz"), Hdf5Sprites(folder / f"{_NAME}.hdf5"))
    for file in files:
        if file.path.is_file():
            return file
    raise ViviError(f"{folder} has neither {_NAME}.npz nor {_NAME}.hdf5: fetch one of them")


def _checked(file: SpriteFile) -> int:
    """The number of images, whose labels follow the order."""
    labels_NL = file.labels()
    if labels_NL.ndim != 2 or labels_NL.shape[1] != _LATENTS or labels_NL.dtype.kind not in "iu":
        raise ViviError(f"{file.path}: labels are not integers N x {_LATENTS}, it is another file: fetch it again")
    rows_N = np.arange(len(labels_NL))
    for name, column, expected_N in (("orientation", _ORIENTATION, orientation(rows_N)), ("x", _X, x_position(rows_N))):
        wrong_M = np.flatnonzero(labels_NL[:, column] != expected_N)
        if len(wrong_M):
            row = int(wrong_M[0])
            raise ViviError(
                f"{file.path}, record {row}: {name} is {labels_NL[row, column]}, by the order of the rows it is "
                f"{expected_N[row]}: it is another file, fetch it again"
            )
    return len(labels_NL)


TASKS = tuple(
    Task(
        name=name,
        title=title,
        group="structured",
        classes=CLASSES,
        sizes=Sizes(train=589_824, val=73_728, test=73_728),
        read=read,
        folder="dsprites",
        files=(f"{_NAME}.*",),
        source=f"https://github.com/google-deepmind/dsprites-dataset: {_NAME}.npz or .hdf5",
        licence="Apache 2.0",
        gigabytes=0.03,
    )
    for name, title, read in (
        ("dsprites_loc", "dSprites location", read_dsprites_loc),
        ("dsprites_ori", "dSprites orientation", read_dsprites_ori),
    )
)
