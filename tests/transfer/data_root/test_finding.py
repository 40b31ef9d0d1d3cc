"""What a data root has, and tasks opened from it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.reference import natural_sets as sets
from tests.reference.tfrecord_files import example, write_records

from vivi.core.errors import ViviError
from vivi.transfer.data_root.finding import open_task, survey
from vivi.transfer.suites import chosen
from vivi.transfer.task import Sizes, Task

NATURAL = ("caltech101", "cifar", "dtd", "oxford_flowers102", "oxford_iiit_pet", "sun397", "svhn")
SIZES = {
    "caltech101": (135, 15, 20),
    "cifar": (45, 5, 20),
    "dtd": (12, 9, 6),
    "oxford_flowers102": (4, 3, 5),
    "oxford_iiit_pet": (16, 4, 6),
    "sun397": (20, 8, 12),
    "svhn": (36, 4, 15),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Miniatures of all seven."""
    sets.write_caltech101(tmp_path)
    sets.write_cifar100(tmp_path)
    sets.write_dtd(tmp_path)
    sets.write_flowers(tmp_path)
    sets.write_pets(tmp_path)
    sets.write_sun397(tmp_path)
    sets.write_svhn(tmp_path)
    return tmp_path


def task(name: str) -> Task:
    return chosen([name])[0]


@pytest.mark.parametrize("name", NATURAL)
def test_every_natural_task_opens_from_its_original_files(root: Path, name: str) -> None:
    opened = open_task(task(name), root)
    splits = opened.splits
    assert (len(splits["train"]), len(splits["val"]), len(splits["test"])) == SIZES[name]
    assert opened.origin == "original files"
    assert not opened.is_official
    assert f"train has {SIZES[name][0]} images, VTAB has {task(name).sizes.train}" in opened.remarks
    whole = [{part.name(at) for at in range(len(part))} for part in (splits["train"], splits["val"], splits["test"])]
    assert len(set.union(*whole)) == sum(map(len, whole)) == sum(SIZES[name])
    for part in (splits["train800"], splits["val200"], splits["test"]):
        assert part.read(len(part) - 1).shape[2] == 3


@pytest.mark.parametrize("name", NATURAL)
def test_the_right_sizes_are_official_but_for_caltech(root: Path, name: str) -> None:
    train, val, test = SIZES[name]
    opened = open_task(replace(task(name), sizes=Sizes(train=train, val=val, test=test)), root)
    assert opened.is_official is (name != "caltech101")
    assert len(opened.remarks) == (name == "caltech101")


def test_the_survey_says_what_is_found_and_what_is_missing(root: Path) -> None:
    (root / "svhn" / "test_32x32.mat").unlink()
    (root / "SUN397" / "sun397_tfds_va.txt").unlink()
    sets.write_lists(root, "cifar", classes=100, counts={"train800": 2, "val200": 1, "test": 1})
    sets.write_lists(root, "dtd", classes=47, counts={"train800": 2, "val200": 1, "test": 1})
    (root / "dtd" / "test.txt").unlink()
    found = {each.task.name: each for each in survey(root, [*(task(name) for name in NATURAL), task("kitti")])}
    assert {name for name, each in found.items() if each.is_there} == {
        "caltech101", "cifar", "oxford_flowers102", "oxford_iiit_pet",
    }  # fmt: skip
    assert {name for name, each in found.items() if not each.is_begun} == {"kitti"}
    assert found["dtd"].missing == ("dtd/test.txt",)
    assert found["svhn"].missing == ("svhn/test_32x32.mat",)
    assert found["sun397"].missing == ("SUN397/sun397_tfds_va.txt",)
    assert [name for name, each in found.items() if each.has_lists] == ["cifar", "dtd"]


def test_lists_come_first(root: Path) -> None:
    sets.write_lists(root, "dtd", classes=47, counts={"train800": 2, "val200": 1, "test": 1})
    assert open_task(task("dtd"), root).origin == "lists of vtab-1k"
    assert open_task(task("cifar"), root).origin == "original files"
    (root / "dtd" / "test.txt").unlink()
    with pytest.raises(ViviError, match=r"dtd/test\.txt is missing: a task in lists needs"):
        open_task(task("dtd"), root)


def test_a_folder_that_tfds_prepared_comes_last(tmp_path: Path) -> None:
    folder = tmp_path / "dtd" / "3.0.1"
    image = tmp_path / "a.png"
    sets.write_image(image, 5)
    for split in ("train", "validation", "test"):
        payloads = [example({"image": image.read_bytes(), "label": label}) for label in (4, 46)]
        write_records(folder / f"dtd-{split}.tfrecord-00000-of-00001", payloads)
    splits = [{"name": split, "shardLengths": ["2"]} for split in ("train", "validation", "test")]
    (folder / "dataset_info.json").write_text(json.dumps({"name": "dtd", "splits": splits}))
    (found,) = survey(tmp_path, [task("dtd")])
    assert (found.is_there, found.prepared) == (True, folder)
    opened = open_task(task("dtd"), tmp_path)
    assert opened.origin == "prepared by TFDS: dtd 3.0.1"
    assert opened.splits["val"].labels_N.tolist() == [4, 46]
    sets.write_dtd(tmp_path)
    assert open_task(task("dtd"), tmp_path).origin == "original files"


def test_what_is_missing_is_said_with_where_to_get_it(tmp_path: Path) -> None:
    said = r"SVHN: .* has neither svhn/train800\.txt nor svhn/train_32x32\.mat: get http://ufldl\.stanford\.edu"
    with pytest.raises(ViviError, match=said):
        open_task(task("svhn"), tmp_path)
    (tmp_path / "cifar-100-python").mkdir()
    with pytest.raises(ViviError, match=r"cifar-100-binary/train\.bin: get .*cifar-100-binary\.tar\.gz.*pickles"):
        open_task(task("cifar"), tmp_path)
    with pytest.raises(ViviError, match="is not a folder"):
        open_task(task("cifar"), tmp_path / "absent")


def test_a_class_that_the_task_does_not_have_is_named(root: Path) -> None:
    with pytest.raises(ViviError, match=r"train\.bin, record \d+ has class \d+, not one of 0 to 49"):
        open_task(replace(task("cifar"), classes=50), root)
    lines = (root / "oxford-iiit-pet" / "annotations" / "test.txt").read_text().splitlines()
    name = lines[0].split()[0]
    sets.write_lines(root / "oxford-iiit-pet" / "annotations" / "test.txt", [f"{name} 0 1 1", *lines[1:]])
    with pytest.raises(ViviError, match=rf"images/{name}\.jpg has class -1"):
        open_task(task("oxford_iiit_pet"), root)


def test_a_task_is_chosen_by_its_name() -> None:
    assert [each.name for each in chosen(["svhn", "dtd"])] == ["dtd", "svhn"]
    with pytest.raises(ViviError, match="no task 'caltech', did you mean 'caltech101'"):
        chosen(["caltech"])
