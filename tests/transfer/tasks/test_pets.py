"""Pets from its folder of images and its annotations."""

from pathlib import Path

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order, write_pets

from vivi.core.errors import ViviError
from vivi.transfer.tasks.pets import read_pets

BREEDS = ("Abyssinian", "american_bulldog", "Bengal")


def test_trainval_is_cut_80_20_in_the_order_of_tfds(tmp_path: Path) -> None:
    lists = write_pets(tmp_path)
    every = [*lists["trainval"], *lists["test"]]
    parts = read_pets(tmp_path / "oxford-iiit-pet")
    trainval = slow_order([f"{name}.jpg" for name in lists["trainval"]], split="train")
    test = slow_order([f"{name}.jpg" for name in lists["test"]], split="test")
    for part, keys in ((parts.train, trainval[:16]), (parts.val, trainval[16:]), (parts.test, test)):
        assert [part.name(at) for at in range(len(part))] == [f"images/{key}" for key in keys]
        assert part.labels_N.tolist() == [BREEDS.index(str(key).rpartition("_")[0]) for key in keys]
        assert np.array_equal(part.read(0), pixels(every.index(str(keys[0]).removesuffix(".jpg"))))
    assert parts.remarks == ()


@pytest.mark.parametrize(
    "line",
    [
        "Bengal_1 3 1",
        "Bengal_1 three 1 1",
        "Bengal_1 -3 1 1",
        f"Bengal_1 {'9' * 5000} 1 1",
        "#Image CLASS-ID SPECIES BREED ID",
        "../x 1 1 1",
    ],
)
def test_a_line_of_another_form_is_named(tmp_path: Path, line: str) -> None:
    write_pets(tmp_path)
    with (tmp_path / "oxford-iiit-pet" / "annotations" / "test.txt").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ViviError, match=r"annotations/test\.txt, line 7: "):
        read_pets(tmp_path / "oxford-iiit-pet")


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    write_pets(tmp_path)
    (tmp_path / "oxford-iiit-pet/images/Bengal_2.jpg").unlink()
    with pytest.raises(ViviError, match=r"Bengal_2\.jpg is missing"):
        read_pets(tmp_path / "oxford-iiit-pet")
