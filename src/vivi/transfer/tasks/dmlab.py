"""DMLab: how far away an object of a 3D maze is (close, far, very far), and whether its reward is good or bad."""

from pathlib import Path

import numpy as np

from vivi.core.errors import ViviError
from vivi.transfer.formats.example import Example
from vivi.transfer.formats.records import index_examples
from vivi.transfer.subset import tfds_order
from vivi.transfer.task import Examples, Parts, Sizes, Task

CLASSES = 6


def read_dmlab(folder: Path) -> Parts:
    """The three parts as they are shipped.

    Features of the records: image (JPEG), filename, label (tensorflow_datasets image_classification/dmlab.py).

    Raises:
        ViviError: files are missing, cut off or damaged, or a record has other features or another label.
    """
    return Parts(
        train=_part(folder, "train"),
        val=_part(folder, "validation"),
        test=_part(folder, "test"),
    )


def _part(folder: Path, split: str) -> Examples:
    """A part in the order of TFDS, whose keys are the file names inside the records."""
    files = sorted(folder.glob(f"dmlab-{split}.tfrecord*"))
    if not files:
        raise ViviError(f"{folder} has no dmlab-{split}.tfrecord files: unpack dmlab.tar.gz there")
    records, rows = index_examples(files, visit=_row)
    keys, labels = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [])
    examples = records.examples(np.array(labels, np.int64))
    return examples.take(tfds_order(keys, split=split))


def _row(example: Example) -> tuple[str, int]:
    """Key and label of a record."""
    label = example.one_int("label")
    if not 0 <= label < CLASSES:
        raise ValueError(f"label {label} is not 0 to {CLASSES - 1}")
    return example.one_bytes("filename").decode(), label


TASKS = (
    Task(
        name="dmlab",
        title="DMLab",
        group="structured",
        classes=CLASSES,
        sizes=Sizes(train=65_550, val=22_628, test=22_735),
        read=read_dmlab,
        folder="dmlab",
        files=("dmlab-train.tfrecord*", "dmlab-validation.tfrecord*", "dmlab-test.tfrecord*"),
        source="https://storage.googleapis.com/dmlab-vtab/dmlab.tar.gz",
        licence="none stated",
        gigabytes=3.0,
    ),
)
