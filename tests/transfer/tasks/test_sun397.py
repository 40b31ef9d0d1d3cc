"""SUN397 from its tree and TFDS's three lists."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.reference.natural_sets import (
    BAD_PLACE,
    PLACES,
    slow_order,
    write_image,
    write_images,
    write_lines,
    write_sun397,
)

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.task import Sizes
from vivi.transfer.tasks.sun397 import TASKS, read_as_tfds, read_sun397

(TASK,) = TASKS


def test_the_listed_parts_in_the_order_of_tfds(tmp_path: Path) -> None:
    lists = write_sun397(tmp_path)
    parts = read_sun397(tmp_path / "SUN397")
    for part, name, split in (
        (parts.train, "tr", "train"),
        (parts.val, "va", "validation"),
        (parts.test, "te", "test"),
    ):
        keys = [str(key) for key in slow_order(set(lists[name]) - {BAD_PLACE}, split=split)]
        assert [part.name(at) for at in range(len(part))] == [f"SUN397{key}" for key in keys]
        assert part.labels_N.tolist() == [PLACES.index(key.rpartition("/")[0]) for key in keys]
        assert part.read(0).shape == (5, 6, 3)
    assert parts.remarks == ()


def test_the_image_that_does_not_decode_is_left_out_and_the_rest_is_vtab(tmp_path: Path) -> None:
    write_sun397(tmp_path)
    small = replace(TASK, classes=4, sizes=Sizes(train=21, val=8, test=12, undecodable=1))
    opened = open_parts(small, read_sun397(tmp_path / "SUN397"), origin="original files")
    train = opened.splits["train"]
    assert f"SUN397{BAD_PLACE}" not in [train.name(at) for at in range(len(train))]
    assert opened.is_official
    assert len(opened.remarks) == 1
    assert "train lacks 1 of VTAB's 21 images" in opened.remarks[0]
    assert TASK.sizes == Sizes(train=76_128, val=10_875, test=21_750, undecodable=1)


def test_an_image_too_narrow_to_be_made_smaller_is_named(tmp_path: Path) -> None:
    for height, width, said in ((1, 1_000_000, "it would have 0 x"), (1, 110_000, "a side of 110000 pixels")):
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(tmp_path / "a.jpg", format="PNG")
        with pytest.raises(ImageError, match=rf"a\.jpg: .*{said}.*; repair or remove this file"):
            read_as_tfds(tmp_path / "a.jpg")


def test_golden_order_of_known_keys(tmp_path: Path) -> None:
    """The first three and the 800th of the real training list."""
    order = (
        "/r/rope_bridge/sun_biqflnsoednmhvce.jpg",
        "/t/tower/sun_avxiyhlcnzjayhrk.jpg",
        "/b/bedroom/sun_aakynfpfyupnkxtn.jpg",
        "/b/bar/sun_avqwmcsxnmlvapuv.jpg",
    )
    write_sun397(tmp_path)
    write_images(tmp_path / "SUN397", {key.lstrip("/"): at for at, key in enumerate(order)})
    write_lines(tmp_path / "SUN397" / "sun397_tfds_tr.txt", (*sorted(order), BAD_PLACE))
    train = read_sun397(tmp_path / "SUN397").train
    assert [train.name(at) for at in range(len(train))] == [f"SUN397{key}" for key in order]


@pytest.mark.parametrize(
    ("height", "width", "shape"), [(400, 600, (283, 424)), (300, 400, (300, 400)), (20, 31, (20, 31))]
)
def test_large_images_are_made_smaller_and_all_go_through_jpeg(
    tmp_path: Path, height: int, width: int, shape: tuple[int, int]
) -> None:
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = np.stack([rows * 200 / height, columns * 200 / width, 255 - rows * 100 / height], -1).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", format="PNG")
    found = read_as_tfds(tmp_path / "a.jpg")
    assert found.dtype == np.uint8
    assert found.shape == (*shape, 3)
    expected = cv2.resize(smooth, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR).astype(float)
    assert np.abs(found - expected).mean() < 1.5  # red stays red
    assert not np.array_equal(found, expected)


def test_an_image_that_does_not_decode_is_named(tmp_path: Path) -> None:
    write_sun397(tmp_path)
    broken = tmp_path / "SUN397" / "a" / "abbey" / "sun_0005.jpg"
    broken.write_bytes(b"no image")
    val = read_sun397(tmp_path / "SUN397").val
    at = [val.name(at) for at in range(len(val))].index("SUN397/a/abbey/sun_0005.jpg")
    with pytest.raises(ImageError, match=r"sun_0005\.jpg: not an image"):
        val.read(at)
    write_image(broken, 1)
    assert val.read(at).shape == (5, 6, 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a/abbey/sun_1.jpg", "not like /a/abbey"),
        ("/abbey/sun_1.jpg", "not like /a/abbey"),
        ("/a/../../sun_1.jpg", "inside the folder"),
        ("//a/abbey/sun_1.jpg", "inside the folder"),
        ("/a/ab\0bey/sun_1.jpg", "inside the folder"),
    ],
)
def test_a_line_of_another_form_is_named(tmp_path: Path, line: str, said: str) -> None:
    write_sun397(tmp_path)
    with (tmp_path / "SUN397" / "sun397_tfds_va.txt").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ViviError, match=rf"sun397_tfds_va\.txt, line 9: .*{said}"):
        read_sun397(tmp_path / "SUN397")


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    write_sun397(tmp_path)
    (tmp_path / "SUN397" / "c" / "church" / "outdoor" / "sun_0008.jpg").unlink()
    with pytest.raises(ViviError, match=r"c/church/outdoor/sun_0008\.jpg is missing"):
        read_sun397(tmp_path / "SUN397")
