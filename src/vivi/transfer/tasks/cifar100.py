"""CIFAR-100: the fine label of 32 x 32 photographs. The binary version is read, never the one made of pickles."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from vivi.core.errors import ViviError
from vivi.transfer.subset import cut, tfds_order
from vivi.transfer.task import Examples, Parts, Sizes, Task

SIDE = 32
_LABELS = 2
"""Bytes before the pixels: the coarse label and the fine one."""
_RECORD = _LABELS + 3 * SIDE * SIDE
_WANTED = "cifar-100-binary.tar.gz, the binary version (the Python version is made of pickles, which are not read)"


def read_cifar100(folder: Path) -> Parts:
    """The official training file cut 90/10, and the official test file.

    Raises:
        ViviError: a file is missing or not a whole number of records.
    """
    train, val = cut(_records(folder / "train.bin", split="train"), shares=(Fraction(9, 10), Fraction(1, 10)))
    return Parts(train=train, val=val, test=_records(folder / "test.bin", split="test"))


def _records(file: Path, *, split: str) -> Examples:
    """All records of a file; the pixels stay on the disk."""
    if not file.is_file():
        raise ViviError(f"{file} is missing: unpack {_WANTED}")
    count, rest = divmod(file.stat().st_size, _RECORD)
    if rest or not count:
        raise ViviError(
            f"{file} has {file.stat().st_size} bytes, not a multiple of {_RECORD}: it is cut short or another file; "
            f"unpack {_WANTED} again"
        )
    try:
        records_NR = np.memmap(file, dtype=np.uint8, mode="r", shape=(count, _RECORD))
    except OSError as error:
        raise ViviError(f"cannot read {file} ({error.strerror}): unpack {_WANTED} again") from error
    records = Examples(
        labels_N=records_NR[:, _LABELS - 1].astype(np.int64),
        read=lambda at: np.array(records_NR[at, _LABELS:].reshape(3, SIDE, SIDE).transpose(1, 2, 0), order="C"),
        name=lambda at: f"{file.name}, record {at}",
    )
    return records.take(tfds_order(range(count), split=split))


TASKS = (
    Task(
        name="cifar",
        title="CIFAR-100",
        group="natural",
        classes=100,
        sizes=Sizes(train=45_000, val=5_000, test=10_000),
        read=read_cifar100,
        folder="cifar-100-binary",
        files=("train.bin", "test.bin"),
        source=f"https://www.cs.toronto.edu/~kriz/cifar.html: {_WANTED}",
        licence="none stated",
        gigabytes=0.17,
    ),
)
