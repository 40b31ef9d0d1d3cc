import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.reference.slow_centre_crop import slow_centre_crop

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError, load_image
from vivi.transfer.pictures import centre_crop, load_both, read_pictures

SHAPES = {"portrait": (61, 40), "landscape": (37, 90), "square": (55, 55), "small": (9, 11), "as it comes": (32, 32)}


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("size", [28, 13])
def test_centre_crop_is_that_of_the_slow_reference(shape: tuple[int, int], size: int) -> None:
    pixels = noise(*shape)
    crop = centre_crop(pixels, size)
    assert crop.dtype == np.uint8 and crop.shape == (size, size, 3)
    assert np.abs(crop - slow_centre_crop(pixels, size)).max() <= 0.501


@pytest.mark.parametrize("shape", [(20, 31), (31, 20), (9, 9)])
def test_an_enlarged_image_is_as_pillow_makes_it(shape: tuple[int, int]) -> None:
    """Pillow smooths when it shrinks; when it enlarges, it is plain bilinear too."""
    size, pixels = 56, noise(*shape)
    height, width = (round(side * 64 / min(shape)) for side in shape)
    top, left = (height - size) // 2, (width - size) // 2
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    expected = np.asarray(resized.crop((left, top, left + size, top + size)))
    assert np.abs(centre_crop(pixels, size).astype(int) - expected).max() <= 1


def test_at_the_papers_size_nothing_is_resampled_that_has_256_pixels() -> None:
    pixels = noise(256, 300)
    assert np.array_equal(centre_crop(pixels, 224), pixels[16:240, 38:262])


def test_long_thin_images_take_no_more_memory_than_others() -> None:
    pixels = np.zeros((2, 60_000, 3), dtype=np.uint8)
    pixels[:, 30_000:] = 200
    tracemalloc.start()
    crop = centre_crop(pixels, 224)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24  # resized as a whole it would have six gigabytes
    assert (crop[:, :48] == 0).all() and (crop[:, 176:] == 200).all()
    assert (np.diff(crop[0, 48:176, 0].astype(int)) > 0).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_both_are_upright_and_the_squashed_one_is_as_ever(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(noise(33, 59)).save(tmp_path / "a.png", exif=exif)
    squashed, cropped = load_both(tmp_path / "a.png", 28)
    with Image.open(tmp_path / "a.png") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(squashed, load_image(tmp_path / "a.png", 28))
    assert np.array_equal(cropped.transpose(1, 2, 0), centre_crop(upright, 28))
    assert cropped.flags.c_contiguous and cropped.shape == (3, 28, 28)


@pytest.mark.parametrize("name", ["a.jpg", "grey.png", "a.webp"])
def test_kinds_of_files(tmp_path: Path, name: str) -> None:
    picture = Image.fromarray(noise(30, 40)).convert("L" if name.startswith("grey") else "RGB")
    picture.save(tmp_path / name)
    squashed, cropped = load_both(tmp_path / name, 14)
    assert np.array_equal(squashed, load_image(tmp_path / name, 14))
    with Image.open(tmp_path / name) as image:
        expected = centre_crop(np.asarray(image.convert("RGB")), 14).transpose(2, 0, 1)
    assert np.abs(cropped.astype(int) - expected).max() <= 2


def test_a_file_without_an_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError, match="empty file"):
        load_both(tmp_path / "a.png", 8)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Seven files; the third is broken."""
    for number in range(7):
        Image.fromarray(noise(20 + number, 30, seed=number)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"text")
    return sorted(tmp_path.iterdir())


@pytest.mark.parametrize("batch", [1, 3, 7, 50])
def test_batches_keep_the_order_and_name_what_is_broken(files: list[Path], batch: int) -> None:
    groups = list(read_pictures(files, centred={1, 2, 4, 5}, size=8, batch=batch))
    assert [at for group in groups for at in group.positions_B] == [0, 1, 3, 4, 5, 6]
    assert [at for group in groups for at in group.centred_F] == [1, 4, 5]
    assert [each for group in groups for each in group.broken] == [(2, "not an image of a kind this program reads")]
    squashed = np.concatenate([group.images_BCHW.numpy() for group in groups])
    cropped = np.concatenate([group.crops_FCHW.numpy() for group in groups])
    assert np.array_equal(squashed, [load_image(files[at], 8) for at in (0, 1, 3, 4, 5, 6)])
    assert np.array_equal(cropped, [load_both(files[at], 8)[1] for at in (1, 4, 5)])


def test_every_file_is_opened_once(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: opened.append(1) or original(*args, **kwargs))
    list(read_pictures(files, centred=range(7), size=8, batch=2))
    assert len(opened) == 7


def test_threads_end_with_the_reader(files: list[Path]) -> None:
    batches = read_pictures(files * 10, centred=(), size=8, batch=2)
    next(batches)
    batches.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("pictures")]
    assert list(read_pictures([], centred=(), size=8)) == []
    with pytest.raises(ViviError, match="batch is 0"):
        next(read_pictures(files, centred=(), size=8, batch=0))
