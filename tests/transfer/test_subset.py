"""The order of TFDS, by the values that are known, and VTAB's cuts of it."""

from fractions import Fraction

import numpy as np
import pytest

from vivi.transfer.subset import cut, tfds_order, vtab_splits
from vivi.transfer.task import Examples, Parts, joined


def examples(count: int, *, first: int = 0) -> Examples:
    """Images whose only pixel is their number."""
    return Examples(
        labels_N=np.arange(first, first + count, dtype=np.int64) % 7,
        read=lambda at: np.full((1, 1, 3), (first + at) % 256, np.uint8),
        name=lambda at: f"image {first + at}",
    )


def names(of: Examples) -> list[str]:
    return [of.name(at) for at in range(len(of))]


def test_tfds_own_example():
    """tensorflow_datasets' import_without_tf_test: the first of the keys 0..19 in "train"."""
    assert tfds_order(range(20), split="train")[0] == 6


@pytest.mark.parametrize(
    ("count", "split", "start", "expected"),
    [
        (50_000, "train", 0, [16399, 1680, 47917, 17307, 27051]),  # CIFAR-100 train800
        (50_000, "train", 45_000, [13431, 9237, 17462, 32685, 9518]),  # val200
        (73_257, "train", 65_931, [21145, 64736, 23870, 1919, 26393]),  # SVHN val200
        (24_300, "test", 0, [23018, 16932, 19084, 9933, 24157]),  # smallNORB val200
        (24_300, "test", 12_150, [299, 2838, 15595]),
    ],
)
def test_golden_vectors_of_row_numbers(count, split, start, expected):
    order = tfds_order(range(count), split=split)
    assert order[start : start + len(expected)].tolist() == expected
    assert np.array_equal(np.sort(order), np.arange(count))


def test_golden_vectors_of_names():
    pcam = [f"train_{number}" for number in range(262_144)]
    clevr = [f"CLEVR_train_{number:06d}.png" for number in range(70_000)]
    assert [pcam[at] for at in tfds_order(pcam, split="train")[:4]] == [
        "train_251464", "train_132287", "train_133786", "train_86259",
    ]  # fmt: skip
    order = tfds_order(clevr, split="train")
    assert [clevr[at][12:18] for at in order[:5]] == ["043876", "033421", "062025", "021419", "004851"]
    assert [clevr[at][12:18] for at in order[63_000:63_003]] == ["035084", "029360", "004525"]


@pytest.mark.parametrize(
    ("count", "shares", "sizes"),
    [
        (73_257, (Fraction(9, 10), Fraction(1, 10)), [65_931, 7_326]),
        (3_680, (0.8, 0.2), [2_944, 736]),
        (27_000, (0.6, 0.2, 0.2), [16_200, 5_400, 5_400]),
        (5, (Fraction(1, 2), Fraction(1, 2)), [2, 3]),
    ],
)
def test_cuts_are_contiguous_and_whole(count, shares, sizes):
    parts = cut(examples(count), shares=shares)
    assert [len(part) for part in parts] == sizes
    assert [name for part in parts for name in names(part)] == names(examples(count))


def test_examples_follow_positions_and_joins():
    some = examples(5).take(np.array([3, 1]))
    both = joined((some, examples(0), examples(2, first=10)))
    assert names(both) == ["image 3", "image 1", "image 10", "image 11"]
    assert both.labels_N.tolist() == [3, 1, 3, 4]
    assert [int(both.read(at)[0, 0, 0]) for at in range(4)] == [3, 1, 10, 11]


def test_the_splits_of_both_versions():
    splits = vtab_splits(Parts(train=examples(2000), val=examples(300, first=2000), test=examples(50, first=2300)))
    assert {name: len(each) for name, each in splits.items()} == {
        "train": 2000, "val": 300, "test": 50, "trainval": 2300, "train800": 800, "val200": 200,
        "train800val200": 1000, "train1000": 1000, "trainval1000": 1000,
    }  # fmt: skip
    assert names(splits["train800val200"]) == names(examples(800)) + names(examples(200, first=2000))
    assert names(splits["trainval1000"]) == names(examples(1000))


def test_a_small_training_part_is_filled_from_the_validation_part_in_version_1():
    """KITTI and others are larger; a user's own task may not be."""
    splits = vtab_splits(Parts(train=examples(900), val=examples(300, first=900), test=examples(1)))
    assert names(splits["trainval1000"]) == names(examples(1000))
    assert len(splits["train1000"]) == 900
