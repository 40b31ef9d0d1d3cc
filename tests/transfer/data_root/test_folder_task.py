"""Any folder of labelled images as a task that is not VTAB's."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order, write_images

from vivi.core.errors import ViviError
from vivi.transfer.data_root.checking import check_task
from vivi.transfer.data_root.folder_task import open_folder_task
from vivi.transfer.task import Examples


def names(of: Examples) -> list[str]:
    return [of.name(at) for at in range(len(of))]


def test_a_given_split_in_the_order_of_tfds(tmp_path: Path) -> None:
    root = tmp_path / "pond"
    train = [f"train/{name}/{number}.png" for name in ("carp", "frog") for number in range(10)]
    test = [f"test/{name}/{number}.png" for name in ("carp", "frog") for number in range(3)]
    write_images(root, {path: at for at, path in enumerate([*train, *test])})
    opened = open_folder_task(root)
    learned = [str(key) for key in slow_order(train, split="train")]
    splits = opened.splits
    assert names(splits["train800val200"]) == [f"pond/{key}" for key in learned]
    assert names(splits["train800"]) == [f"pond/{key}" for key in learned[:16]]
    assert names(splits["test"]) == [f"pond/{key}" for key in slow_order(test, split="test")]
    assert splits["train800"].labels_N.tolist() == [int("/frog/" in key) for key in learned[:16]]
    assert np.array_equal(splits["val200"].read(1), pixels(train.index(learned[17])))
    assert opened.origin == "folder of images, split given: train, test"


def test_it_is_never_called_vtab(tmp_path: Path, paint: Callable[[Path, str, int], None]) -> None:
    for number in range(4):
        for colour in ("red", "blue"):
            paint(tmp_path / "caltech101" / colour / f"{number}.png", colour, number)
    opened = open_folder_task(tmp_path / "caltech101")
    assert (opened.task.name, opened.task.group) == ("folder-caltech101", "other")
    assert opened.task.classes == 2
    assert not opened.is_official
    assert opened.remarks[:2] == ("not a task of VTAB", "6 images to learn from, fewer than 1000")


def test_a_thousand_are_taken_of_more(tmp_path: Path) -> None:
    train = [f"train/{label}/{number}.png" for label in range(3) for number in range(450)]
    for path in (*train, *(f"test/{label}/0.png" for label in range(3))):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    splits = open_folder_task(tmp_path).splits
    assert {name: len(part) for name, part in splits.items()} == {
        "train": 1080, "val": 270, "test": 3, "trainval": 1350, "train800": 800, "val200": 200,
        "train800val200": 1000, "train1000": 1000, "trainval1000": 1000,
    }  # fmt: skip
    ordered = [f"{tmp_path.name}/{key}" for key in slow_order(train, split="train")]
    assert names(splits["trainval1000"]) == ordered[:1000]
    assert names(splits["train800val200"]) == ordered[:800] + ordered[1080:1280]


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path, {"train/a/0.png": 0, "train/b/0.png": 1, "test/a/0.png": 2})
    with pytest.raises(ViviError, match="2 images to learn from: at least 3"):
        open_folder_task(tmp_path)


@pytest.mark.real
@pytest.mark.skipif("VIVI_REAL_DATA" not in os.environ, reason="VIVI_REAL_DATA is not set")
@pytest.mark.parametrize("name", ["caltech101/101_ObjectCategories", "eurosat", "cifar10"])
def test_real_folders_are_sound(name: str) -> None:
    root = Path(os.environ["VIVI_REAL_DATA"]) / "images" / name
    opened = open_folder_task(root)
    assert check_task(opened) == ()
    splits = opened.splits
    assert len(splits["train800val200"]) == min(1000, len(splits["trainval"]))
    assert not set(names(splits["trainval"])) & set(names(splits["test"]))
    counts = Counter(splits["test"].labels_N.tolist())
    assert set(counts) == set(range(opened.task.classes))
    assert opened.splits["test"].read(0).ndim == 3
