"""Images as videos of one frame: the right pixels of every kind of file, no further down than needed, or an error."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from tests.reference.loaders import video_loader
from tests.reference.tiny_images import CLASSES, TRAIN, tiny_images  # noqa: F401 (a fixture)

from vivi.core.errors import ConfigError, ViviError
from vivi.core.seeds import rng
from vivi.data.augment import Augmentation
from vivi.data.clips import ConsecutiveShots, RepeatedFrame, Sampling, SingleImages
from vivi.data.crop import Cropper, InceptionCrop
from vivi.data.image_file import ImageError
from vivi.data.image_source import ImageSource
from vivi.data.jpeg import RowDecoder
from vivi.data.loader import VideoLoader
from vivi.data.order import batch_ids
from vivi.data.picture import open_picture
from vivi.data.records import ShotTable

SIDE = 16


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    """Smooth, so that lossy formats keep it, and without symmetry."""
    rows, columns = np.mgrid[0:height, 0:width] / 60
    return (np.stack([rows % 1, columns % 1, 1 - (rows * columns) % 1], axis=-1) * 200 + 20).astype(np.uint8)


def jpeg(**options) -> bytes:
    file = BytesIO()
    Image.fromarray(picture(200, 120)).save(file, format="JPEG", **options)
    return file.getvalue()


def as_a_viewer_sees_it(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def decoded(path: Path, rows: int | None = None) -> np.ndarray:
    found = open_picture(path)
    [frame] = found.read(first=0, count=1)
    image_HWC = frame.decode(RowDecoder(), rows=found.height if rows is None else rows)
    assert (image_HWC.dtype, image_HWC.shape[1:]) == (np.uint8, (found.width, 4))
    assert image_HWC.shape[0] <= found.height
    return image_HWC[..., :3]


def loader_of(source: ImageSource, **changes) -> VideoLoader:
    arguments = {
        "sampling": SingleImages(frames=3),
        "augmentation": Augmentation(crop=InceptionCrop(size=SIDE)),
        "samples_per_step": 6,
    }
    return video_loader(source, **(arguments | changes))


def all_pixels(loader: VideoLoader, first: int, last: int) -> torch.Tensor:
    return torch.stack([batch.frames_NKLCHW for batch in loader.batches(first, last)])


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.gif", "a.webp", "a.jpg", "a b é.ppm"])
def test_every_kind_of_file_gives_its_pixels(tmp_path: Path, name: str) -> None:
    Image.fromarray(picture()).save(tmp_path / name)
    assert np.array_equal(decoded(tmp_path / name), as_a_viewer_sees_it(tmp_path / name))


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "RGBA", "LA"])
def test_every_mode_gives_its_pixels(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(picture())
    image = image.convert("L") if mode == "LA" else image
    path = tmp_path / ("a.jpg" if mode in ("L", "CMYK") else "a.png")
    image.convert(mode).save(path)
    assert np.array_equal(decoded(path), as_a_viewer_sees_it(path))


def test_sixteen_bit_grey_keeps_its_upper_byte(tmp_path: Path) -> None:
    grey_HW = picture()[..., 0]
    Image.fromarray(grey_HW.astype(np.uint16) * 256 + 200).save(tmp_path / "a.png")
    assert np.array_equal(decoded(tmp_path / "a.png"), np.repeat(grey_HW[..., None], 3, axis=2))


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_orientation_is_that_of_a_viewer(tmp_path: Path, orientation: int, name: str) -> None:
    image = Image.fromarray(picture())
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / name, exif=exif)
    expected = as_a_viewer_sees_it(tmp_path / name)
    assert expected.shape == ((40, 60, 3) if orientation not in (5, 6, 7, 8) else (60, 40, 3))
    assert np.array_equal(decoded(tmp_path / name), expected)


@pytest.mark.parametrize(
    "options", [{}, {"quality": 60, "subsampling": 2}, {"progressive": True}, {"restart_marker_rows": 1}]
)
def test_upper_rows_are_those_of_the_whole(tmp_path: Path, options: dict) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(**options))
    whole = as_a_viewer_sees_it(tmp_path / "a.jpg")
    for rows in (1, 17, 90, 199, 200):
        assert np.array_equal(decoded(tmp_path / "a.jpg", rows=rows)[:rows], whole[:rows])


def test_a_jpeg_is_decoded_no_further_than_needed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    assert len(decoded(tmp_path / "a.jpg", rows=30)) < 40


def test_a_large_image_leaves_nothing_in_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    whole = as_a_viewer_sees_it(tmp_path / "a.jpg")
    monkeypatch.setattr("vivi.data.picture._LENT_PIXELS", 200 * 120 - 1)
    decoder = RowDecoder()
    assert np.array_equal(open_picture(tmp_path / "a.jpg").decode(decoder, rows=200)[..., :3], whole)
    assert decoder._buffer.size == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (70000, 1), (9000, 400)])
def test_extreme_shapes_are_cropped(tmp_path: Path, shape: tuple[int, int]) -> None:
    for number in range(2):
        Image.fromarray(np.full((*shape, 3), 99, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    pixels = all_pixels(loader_of(ImageSource.open(tmp_path), samples_per_step=2), 0, 2)
    assert (pixels == 99).all()


def with_thumbnail(data: bytes) -> bytes:
    """The JPEG with a whole smaller JPEG in an application segment before its own image, as cameras write."""
    small = BytesIO()
    Image.fromarray(picture(16, 16)).save(small, format="JPEG")
    body = b"ours\0" + small.getvalue()
    return data[:2] + b"\xff\xe5" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


@pytest.mark.parametrize("change", [lambda data: data, with_thumbnail])
def test_a_jpeg_that_was_cut_off_is_refused_whatever_the_crop(tmp_path: Path, change) -> None:
    data = change(jpeg(quality=95))
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) * 9 // 10])
    with pytest.raises(ImageError, match=r"cut\.jpg: damaged.*remove this file"):
        decoded(tmp_path / "cut.jpg", rows=8)
    (tmp_path / "whole.jpg").write_bytes(data + b"\0\0 and something after its end")
    assert decoded(tmp_path / "whole.jpg").shape == (200, 120, 3)


def test_a_flaw_that_leaves_pixels_is_passed_over_as_pillow_does(tmp_path: Path) -> None:
    data = jpeg(restart_marker_rows=1).replace(b"\xff\xd2", b"\xff\xd3", 1)  # the wrong one of eight restart markers
    with pytest.raises(ValueError, match="Corrupt JPEG"):
        RowDecoder().decode(data, height=200, width=120, rows=200)
    (tmp_path / "a.jpg").write_bytes(data)
    assert np.array_equal(decoded(tmp_path / "a.jpg"), as_a_viewer_sees_it(tmp_path / "a.jpg"))


def test_other_frames_there_are_none(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.png")
    for first, count in [(0, 2), (1, 1), (0, 0)]:
        with pytest.raises(IndexError, match="an image has one frame"):
            open_picture(tmp_path / "a.png").read(first=first, count=count)


def test_batches_equal_the_slow_way(tiny_images: Path) -> None:  # noqa: F811
    source = ImageSource.open(tiny_images)
    assert len(source.paths) == len(CLASSES) * TRAIN
    for step, batch in enumerate(loader_of(source).batches(0, 4)):
        ids = batch_ids(np.arange(len(source.paths)), seed=7, step=step, size=6)
        assert batch.step == step
        assert batch.sample_ids_N.tolist() == ids.tolist()
        assert batch.frames_NKLCHW.shape == (6, 1, 3, 3, SIDE, SIDE)
        for position, sample in enumerate(ids.tolist()):
            image_HWC = as_a_viewer_sees_it(tiny_images / source.paths[sample])
            height, width, _ = image_HWC.shape
            generator = rng(7, step=step, purpose="crop", sample=position)
            crops = InceptionCrop(size=SIDE).draw(generator, height=height, width=width, count=3)
            for crop, frame in zip(crops, batch.frames_NKLCHW[position, 0].numpy(), strict=True):
                expected = np.empty((3, SIDE, SIDE), np.uint8)
                Cropper(SIDE).cut(np.dstack([image_HWC, image_HWC[..., :1]]), crop=crop, out_CSS=expected)
                assert np.array_equal(frame, expected)
            assert len({frame.tobytes() for frame in batch.frames_NKLCHW[position, 0].numpy()}) == 3


def test_ranks_workers_and_start_do_not_change_a_pixel(tiny_images: Path) -> None:  # noqa: F811
    source = ImageSource.open(tiny_images)
    whole = all_pixels(loader_of(source), 0, 6)
    parts = [all_pixels(loader_of(source, rank=rank, ranks=3, workers=1), 0, 6) for rank in range(3)]
    assert torch.equal(torch.cat(parts, dim=1), whole)
    assert torch.equal(all_pixels(loader_of(source), 4, 6), whole[4:])
    assert not torch.equal(all_pixels(loader_of(source, seed=8), 0, 6), whole)
    assert torch.equal(all_pixels(loader_of(source, sampling=RepeatedFrame(frames=3)), 0, 6), whole)


def fill(root: Path, paths: list[str]) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def test_a_given_split_keeps_its_test_part_to_itself(tmp_path: Path) -> None:
    paths = ["Train/a/1.jpg", "Train/loose.PNG", "val/a/2.jpg", "extra/3.jpg", "notes.txt", "Train/.x.jpg", "Train/jpg"]
    assert ImageSource.open(fill(tmp_path, paths)).paths == ("Train/a/1.jpg", "Train/loose.PNG")


def test_without_a_split_every_image_counts(tmp_path: Path) -> None:
    paths = ["train/a/1.jpg", "b/deep/er/2.webp", "3.jpeg"]
    source = ImageSource.open(fill(tmp_path, paths))
    assert source.paths == tuple(sorted(paths))
    assert source.facts == {"images": 3}
    assert [shot.length for number in range(3) for shot in source.table.shots(number)] == [1, 1, 1]


def test_the_digest_knows_names_alone_so_that_a_repaired_image_changes_nothing(tmp_path: Path) -> None:
    def digest(root: Path) -> str:
        return ImageSource.open(root).digest

    first = digest(fill(tmp_path / "one", ["a/1.jpg", "a/2.jpg"]))
    other = fill(tmp_path / "two", ["a/2.jpg", "a/1.jpg", "note.txt"])
    assert digest(other) == first
    assert len(first) == 12
    assert set(first) <= set("0123456789abcdef")
    (other / "a/1.jpg").write_bytes(b"longer than it was")
    assert digest(other) == first
    assert digest(fill(tmp_path / "three", ["a/1.jpg", "a/2.jpg", "a/3.jpg"])) != first
    assert digest(fill(tmp_path / "four", ["a/1.jpg", "b/2.jpg"])) != first
    (other / "a/2.jpg").unlink()
    assert digest(other) != first


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ViviError, match="missing is not a folder"):
        ImageSource.open(tmp_path / "missing")
    fill(tmp_path, ["readme.txt", "val/a/1.jpg", "train/readme.txt"])
    with pytest.raises(ViviError, match=r"train holds no images: their names must end in one of .*\.jpg"):
        ImageSource.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty file"), (b"a text", "not an image of a kind"), (jpeg()[:300], "damaged"), (None, "no such file")],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    for number in range(6):
        Image.fromarray(picture()).save(tmp_path / f"{number}.jpg")
    source = ImageSource.open(tmp_path)
    (tmp_path / "3.jpg").unlink()
    if content is not None:
        (tmp_path / "3.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=rf"3\.jpg: {said}.*repair or remove this file") as caught:
        list(loader_of(source).batches(0, 1))
    assert "\n" not in str(caught.value)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = (9000).to_bytes(2, "big") * 2
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(ImageError, match="too large: 9000 x 9000 pixels"):
        open_picture(tmp_path / "a.jpg")


def test_too_few_images_are_said_to_be_images(tiny_images: Path) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match=r"41 different images, there are 40: use --set samples_per_step=40"):
        loader_of(ImageSource.open(tiny_images), samples_per_step=41)


@pytest.mark.parametrize("sampling", [ConsecutiveShots(shots=2, frames=1), ConsecutiveShots(shots=1, frames=2)])
def test_images_are_no_videos(tiny_images: Path, sampling: Sampling) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match="no video of the store"):
        loader_of(ImageSource.open(tiny_images), sampling=sampling)


@pytest.mark.parametrize("starts", [[0, 1, 3], [0, 1, 2]])
def test_videos_are_no_images(starts: list[int]) -> None:
    table = ShotTable(np.array(starts), np.zeros(starts[-1], int), np.arange(starts[-1]) + 1)
    with pytest.raises(ConfigError, match=r"SingleImages takes a folder of images.*RepeatedFrame"):
        SingleImages().eligible(table)


@pytest.mark.real
def test_real_images_equal_what_pillow_sees() -> None:
    root = os.environ.get("VIVI_REAL_DATA")
    if root is None:
        pytest.skip("VIVI_REAL_DATA is not set")
    source = ImageSource.open(Path(root) / "images")
    chosen = np.random.default_rng(0).choice(len(source.paths), 60, replace=False)
    for number in chosen.tolist():
        path = source.root / source.paths[number]
        assert np.array_equal(decoded(path), as_a_viewer_sees_it(path)), path
