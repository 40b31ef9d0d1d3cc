"""Flowers102 from its folder of images and its two MATLAB files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from tests.reference.natural_sets import pixels, slow_order, write_flowers

from vivi.core.errors import ViviError
from vivi.transfer.tasks.flowers102 import read_flowers102


def test_the_official_parts_in_the_order_of_tfds(tmp_path: Path) -> None:
    sets = write_flowers(tmp_path)
    parts = read_flowers102(tmp_path / "flowers-102")
    for part, name, split in (
        (parts.train, "trnid", "train"),
        (parts.val, "valid", "validation"),
        (parts.test, "tstid", "test"),
    ):
        number = {f"image_{each:05d}.jpg": each for each in sets[name]}
        keys = [str(key) for key in slow_order(number, split=split)]
        assert [part.name(at) for at in range(len(part))] == [f"jpg/{key}" for key in keys]
        assert part.labels_N.tolist() == [(number[key] - 1) % 3 for key in keys]
        assert np.array_equal(part.read(2), pixels(number[keys[2]]))
    assert parts.remarks == ()


def test_a_set_that_names_an_image_without_a_label_is_refused(tmp_path: Path) -> None:
    write_flowers(tmp_path)
    for odd in (0, 13):
        sets = {"trnid": [[1]], "valid": [[odd]], "tstid": [[2]]}
        savemat(tmp_path / "flowers-102" / "setid.mat", {name: np.array(ids) for name, ids in sets.items()})
        with pytest.raises(ViviError, match=r"setid\.mat must name images 1 to 12"):
            read_flowers102(tmp_path / "flowers-102")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    write_flowers(tmp_path)
    (tmp_path / "flowers-102" / "setid.mat").write_bytes(b"<html>not found</html>" * 20)
    with pytest.raises(ViviError, match=r"setid\.mat is damaged or no MATLAB file"):
        read_flowers102(tmp_path / "flowers-102")


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    write_flowers(tmp_path)
    (tmp_path / "flowers-102/jpg/image_00012.jpg").unlink()
    with pytest.raises(ViviError, match=r"image_00012\.jpg is missing"):
        read_flowers102(tmp_path / "flowers-102")
