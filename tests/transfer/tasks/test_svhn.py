"""SVHN from its MATLAB files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from tests.reference.natural_sets import pixels, slow_order, write_svhn

from vivi.core.errors import ViviError
from vivi.transfer.tasks.svhn import TASKS, read_svhn

(TASK,) = TASKS


def test_digits_are_in_the_order_of_tfds_and_label_10_is_the_digit_0(tmp_path: Path) -> None:
    write_svhn(tmp_path)
    parts = read_svhn(tmp_path / "svhn")
    order = [int(row) for row in slow_order(range(40), split="train")]
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [36, 4, 15]
    test = [int(row) for row in slow_order(range(15), split="test")]
    for part, rows in ((parts.train, order[:36]), (parts.val, order[36:]), (parts.test, test)):
        assert part.labels_N.tolist() == [(row % 10 + 1) % 10 for row in rows]
        for at in (0, len(part) - 1):
            found = part.read(at)
            assert found.dtype == np.uint8
            assert found.flags.c_contiguous
            assert np.array_equal(found, pixels(rows[at], height=32, width=32))
    assert parts.test.name(1) == f"test_32x32.mat, record {test[1]}"


@pytest.mark.parametrize("keep", [0, 100, 128, 130, 300, 20_000, -1])
def test_a_file_that_was_cut_short_is_damaged(tmp_path: Path, keep: int) -> None:
    damaged = r"train_32x32\.mat is damaged or no MATLAB file of version 5 to 7 \(.*fetch it again"
    said = damaged if keep != 128 else "has no numeric array 'X'"
    write_svhn(tmp_path)
    file = tmp_path / "svhn" / "train_32x32.mat"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ViviError, match=said):
        read_svhn(tmp_path / "svhn")


def test_a_label_that_is_no_digit_is_named(tmp_path: Path) -> None:
    write_svhn(tmp_path, labels=(1, 2, 11))
    with pytest.raises(ViviError, match=r"train_32x32\.mat, record 2: label 11 is not 1 to 10"):
        read_svhn(tmp_path / "svhn")


@pytest.mark.parametrize("label", [2.5, np.nan, np.inf])
def test_labels_that_are_no_whole_numbers_are_refused(tmp_path: Path, label: float) -> None:
    write_svhn(tmp_path)
    stack = np.zeros((32, 32, 3, 2), np.uint8)
    savemat(tmp_path / "svhn" / "test_32x32.mat", {"X": stack, "y": np.array([[3.0], [label]])})
    with pytest.raises(ViviError, match=r"test_32x32\.mat: the array 'y' holds numbers that are not whole"):
        read_svhn(tmp_path / "svhn")


def test_pixels_of_another_shape_are_refused(tmp_path: Path) -> None:
    write_svhn(tmp_path)
    labels = np.ones((7, 1), np.uint8)
    savemat(tmp_path / "svhn" / "test_32x32.mat", {"X": np.zeros((32, 32, 3, 6), np.uint8), "y": labels})
    with pytest.raises(ViviError, match=r"test_32x32\.mat: X is not 32 x 32 x 3 x 7"):
        read_svhn(tmp_path / "svhn")
    savemat(tmp_path / "svhn" / "test_32x32.mat", {"y": labels})
    with pytest.raises(ViviError, match="has no numeric array 'X'"):
        read_svhn(tmp_path / "svhn")
    (tmp_path / "svhn" / "test_32x32.mat").unlink()
    with pytest.raises(ViviError, match=r"test_32x32\.mat is missing"):
        read_svhn(tmp_path / "svhn")
