"""DTD from its folder of images and its lists of fold 1."""

from pathlib import Path

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order, write_dtd

from vivi.core.errors import ViviError
from vivi.transfer.tasks.dtd import read_dtd

CLASSES = ("banded", "polka-dotted", "zigzagged")


def test_the_official_parts_in_the_order_of_tfds(tmp_path: Path) -> None:
    lists = write_dtd(tmp_path)
    every = [key for keys in lists.values() for key in keys]
    parts = read_dtd(tmp_path / "dtd")
    for part, name, split in (
        (parts.train, "train1", "train"),
        (parts.val, "val1", "validation"),
        (parts.test, "test1", "test"),
    ):
        keys = slow_order(lists[name], split=split)
        assert [part.name(at) for at in range(len(part))] == [f"images/{key}" for key in keys]
        assert part.labels_N.tolist() == [CLASSES.index(str(key).split("/")[0]) for key in keys]
        assert np.array_equal(part.read(1), pixels(every.index(str(keys[1]))))
    assert parts.remarks == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("banded_0001.jpg", r"labels/val1\.txt, line 10: 'banded_0001.jpg' is not CLASS/IMAGE"),
        ("../banded/a.jpg", r"labels/val1\.txt, line 10: .*inside the folder"),
        ("/etc/passwd", "inside the folder"),
    ],
)
def test_a_line_of_another_form_is_named(tmp_path: Path, line: str, said: str) -> None:
    write_dtd(tmp_path)
    with (tmp_path / "dtd" / "labels" / "val1.txt").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ViviError, match=said) as caught:
        read_dtd(tmp_path / "dtd")
    assert "val1.txt" in str(caught.value)


def test_an_empty_or_missing_list_is_named(tmp_path: Path) -> None:
    write_dtd(tmp_path)
    (tmp_path / "dtd" / "labels" / "test1.txt").write_text("\n")
    with pytest.raises(ViviError, match=r"test1\.txt is empty"):
        read_dtd(tmp_path / "dtd")
    (tmp_path / "dtd" / "labels" / "test1.txt").unlink()
    with pytest.raises(ViviError, match=r"cannot read .*test1\.txt"):
        read_dtd(tmp_path / "dtd")


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    write_dtd(tmp_path)
    (tmp_path / "dtd/images/zigzagged/zigzagged_0008.jpg").unlink()
    with pytest.raises(ViviError, match=r"zigzagged_0008\.jpg is missing"):
        read_dtd(tmp_path / "dtd")
