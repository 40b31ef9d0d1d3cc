"""Caltech101 from its tree of class folders: a split of our own, as even as TFDS's."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.reference.natural_sets import TREES, pixels, slow_order, write_caltech101

from vivi.core.errors import ViviError
from vivi.transfer.task import Examples
from vivi.transfer.tasks.caltech101 import read_caltech101

CLASSES = ("accordion", "BACKGROUND_Google", "Faces", "Faces_easy", "yin_yang")
"""In lower case alphabetical."""


def keys(part: Examples) -> list[str]:
    return [part.name(at).removeprefix("101_ObjectCategories/") for at in range(len(part))]


def test_thirty_images_of_each_class_are_learned_from_and_the_rest_tested(tmp_path: Path) -> None:
    write_caltech101(tmp_path)
    parts = read_caltech101(tmp_path / "101_ObjectCategories")
    learned = keys(parts.train) + keys(parts.val)
    assert (len(parts.train), len(parts.val), len(parts.test)) == (135, 15, 20)
    assert Counter(key.split("/")[0] for key in learned) == dict.fromkeys(TREES, 30)
    assert Counter(key.split("/")[0] for key in keys(parts.test)) == dict.fromkeys(TREES, 4)
    assert not set(learned) & set(keys(parts.test))
    assert learned == slow_order(learned, split="train")
    assert keys(parts.test) == slow_order(keys(parts.test), split="test")
    assert "file system" in parts.remarks[0]


def test_classes_are_lower_case_alphabetical_and_pixels_are_those_of_the_file(tmp_path: Path) -> None:
    write_caltech101(tmp_path)
    parts = read_caltech101(tmp_path / "101_ObjectCategories")
    for part in (parts.train, parts.val, parts.test):
        assert part.labels_N.tolist() == [CLASSES.index(key.split("/")[0]) for key in keys(part)]
    tree, _, name = keys(parts.val)[0].partition("/")
    assert np.array_equal(parts.val.read(0), pixels(100 * TREES.index(tree) + int(name[6:10])))


def test_what_is_drawn_depends_on_names_alone(tmp_path: Path) -> None:
    """The drawn images of a class are those whose md5, with a text of our own before the key, is smallest."""
    write_caltech101(tmp_path)
    parts = read_caltech101(tmp_path / "101_ObjectCategories")
    every = [f"Faces/image_{at:04d}.jpg" for at in range(1, 35)]
    drawn = slow_order(every, split="30 of each class")[:30]
    assert {key for key in keys(parts.train) + keys(parts.val) if key.startswith("Faces/")} == set(drawn)


def test_hidden_and_empty_folders_are_no_classes(tmp_path: Path) -> None:
    write_caltech101(tmp_path)
    folder = tmp_path / "101_ObjectCategories"
    (folder / ".cache").mkdir()
    (folder / ".cache" / "image_0001.jpg").write_bytes(b"")
    (folder / "airplanes").mkdir()
    parts = read_caltech101(folder)
    assert sorted(set(parts.train.labels_N.tolist())) == [0, 1, 2, 3, 4]
    assert len(parts.test) == 20


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ViviError, match=r"has no folders of images: unpack 101_ObjectCategories\.tar\.gz"):
            read_caltech101(folder)


def test_too_few_images_to_test_on_are_refused(tmp_path: Path) -> None:
    write_caltech101(tmp_path, images=30)
    with pytest.raises(ViviError, match="no class has more than 30 images"):
        read_caltech101(tmp_path / "101_ObjectCategories")
