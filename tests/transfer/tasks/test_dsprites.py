"""dSprites from both its files: both tasks."""

import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.reference.natural_sets import slow_order
from tests.reference.structured_sets import SPRITES, sprite_labels, sprites, write_sprites

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.tasks.dsprites import (
    TASKS,
    location_label,
    orientation,
    orientation_label,
    read_dsprites_loc,
    read_dsprites_ori,
    x_position,
)

LOCATION, ORIENTATION = TASKS
COUNT = 3000


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return sprites(COUNT, side=5)


@pytest.mark.parametrize("ending", ["npz", "hdf5"])
@pytest.mark.parametrize("task", TASKS, ids=["location", "orientation"])
def test_sprites_are_white_on_black_in_the_order_of_tfds(task, ending, images, tmp_path):
    labels = sprite_labels(COUNT)
    write_sprites(tmp_path, images, labels, ending=ending)
    parts = task.read(tmp_path / task.folder)
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [2400, 300, 300]
    order = [int(row) for row in slow_order(range(COUNT), split="train")]
    raw, width = (labels[:, 4], 2.0) if task is LOCATION else (labels[:, 3], 2.5)
    for part, rows in ((parts.train, order[:2400]), (parts.val, order[2400:2700]), (parts.test, order[2700:])):
        assert part.labels_N.tolist() == [int(np.floor(np.float32(raw[row]) / np.float32(width))) for row in rows]
        assert part.name(0) == f"{SPRITES}.{ending}, record {rows[0]}"
        for at in (0, len(part) - 1):
            pixels = part.read(at)
            assert pixels.dtype == np.uint8 and pixels.shape == (5, 5, 3) and pixels.flags.c_contiguous
            np.testing.assert_array_equal(pixels, np.tile(images[rows[at]][..., None] * 255, 3))


def test_all_classes():
    x, turned = np.arange(32), np.arange(40)
    assert location_label(x).tolist() == [at // 2 for at in range(32)]
    assert orientation_label(turned).tolist() == np.floor(turned.astype(np.float32) / np.float32(2.5)).tolist()
    assert np.bincount(orientation_label(turned)).tolist() == [3, 2] * 8
    labels, rows = sprite_labels(737_280), np.arange(737_280)
    np.testing.assert_array_equal(x_position(rows), labels[:, 4])
    np.testing.assert_array_equal(orientation(rows), labels[:, 3])


def test_the_official_sizes_give_the_known_order(tmp_path):
    """Golden vectors of the order, through the reader; the images are single pixels."""
    write_sprites(tmp_path, np.zeros((737_280, 1, 1), np.uint8), sprite_labels(737_280))
    opened = open_parts(LOCATION, LOCATION.read(tmp_path / LOCATION.folder), origin="original files")
    assert opened.is_official
    rows = {split: [int(of.name(at).rpartition(" ")[2]) for at in range(5)] for split, of in opened.splits.items()}
    assert rows["train800"] == [16399, 634903, 206287, 470425, 352707]
    assert rows["val200"] == [220697, 85843, 84902, 106270, 175044]
    assert rows["test"][:3] == [493443, 195884, 225768]


def test_threads_unpack_the_file_once(images, tmp_path, monkeypatch):
    calls = []
    from vivi.transfer.tasks import dsprites

    honest = dsprites.pack_sprites
    monkeypatch.setattr(dsprites, "pack_sprites", lambda file, count: calls.append(1) or honest(file, count=count))
    write_sprites(tmp_path, images, sprite_labels(COUNT))
    train = read_dsprites_loc(tmp_path / LOCATION.folder).train
    assert calls == []
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(train.read, range(64)))
    assert calls == [1]
    np.testing.assert_array_equal(found[63], train.read(63))


def test_labels_that_do_not_follow_the_order(images, tmp_path):
    for column, name in ((4, "x"), (3, "orientation")):
        labels = sprite_labels(COUNT)
        labels[1500, column] += 1
        write_sprites(tmp_path, images, labels)
        with pytest.raises(
            ViviError, match=rf"32y32_64x64\.npz, record 1500: {name} is .*by the order of the rows it is"
        ):
            read_dsprites_ori(tmp_path / LOCATION.folder)
    write_sprites(tmp_path, images, sprite_labels(COUNT)[:, :5])
    with pytest.raises(ViviError, match="labels are not integers N x 6"):
        read_dsprites_ori(tmp_path / LOCATION.folder)


@pytest.mark.parametrize("ending", ["npz", "hdf5"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_was_cut_short(ending, share, images, tmp_path):
    file = write_sprites(tmp_path, images, sprite_labels(COUNT), ending=ending)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ViviError, match=rf"64x64\.{ending}.*damaged or cut off .*fetch"):
        read_dsprites_loc(tmp_path / LOCATION.folder)


@pytest.mark.parametrize("ending", ["npz", "hdf5"])
def test_damaged_pixels_are_named_for_every_image(ending, images, tmp_path):
    file = write_sprites(tmp_path, images, sprite_labels(COUNT), ending=ending)
    whole = bytearray(file.read_bytes())
    start = whole.index(b"imgs.npy") + 300 if ending == "npz" else whole.index(b"\x78\x5e") + 40
    whole[start : start + 20] = bytes(20)
    file.write_bytes(whole)
    train = read_dsprites_loc(tmp_path / LOCATION.folder).train
    for at in (0, 1):
        with pytest.raises(ImageError, match=rf"64x64\.{ending}, record \d+: .*damaged") as caught:
            train.read(at)
        assert "\n" not in str(caught.value)


def test_pixels_of_another_kind(images, tmp_path):
    folder, labels = tmp_path / LOCATION.folder, sprite_labels(COUNT)
    grey = images.copy()
    grey[2, 0, 0] = 2
    for pixels, text in (
        (grey, r"record 2: pixels are not 0 and 1"),
        (images[:-1], f"does not hold as many images as labels, {COUNT}: it is damaged"),
        (np.concatenate([images, images[:1]]), f"does not hold as many images as labels, {COUNT}"),
        (images.astype(np.float32), "imgs is not bytes of shape N x H x W"),
        (images[:, 0], "imgs is not bytes of shape N x H x W"),
    ):
        write_sprites(tmp_path, pixels, labels)
        with pytest.raises(ImageError, match=text):
            read_dsprites_loc(folder).test.read(0)


def test_files_that_are_not_there(images, tmp_path):
    (tmp_path / LOCATION.folder).mkdir()
    with pytest.raises(ViviError, match=rf"has neither {SPRITES}\.npz nor {SPRITES}\.hdf5"):
        read_dsprites_loc(tmp_path / LOCATION.folder)
    file = write_sprites(tmp_path, images, sprite_labels(COUNT))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("other.npy", b"")
    with pytest.raises(ViviError, match="has no array 'latents_classes': it is not the original file"):
        read_dsprites_loc(tmp_path / LOCATION.folder)
