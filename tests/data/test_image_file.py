import os
import random
import struct
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from vivi.core.errors import ViviError
from vivi.data.image_file import (
    MAX_PIXELS,
    ImageError,
    decode_image,
    image_extensions,
    load_image,
    printable,
    read_image,
)

SIDE = 16


@pytest.fixture
def picture() -> np.ndarray:
    """Smooth, so that lossy formats keep it, and without symmetry."""
    rows, columns = np.mgrid[0:40, 0:60] / 60
    channels = [rows, columns, 1 - rows * columns]
    return (np.stack(channels, axis=-1) * 200 + 20).astype(np.uint8)


def squashed(picture_HWC: np.ndarray, size: int = SIDE) -> np.ndarray:
    """Bilinear with half-pixel centres and no antialiasing, a pixel at a time."""
    height, width, _ = picture_HWC.shape
    out = np.zeros((3, size, size))
    for row in range(size):
        for column in range(size):
            y = min(max((row + 0.5) * height / size - 0.5, 0), height - 1)
            x = min(max((column + 0.5) * width / size - 0.5, 0), width - 1)
            top, left = int(y), int(x)
            below, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = picture_HWC[top, left] * (1 - x + left) + picture_HWC[top, right] * (x - left)
            lower = picture_HWC[below, left] * (1 - x + left) + picture_HWC[below, right] * (x - left)
            out[:, row, column] = upper * (1 - y + top) + lower * (y - top)
    return out


def assert_near(found: np.ndarray, expected: np.ndarray, *, within: float) -> None:
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.abs(found.astype(float) - expected.astype(float)).max() <= within


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("a.png", 1),
        ("a.bmp", 1),
        ("a.ppm", 1),
        ("a.tiff", 1),
        ("a.JPG", 6),
        ("a.webp", 8),
        ("a.gif", 40),
        ("a b é.png", 1),
    ],
)
def test_formats_are_squashed_alike(tmp_path: Path, picture: np.ndarray, name: str, within: float) -> None:
    Image.fromarray(picture).save(tmp_path / name)
    assert_near(load_image(tmp_path / name, SIDE), squashed(picture), within=within)


def test_content_decides_not_the_name(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(tmp_path / "a.jpg", format="PNG")
    assert_near(load_image(tmp_path / "a.jpg", SIDE), squashed(picture), within=1)


def test_jpeg_is_decoded_as_pillow_does(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        expected = cv2.resize(np.asarray(image), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    assert_near(load_image(tmp_path / "a.jpg", SIDE), expected.transpose(2, 0, 1), within=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_orientation_is_that_of_a_viewer(tmp_path: Path, picture: np.ndarray, orientation: int, name: str) -> None:
    image = Image.fromarray(picture)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / name, exif=exif)
    with Image.open(tmp_path / name) as saved:
        upright = np.asarray(ImageOps.exif_transpose(saved).convert("RGB"))
    assert_near(load_image(tmp_path / name, SIDE), squashed(upright), within=2)


def test_grey_gives_three_equal_channels(tmp_path: Path, picture: np.ndarray) -> None:
    grey_HW = picture[..., 0]
    expected = squashed(np.repeat(grey_HW[..., None], 3, axis=2))
    Image.fromarray(grey_HW).save(tmp_path / "8.png")
    Image.fromarray(grey_HW.astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(grey_HW.astype(np.uint16) * 257).save(tmp_path / "16.tiff")
    for name in ("8.png", "16.png", "16.tiff"):
        assert_near(load_image(tmp_path / name, SIDE), expected, within=1)


def test_black_and_white(tmp_path: Path, picture: np.ndarray) -> None:
    bits_HW = picture[..., 0] > 80
    Image.fromarray(bits_HW).save(tmp_path / "a.png")
    expected = squashed(np.repeat(bits_HW[..., None], 3, axis=2).astype(np.uint8) * 255)
    assert_near(load_image(tmp_path / "a.png", SIDE), expected, within=1)


def test_alpha_is_dropped(tmp_path: Path, picture: np.ndarray) -> None:
    alpha_HW = np.full(picture.shape[:2], 7, dtype=np.uint8)
    Image.fromarray(np.dstack([picture, alpha_HW])).save(tmp_path / "a.png")
    assert_near(load_image(tmp_path / "a.png", SIDE), squashed(picture), within=1)


def test_palette_and_cmyk_are_converted(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture).quantize(256).save(tmp_path / "palette.png")
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert_near(load_image(tmp_path / "palette.png", SIDE), squashed(picture), within=40)
    assert_near(load_image(tmp_path / "cmyk.jpg", SIDE), squashed(picture), within=10)


def test_first_of_several_pages(tmp_path: Path, picture: np.ndarray) -> None:
    second = Image.fromarray(255 - picture)
    Image.fromarray(picture).save(tmp_path / "a.tiff", save_all=True, append_images=[second])
    assert_near(load_image(tmp_path / "a.tiff", SIDE), squashed(picture), within=1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (70000, 1)])
def test_extreme_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    Image.fromarray(np.full((*shape, 3), 99, dtype=np.uint8)).save(tmp_path / "a.png")
    assert np.array_equal(load_image(tmp_path / "a.png", SIDE), np.full((3, SIDE, SIDE), 99))


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8193, 10000, 30000])
@pytest.mark.filterwarnings("ignore")
def test_bombs_are_refused_by_their_header(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    with pytest.raises(ImageError, match=f"too large.*at most {MAX_PIXELS}"):
        load_image(tmp_path / "a.png", SIDE)


def test_bomb_is_refused_where_warnings_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(10000, 10000))
    with pytest.raises(ImageError, match="too large"):
        load_image(tmp_path / "a.png", SIDE)


def test_reasons(tmp_path: Path, picture: np.ndarray) -> None:
    whole = BytesIO()
    Image.fromarray(picture).save(whole, format="JPEG")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_bytes(b"a text, not an image")
    (tmp_path / "half.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (tmp_path / "drawing.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "float.tiff")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    reasons = {
        "empty.jpg": "empty file",
        "text.jpg": "not an image",
        "half.jpg": "damaged",
        "drawing.png": "not an image",
        "float.tiff": "32-bit",
        "folder.jpg": "not a regular file",
        "pipe.jpg": "not a regular file",
        "dangling.jpg": "no such file",
    }
    for name, reason in reasons.items():
        with pytest.raises(ImageError) as caught:
            load_image(tmp_path / name, SIDE)
        assert caught.value.reason.startswith(reason), name
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_an_image_of_its_own_size_is_upright_from_a_file_and_from_bytes(
    tmp_path: Path, picture: np.ndarray, name: str
) -> None:
    image = Image.fromarray(picture)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / name, exif=exif)
    with Image.open(tmp_path / name) as saved:
        expected = np.asarray(ImageOps.exif_transpose(saved).convert("RGB"))
    found = read_image(tmp_path / name)
    assert found.shape == (60, 40, 3)
    assert_near(found, expected, within=1)
    assert np.array_equal(decode_image((tmp_path / name).read_bytes(), name="a record"), found)


def test_grey_of_its_own_size_has_three_channels(tmp_path: Path, picture: np.ndarray) -> None:
    grey_HW = picture[..., 0]
    Image.fromarray(grey_HW).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.repeat(grey_HW[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "empty"), (b"no image", "not an image"), (b"\x89PNG", "not an image")]
)
def test_a_record_that_gives_no_image_is_named(data: bytes, said: str) -> None:
    with pytest.raises(
        ImageError, match=rf"^all\.bin, record 7: {said}.*fetch the file that holds it again$"
    ) as caught:
        decode_image(data, name="all.bin, record 7")
    assert caught.value.reason.startswith(said)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on damaged metadata
def test_damage_gives_pixels_or_an_image_error(tmp_path: Path, picture: np.ndarray, kind: str) -> None:
    whole = BytesIO()
    Image.fromarray(picture).save(whole, format=kind)
    chance = random.Random(0)
    for _ in range(40):
        data = bytearray(whole.getvalue())
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "a").write_bytes(data[: chance.randint(1, len(data))])
        try:
            assert load_image(tmp_path / "a", SIDE).shape == (3, SIDE, SIDE)
        except ViviError as error:
            assert isinstance(error, ImageError)


def test_extensions_are_those_of_pixel_formats() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".bmp", ".gif", ".ppm"} <= image_extensions()
    assert not {".eps", ".pdf", ".mpg", ".h5", ".jpg ", ""} & image_extensions()


def test_printable_names() -> None:
    assert printable("a é.jpg") == "a é.jpg"
    assert printable(os.fsdecode(b"a\xff.jpg")) == "a\\xff.jpg"
