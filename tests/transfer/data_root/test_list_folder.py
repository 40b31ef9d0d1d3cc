"""The vtab-1k folder: lists of paths and classes, whatever the images end in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, write_lists

from vivi.core.errors import ViviError
from vivi.transfer.data_root.list_folder import has_lists, open_list_folder
from vivi.transfer.suites import chosen
from vivi.transfer.task import Sizes
from vivi.transfer.tasks.cifar100 import TASKS as CIFAR
from vivi.transfer.tasks.dtd import TASKS as DTD

COUNTS = {"train800": 8, "val200": 2, "test": 5}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_lists(tmp_path, "dtd", classes=47, counts=COUNTS)
    return tmp_path


def test_the_lists_in_their_order_with_their_pixels(root: Path) -> None:
    opened = open_list_folder(DTD[0], root)
    assert opened.task is DTD[0]
    assert opened.origin == "lists of vtab-1k"
    assert {name: part.labels_N.tolist() for name, part in opened.splits.items()} == {
        "train800": list(range(8)),
        "val200": [8, 9],
        "test": [10, 11, 12, 13, 14],
        "train800val200": list(range(10)),
    }
    assert np.array_equal(opened.splits["test"].read(2), pixels(12))
    assert np.array_equal(opened.splits["train800val200"].read(9), pixels(9))
    assert opened.splits["test"].name(2) == "dtd/images/test/000002.png"


def test_wrong_counts_are_remarks(root: Path) -> None:
    opened = open_list_folder(DTD[0], root)
    assert not opened.is_official
    assert opened.remarks == (
        "train800 has 8 images, VTAB has 800",
        "val200 has 2 images, VTAB has 200",
        "train800val200 has 10 images, VTAB has 1000",
        "test has 5 images, VTAB has 1880",
    )


def test_the_right_counts_are_official(tmp_path: Path) -> None:
    write_lists(tmp_path, "dtd", classes=47, counts={"train800": 800, "val200": 200, "test": 47})
    task = replace(DTD[0], sizes=Sizes(train=1_880, val=1_880, test=47))
    opened = open_list_folder(task, tmp_path)
    assert opened.is_official
    assert opened.remarks == ()


@pytest.mark.parametrize(
    ("learned", "judged"),
    [("train800", "test"), ("val200", "test"), ("train800val200", "test"), ("train800", "val200")],
)
def test_images_to_learn_from_that_are_judged_on_are_not_official(tmp_path: Path, learned: str, judged: str) -> None:
    write_lists(tmp_path, "dtd", classes=47, counts={"train800": 800, "val200": 200, "test": 47})
    file = tmp_path / "dtd" / f"{learned}.txt"
    tested = (tmp_path / "dtd" / f"{judged}.txt").read_text().splitlines()
    file.write_text("\n".join([*tested[:3], *file.read_text().splitlines()[3:]]))
    opened = open_list_folder(replace(DTD[0], sizes=Sizes(train=1_880, val=1_880, test=47)), tmp_path)
    assert not opened.is_official
    assert opened.remarks == (f"3 images stand in {learned} and in {judged}",)


def test_both_parts_are_joined_where_their_list_is_missing(root: Path) -> None:
    (root / "dtd" / "train800val200.txt").unlink()
    both = open_list_folder(DTD[0], root).splits["train800val200"]
    assert both.labels_N.tolist() == list(range(10))
    assert both.name(8) == "dtd/images/val200/000000.png"


def test_any_ending_and_spaces_in_paths(root: Path) -> None:
    odd = root / "dtd" / "images" / "test" / "an odd name.WEBP"
    (root / "dtd" / "images" / "test" / "000002.png").rename(odd)
    lists = root / "dtd" / "test.txt"
    lists.write_text(lists.read_text().replace("000002.png", odd.name).replace("\n", "\r\n"))
    test = open_list_folder(DTD[0], root).splits["test"]
    assert test.name(2).endswith("an odd name.WEBP")
    assert np.array_equal(test.read(2), pixels(12))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("images/test/000000.png", "is not PATH CLASS"),
        ("images/test/000000.png one", "is not PATH CLASS"),
        ("images/test/000000.png -1", "is not PATH CLASS"),
        (f"images/test/000000.png {'1' * 5000}", "is not PATH CLASS"),
        ("images/test/000000.png ٣", "is not PATH CLASS"),
        ("7", "is not PATH CLASS"),
        ("images/test/000000.png 47", "class 47 is not one of 0 to 46"),
        ("images/test/absent.png 1", "there is no file .*images/test/absent.png"),
        ("elsewhere/000000.png 1", "there is no file"),
        ("images/test 1", "there is no file"),
        (f"{'long' * 100}/000000.png 1", "there is no file"),
        ("images/te\0st/000000.png 1", "inside the folder"),
        ("../dtd/images/test/000000.png 1", "inside the folder"),
        ("/images/test/000000.png 1", "inside the folder"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(root: Path, line: str, said: str) -> None:
    with (root / "dtd" / "test.txt").open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(ViviError, match=rf"dtd/test\.txt, line 7: .*{said}") as caught:
        open_list_folder(DTD[0], root)
    assert "\n" not in str(caught.value)


def test_a_missing_or_empty_list_is_named(root: Path) -> None:
    (root / "dtd" / "val200.txt").write_text("")
    with pytest.raises(ViviError, match=r"dtd/val200\.txt is empty"):
        open_list_folder(DTD[0], root)
    (root / "dtd" / "val200.txt").unlink()
    assert has_lists(DTD[0], root)
    with pytest.raises(ViviError, match=r"dtd/val200\.txt is missing.*train800\.txt, val200\.txt, test\.txt"):
        open_list_folder(DTD[0], root)


def test_the_folder_of_the_original_files_has_no_lists(tmp_path: Path) -> None:
    (tmp_path / "dtd" / "labels").mkdir(parents=True)
    assert not has_lists(DTD[0], tmp_path)


@pytest.mark.parametrize(("ending", "lossy"), [("jpg", True), ("png", False)])
def test_jpeg_instead_of_uncompressed_images_is_told(tmp_path: Path, ending: str, lossy: bool) -> None:
    counts = {"train800": 800, "val200": 200, "test": 3}
    write_lists(tmp_path, "cifar", classes=100, counts=counts, ending=ending)
    opened = open_list_folder(replace(CIFAR[0], sizes=Sizes(train=45_000, val=5_000, test=3)), tmp_path)
    assert opened.is_official is not lossy
    assert any("JPEG" in remark for remark in opened.remarks) is lossy


@pytest.mark.parametrize("name", ["caltech101", "eurosat", "resisc45"])
def test_parts_that_nobody_can_rebuild_are_not_official(tmp_path: Path, name: str) -> None:
    (task,) = chosen([name])
    write_lists(tmp_path, name, classes=task.classes, counts={"train800": 800, "val200": 200, "test": 3})
    opened = open_list_folder(replace(task, sizes=replace(task.sizes, test=3)), tmp_path)
    assert not opened.is_official
    assert opened.remarks[0].startswith("VTAB's parts depend on the machine on which TFDS made them")


def test_the_content_decides_what_is_jpeg(tmp_path: Path) -> None:
    write_lists(tmp_path, "dtd", classes=47, counts=COUNTS, ending="jpg")
    assert not any("JPEG" in remark for remark in open_list_folder(DTD[0], tmp_path).remarks)
    write_lists(tmp_path, "cifar", classes=100, counts=COUNTS)
    renamed = tmp_path / "cifar" / "images" / "test"
    for file in list(renamed.iterdir()):
        file.rename(file.with_suffix(".jpg"))
    lists = tmp_path / "cifar" / "test.txt"
    lists.write_text(lists.read_text().replace(".png", ".jpg"))
    assert not any("JPEG" in remark for remark in open_list_folder(CIFAR[0], tmp_path).remarks)
