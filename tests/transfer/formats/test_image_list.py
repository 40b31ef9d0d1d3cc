"""Images in files, in order, and the lists that name them."""

from pathlib import Path

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order, write_images

from vivi.core.errors import ViviError
from vivi.transfer.formats.image_list import inside, keyed_images, numbered_lines, require_files, whole_number


def test_keys_decide_the_order_and_paths_name_the_files(tmp_path: Path) -> None:
    paths = {f"key {number}": f"folder/{number}.png" for number in range(9)}
    write_images(tmp_path, {path: number for number, path in enumerate(paths.values())})
    found = keyed_images(tmp_path, list(paths), labels=range(9), split="test", paths=list(paths.values()))
    keys = [str(key) for key in slow_order(paths, split="test")]
    assert [found.name(at) for at in range(9)] == [f"{tmp_path.name}/{paths[key]}" for key in keys]
    assert found.labels_N.tolist() == [int(key[4:]) for key in keys]
    assert np.array_equal(found.read(3), pixels(int(keys[3][4:])))


def test_a_slash_in_front_of_a_key_is_no_part_of_its_path(tmp_path: Path) -> None:
    write_images(tmp_path, {"a/b/0.png": 0, "a/b/1.png": 1})
    keys = ["/a/b/0.png", "/a/b/1.png"]
    found = keyed_images(tmp_path, keys, labels=(0, 1), split="train")
    assert [found.name(at) for at in range(2)] == [f"{tmp_path.name}{key}" for key in slow_order(keys, split="train")]


def test_files_that_are_missing_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, {"a/0.png": 0, "b/0.png": 0})
    (tmp_path / "b" / "1.png").mkdir()
    require_files(tmp_path, paths=["a/0.png", "b/0.png"])
    with pytest.raises(ViviError, match=r"b/1\.png and 1 more are missing: fetch and unpack"):
        require_files(tmp_path, paths=["a/0.png", "b/1.png", "b/2.png"])
    with pytest.raises(ViviError, match=r"cannot read the folder .*/c \(No such file or directory\)"):
        require_files(tmp_path, paths=["a/0.png", "c/0.png"])


def test_empty_lines_count_but_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\n\n  two \n\n")
    assert numbered_lines(tmp_path / "a.txt") == [
        (f"{tmp_path}/a.txt, line 1", "one"),
        (f"{tmp_path}/a.txt, line 3", "two"),
    ]
    (tmp_path / "a.txt").write_bytes(b"\n \n")
    with pytest.raises(ViviError, match=r"a\.txt is empty: fetch it again"):
        numbered_lines(tmp_path / "a.txt")


@pytest.mark.parametrize("path", ["/a", "../a", "a/../../b", "a\\b", "a\0b", ".."])
def test_paths_that_lead_elsewhere(path: str) -> None:
    with pytest.raises(ViviError, match=r"a\.txt, line 2: .* is not a relative path with slashes inside the folder"):
        inside(path, where="a.txt, line 2")


@pytest.mark.parametrize("path", ["a", "a/b.c", "a/..b", "a b/c"])
def test_paths_that_stay_inside(path: str) -> None:
    assert inside(path, where="a.txt, line 2") == path


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("0047", 47), ("999999999", 999_999_999), ("1234567890", None), ("", None)]
)
def test_whole_numbers(text: str, number: int | None) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["-1", "+1", "1.0", " 1", "1\n", "٣", "²", "1" * 5000])
def test_other_texts_are_no_whole_numbers(text: str) -> None:
    assert whole_number(text) is None
