"""Images with an EXIF orientation: VTAB's as they are stored, a user's own as a viewer shows them."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.reference.tfrecord_files import example, write_records

from vivi.data.image_file import ImageError, decode_stored
from vivi.transfer.data_root.folder_task import open_folder_task
from vivi.transfer.formats.image_list import keyed_images
from vivi.transfer.formats.records import index_examples
from vivi.transfer.formats.tfds_pixels import read_as_stored

STORED_HWC = np.random.default_rng(3).integers(0, 256, (5, 8, 3)).astype(np.uint8)


def turned(orientation: int, *, kind: str = "PNG") -> bytes:
    """A file that asks to be shown another way than it is stored."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(STORED_HWC).save(file, kind, exif=exif)
    return file.getvalue()


def as_shown(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_files_and_records_of_vtab_are_not_turned(tmp_path: Path, orientation: int) -> None:
    (tmp_path / "a.png").write_bytes(turned(orientation))
    assert np.array_equal(keyed_images(tmp_path, ["a.png"], labels=[0], split="train").read(0), STORED_HWC)
    write_records(tmp_path / "records", [example({"image": turned(orientation), "label": 0})])
    records, _ = index_examples([tmp_path / "records"], visit=lambda _: None)
    assert np.array_equal(records.pixels(0), STORED_HWC)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_what_tfds_reads_with_opencv_is_turned_as_opencv_does(tmp_path: Path, orientation: int) -> None:
    (tmp_path / "a.png").write_bytes(turned(orientation))
    seen: list[np.ndarray] = []
    read_as_stored(tmp_path / "a.png", process=lambda pixels_HWC: seen.append(pixels_HWC) or pixels_HWC)
    opencv = cv2.imdecode(np.frombuffer(turned(orientation), np.uint8), flags=3)
    assert np.array_equal(seen[0], opencv[..., ::-1]) and np.array_equal(seen[0], as_shown(turned(orientation)))


def test_a_folder_of_ones_own_is_shown_upright(tmp_path: Path) -> None:
    for number in range(10):
        for name in "ab":
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{number}.png").write_bytes(turned(6))
    assert np.array_equal(open_folder_task(tmp_path).splits["test"].read(0), as_shown(turned(6)))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_orientation_that_is_not_asked_for_may_be_damaged(kind: str) -> None:
    file = io.BytesIO()
    Image.fromarray(STORED_HWC).save(file, kind, exif=b"Exif\0\0MM\0*", lossless=True)
    assert np.array_equal(decode_stored(file.getvalue(), name="record 3"), STORED_HWC)


def test_an_empty_record_is_named() -> None:
    with pytest.raises(ImageError, match="record 3: empty"):
        decode_stored(b"", name="record 3")
