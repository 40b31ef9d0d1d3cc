"""CIFAR-100 from its binary version."""

from pathlib import Path

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order, write_cifar100

from vivi.core.errors import ViviError
from vivi.transfer.tasks.cifar100 import TASKS, read_cifar100

(TASK,) = TASKS


def test_records_are_in_the_order_of_tfds_with_their_fine_labels_and_pixels(tmp_path: Path) -> None:
    write_cifar100(tmp_path)
    parts = read_cifar100(tmp_path / TASK.folder)
    order = slow_order(range(50), split="train")
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [45, 5, 20]
    for part, rows in (
        (parts.train, order[:45]),
        (parts.val, order[45:]),
        (parts.test, slow_order(range(20), split="test")),
    ):
        assert part.labels_N.tolist() == [3 * int(row) % 100 for row in rows]
        for at in (0, len(part) - 1):
            found = part.read(at)
            assert found.dtype == np.uint8
            assert found.flags.c_contiguous
            assert np.array_equal(found, pixels(int(rows[at]), height=32, width=32))
    assert parts.train.name(0) == f"train.bin, record {order[0]}"
    assert parts.remarks == ()


def test_golden_vectors_of_the_full_size(tmp_path: Path) -> None:
    folder = tmp_path / TASK.folder
    folder.mkdir()
    for name, count in (("train.bin", 50_000), ("test.bin", 10_000)):
        with (folder / name).open("wb") as file:
            file.truncate(count * 3074)  # takes no space
    parts = read_cifar100(folder)
    assert (len(parts.train), len(parts.val), len(parts.test)) == (45_000, 5_000, 10_000)
    first = [parts.train.name(at) for at in range(5)]
    assert first == [f"train.bin, record {row}" for row in (16399, 1680, 47917, 17307, 27051)]
    first = [parts.val.name(at) for at in range(5)]
    assert first == [f"train.bin, record {row}" for row in (13431, 9237, 17462, 32685, 9518)]


def test_a_missing_or_short_file_is_named_with_the_version_to_get(tmp_path: Path) -> None:
    write_cifar100(tmp_path)
    folder = tmp_path / TASK.folder
    whole = (folder / "train.bin").read_bytes()
    (folder / "train.bin").write_bytes(whole[:-7])
    with pytest.raises(ViviError, match=r"train\.bin has \d+ bytes, not a multiple of 3074.*cifar-100-binary\.tar\.gz"):
        read_cifar100(folder)
    (folder / "train.bin").write_bytes(b"")
    with pytest.raises(ViviError, match=r"train\.bin has 0 bytes"):
        read_cifar100(folder)
    (folder / "train.bin").unlink()
    with pytest.raises(ViviError, match=r"train\.bin is missing: unpack cifar-100-binary\.tar\.gz.*pickles"):
        read_cifar100(folder)
