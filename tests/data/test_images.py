import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from vivi.core.errors import ViviError
from vivi.data.images import ImageFolder, LabelledImage, find_images, held_out


def touch(root: Path, paths: Iterable[str]) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def of(folder: ImageFolder, images: Iterable[LabelledImage]) -> list[tuple[str, str]]:
    return [(folder.classes[image.label], image.path) for image in images]


@pytest.mark.parametrize("names", [("train", "test"), ("train", "val"), ("train", "validation"), ("Train", "VAL")])
def test_given_split(tmp_path: Path, names: tuple[str, str]) -> None:
    train, test = names
    touch(tmp_path, [f"{train}/b/1.jpg", f"{train}/a/2.PNG", f"{train}/a/deep/er/3.jpeg", f"{test}/a/4.jpg"])
    folder = ImageFolder.open(tmp_path)
    assert folder.classes == ("a", "b")
    assert of(folder, folder.train) == [
        ("a", f"{train}/a/2.PNG"),
        ("a", f"{train}/a/deep/er/3.jpeg"),
        ("b", f"{train}/b/1.jpg"),
    ]
    assert of(folder, folder.test) == [("a", f"{test}/a/4.jpg")]
    assert folder.split == f"given: {train}, {test}"


def test_test_goes_before_val_and_the_rest_is_counted(tmp_path: Path) -> None:
    touch(
        tmp_path, ["train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "val/a/1.jpg", "extra/c/1.jpg", "train/loose.jpg"]
    )
    folder = ImageFolder.open(tmp_path)
    assert folder.split == "given: train, test"
    assert folder.unused == 3


def test_a_class_named_train_is_a_class_where_there_is_no_test(tmp_path: Path) -> None:
    touch(tmp_path, [f"{name}/{number}.jpg" for name in ("train", "bus") for number in range(4)])
    assert ImageFolder.open(tmp_path).classes == ("bus", "train")


def test_seeded_split_is_stratified_stable_and_said(tmp_path: Path) -> None:
    touch(
        tmp_path,
        [
            f"{name}/{number:03}.jpg"
            for name, count in {"a": 40, "b": 8, "c": 2, "d": 1}.items()
            for number in range(count)
        ],
    )
    touch(tmp_path, ["loose.jpg", ".hidden/x/1.jpg", "a/.hidden.jpg", "notes/readme.txt", "empty/.keep"])
    folder, again, other = (ImageFolder.open(tmp_path, seed=seed) for seed in (3, 3, 4))
    assert folder == again
    assert Counter(name for name, _ in of(folder, folder.test)) == {"a": 10, "b": 2, "c": 1}
    assert Counter(name for name, _ in of(folder, folder.train)) == {"a": 30, "b": 6, "c": 1, "d": 1}
    assert not {image.path for image in folder.train} & {image.path for image in folder.test}
    assert folder.split == "seeded 75/25, seed 3"
    assert folder.unused == 1
    assert {image.path for image in folder.test} != {image.path for image in other.test}


def test_caps_are_seeded_per_class_and_nested(tmp_path: Path) -> None:
    touch(
        tmp_path,
        [f"{split}/{name}/{number:02}.jpg" for split in ("train", "test") for name in "ab" for number in range(20)],
    )
    few, more, other = (
        ImageFolder.open(tmp_path, max_train=cap, max_test=2, seed=seed) for cap, seed in ((5, 0), (9, 0), (5, 1))
    )
    assert Counter(image.label for image in few.train) == {0: 5, 1: 5}
    assert Counter(image.label for image in few.test) == {0: 2, 1: 2}
    assert set(few.train) < set(more.train)
    assert set(few.train) != set(other.train)
    assert few.unused == 0


def test_names_with_spaces_unicode_and_bytes(tmp_path: Path) -> None:
    strange = os.fsdecode(b"\xff\xfe.jpg")
    touch(tmp_path, ["déjà vu/a b.jpg", "déjà vu/c.jpg", f"-rf/{strange}", "-rf/new\nline.jpg"])
    folder = ImageFolder.open(tmp_path)
    assert folder.classes == ("-rf", "déjà vu")
    assert all((tmp_path / image.path).exists() for image in (*folder.train, *folder.test))


def test_links_are_followed_and_loops_left(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", ["1.jpg", "2.jpg"])
    root = touch(tmp_path / "root", ["b/1.jpg", "b/2.jpg"])
    (root / "a").symlink_to(tmp_path / "elsewhere")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    (root / "b" / "back").symlink_to(root)
    assert find_images(root) == ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "c/1.jpg", "c/2.jpg"]


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ([], "holds no images in class folders"),
        (["a/readme.txt", "loose.jpg"], "holds no images in class folders"),
        (["a/1.jpg", "a/2.jpg"], "single class, 'a'"),
        (["train/x/1.jpg", "train/y/1.jpg"], "single class, 'train'.*if the folders inside.*give .*/train instead"),
        (["train/images/1.png", "val/images/1.png"], "single class, 'images': at least two class folders are needed$"),
        (
            ["train/a/1.jpg", "train/b/1.jpg", "test/b/1.jpg", "test/c/1.jpg"],
            "class 'c' has test images but no training",
        ),
        (["train/a/1.jpg", "train/b/1.jpg", "test/readme"], "no image is left to test on"),
        (["a/1.jpg", "b/1.jpg"], "no image is left to test on"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, paths: list[str], said: str) -> None:
    touch(tmp_path, paths)
    with pytest.raises(ViviError, match=said) as caught:
        ImageFolder.open(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder_and_bad_caps(tmp_path: Path) -> None:
    with pytest.raises(ViviError, match="is not a folder"):
        ImageFolder.open(tmp_path / "missing")
    with pytest.raises(ViviError, match="max_train is 0"):
        ImageFolder.open(tmp_path, max_train=0)


def test_held_out_shares() -> None:
    labels_N = np.repeat([5, 2, 9, 7], [100, 10, 2, 1])
    held_N = held_out(labels_N, share=0.2, seed=0, purpose="a")
    assert {label: int(held_N[labels_N == label].sum()) for label in (5, 2, 9, 7)} == {5: 20, 2: 2, 9: 1, 7: 0}
    assert np.array_equal(held_N, held_out(labels_N, share=0.2, seed=0, purpose="a"))
    assert not np.array_equal(held_N, held_out(labels_N, share=0.2, seed=0, purpose="b"))
    assert not np.array_equal(held_N, held_out(labels_N, share=0.2, seed=1, purpose="a"))


REAL_LAYOUTS = [
    ("cifar10", 10, 2000, 600, "given: train, test"),
    ("clothing_cc0", 10, 120, 60, "given: train, validation"),
    ("resisc45_12classes", 12, 600, 180, "given: train, test"),
    ("eurosat", 10, 1120, 380, "seeded 75/25, seed 0"),
    ("tiny_imagenet/train", 202, 1212, 404, "seeded 75/25, seed 0"),
    ("caltech101/101_ObjectCategories", 102, 816, 204, "seeded 75/25, seed 0"),
]


@pytest.mark.real
@pytest.mark.parametrize(("name", "classes", "train", "test", "split"), REAL_LAYOUTS)
def test_real_layouts(name: str, classes: int, train: int, test: int, split: str) -> None:
    root = os.environ.get("VIVI_REAL_DATA")
    if root is None:
        pytest.skip("VIVI_REAL_DATA is not set")
    folder = ImageFolder.open(Path(root) / "images" / name)
    assert (len(folder.classes), len(folder.train), len(folder.test), folder.split) == (classes, train, test, split)
    assert folder.unused == 0
