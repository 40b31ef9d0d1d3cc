"""Examples that are records of TFRecord files, each a tf.train.Example."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.data.image_file import ImageError, decode_stored
from vivi.transfer.formats.example import Example, parse_example
from vivi.transfer.formats.tfrecord import RecordFile, T, index_records
from vivi.transfer.task import Examples

IMAGE = "image"
"""The feature that holds the image, in all of VTAB's data sets."""


@dataclass(frozen=True, slots=True)
class Records:
    """The records of several files, one file after the other."""

    files: tuple[RecordFile, ...]
    starts: NDArray[np.int64]
    """Number of the first record of each file, and last the number of all."""

    def __len__(self) -> int:
        """N, the records of all files."""
        return int(self.starts[-1])

    def place(self, at: int) -> tuple[RecordFile, int]:
        """The file that holds a record, and its number there."""
        number = int(np.searchsorted(self.starts, at, side="right")) - 1
        return self.files[number], at - int(self.starts[number])

    def name(self, at: int) -> str:
        """What a record is called in results, wherever its file lies."""
        file, inside = self.place(at)
        return f"{file.path.name}, record {inside}"

    def pixels(self, at: int) -> NDArray[np.uint8]:
        """The image of a record, pixels_HWC, RGB, as it is stored; the record's checksum covers its label too.

        Raises:
            ImageError: the record is damaged or holds no image.
        """
        file, inside = self.place(at)
        name = file.name(inside)
        try:
            image = parse_example(file.read(inside)).one_bytes(IMAGE)
        except ValueError as error:
            raise ImageError(name, str(error)) from error
        return decode_stored(image, name=name)

    def examples(self, labels_N: NDArray[np.int64], *, factor: int = 1) -> Examples:
        """All records with these labels.

        Args:
            labels_N: classes.
            factor: what pixels are multiplied by, e.g. 255 where they are 0 and 1.
        """

        def read(at: int) -> NDArray[np.uint8]:
            return self.pixels(at) * np.uint8(factor)

        return Examples(labels_N=labels_N, read=self.pixels if factor == 1 else read, name=self.name)


def index_examples(paths: Sequence[Path], *, visit: Callable[[Example], T]) -> tuple[Records, list[T]]:
    """Find the records of several files and look at each once.

    Args:
        paths: the files, in order.
        visit: called with each example; raises ValueError where it is not what it should be.

    Returns:
        The records, and what `visit` gave for each.

    Raises:
        ViviError: a file is missing, cut off or damaged, or `visit` refused a record; the text names file and record.
    """
    files: list[RecordFile] = []
    visited: list[T] = []
    for path in paths:
        file, found = index_records(path, visit=lambda payload: visit(parse_example(payload)))
        files.append(file)
        visited += found
    return Records(tuple(files), np.cumsum([0, *(len(file) for file in files)])), visited
