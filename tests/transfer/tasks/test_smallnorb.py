"""smallNORB from its binary matrices: both tasks."""

import numpy as np
import pytest
from tests.reference.natural_sets import slow_order
from tests.reference.structured_sets import NORB, matrix, norb_pairs, write_norb

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.tasks.smallnorb import TASKS, azimuth_label, elevation_label, read_smallnorb_azi

AZIMUTH, ELEVATION = TASKS
COUNTS = {"training": 40, "testing": 21}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("task", TASKS, ids=["azimuth", "elevation"])
def test_left_images_in_the_order_of_tfds(task, packed, tmp_path):
    write_norb(tmp_path, counts=COUNTS, packed=packed)
    parts = task.read(tmp_path / task.folder)
    train = [int(row) for row in slow_order(range(40), split="train")]
    test = [int(row) for row in slow_order(range(21), split="test")]
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [40, 10, 11]
    classes = 18 if task is AZIMUTH else 9
    for part, name, rows in (
        (parts.train, "training", train),
        (parts.val, "testing", test[:10]),
        (parts.test, "testing", test[10:]),
    ):
        assert part.labels_N.tolist() == [row % classes for row in rows]
        pairs = norb_pairs(name, count=COUNTS[name], side=4)
        for at, row in enumerate(rows):
            pixels = part.read(at)
            assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous
            np.testing.assert_array_equal(pixels, np.tile(pairs[row, 0][..., None], 3))
        assert part.name(0) == f"{NORB[name]}-dat.mat{'.gz' if packed else ''}, record {rows[0]}"


def test_the_official_sizes_give_the_known_order(tmp_path):
    """Golden vectors of the order, through the reader; the images are single pixels."""
    write_norb(tmp_path, counts={"training": 24_300, "testing": 24_300}, side=1)
    opened = open_parts(AZIMUTH, AZIMUTH.read(tmp_path / AZIMUTH.folder), origin="original files")
    assert opened.is_official
    rows = {split: [int(of.name(at).rpartition(" ")[2]) for at in range(5)] for split, of in opened.splits.items()}
    assert rows["val200"] == [23018, 16932, 19084, 9933, 24157]
    assert rows["test"][:3] == [299, 2838, 15595]


def test_all_classes():
    assert [azimuth_label(raw) for raw in range(0, 36, 2)] == list(range(18))
    assert [elevation_label(raw) for raw in range(9)] == list(range(9))
    for raw in (-2, 1, 35, 36):
        with pytest.raises(ValueError, match=f"azimuth {raw} is not 0, 2 and so on to 34"):
            azimuth_label(raw)
    for raw in (-1, 9):
        with pytest.raises(ValueError, match=f"elevation {raw} is not 0 to 8"):
            elevation_label(raw)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["info", "cat"])
@pytest.mark.parametrize("keep", [0, 3, 10, -1])
def test_labels_that_were_cut_short(keep, kind, packed, tmp_path):
    write_norb(tmp_path, counts=COUNTS, packed=packed)
    file = tmp_path / AZIMUTH.folder / f"{NORB['testing']}-{kind}.mat{'.gz' if packed else ''}"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(
        ViviError, match=rf"testing-{kind}\.mat(\.gz)? is damaged, cut off or another file \(.*fetch it again"
    ):
        read_smallnorb_azi(tmp_path / AZIMUTH.folder)


@pytest.mark.parametrize("packed", [False, True])
def test_images_that_were_cut_short_name_the_row(packed, tmp_path):
    write_norb(tmp_path, counts=COUNTS, packed=packed)
    file = tmp_path / AZIMUTH.folder / f"{NORB['training']}-dat.mat{'.gz' if packed else ''}"
    file.write_bytes(file.read_bytes()[:-20])
    train = read_smallnorb_azi(tmp_path / AZIMUTH.folder).train
    reason = "ended before the end-of-stream" if packed else "it ends inside row 39 of 40"
    for at in range(2):
        with pytest.raises(ImageError, match=rf"training-dat\.mat(\.gz)?, record \d+: .*{reason}"):
            train.read(at)


def test_matrices_of_another_form(tmp_path):
    write_norb(tmp_path, counts=COUNTS)
    facts, kinds, data = (
        tmp_path / AZIMUTH.folder / f"{NORB['training']}-{kind}.mat" for kind in ("info", "cat", "dat")
    )
    good = np.frombuffer(facts.read_bytes()[20:], "<i4").reshape(40, 4)

    def refused(file, content, text):
        before = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(ViviError, match=text):
            read_smallnorb_azi(tmp_path / AZIMUTH.folder)
        file.write_bytes(before)

    odd = good.copy()
    odd[7, 2] = 3
    refused(facts, matrix(odd), r"training-info\.mat, record 7: azimuth 3 is not 0, 2")
    refused(facts, matrix(good[:, :3].copy()), r"info\.mat has the shape \(40, 3\), not N x 4")
    refused(facts, matrix(good[:0]), r"info\.mat has the shape \(0, 4\)")
    refused(facts, matrix(good) + b"x", "longer than its header says")
    refused(facts, b"\x00" + matrix(good)[1:], "its magic number 507333632 is none of NORB's")
    refused(facts, matrix(good)[:4] + b"\x00" + matrix(good)[5:], "it announces 0 axes")
    refused(facts, matrix(good)[:8] + b"\xff\xff\xff\xff" + matrix(good)[12:], r"announces the shape \(-1, 4\)")
    refused(
        facts, matrix(good)[:12] + b"\xff\xff\xff\x7f" + matrix(good)[16:], r"announces the shape \(40, 2147483647\)"
    )
    refused(kinds, matrix(np.full(40, 5, np.int32)), r"cat\.mat does not hold 40 categories 0 to 4")
    refused(kinds, matrix(np.zeros(39, np.int32)), r"cat\.mat does not hold 40 categories")
    refused(
        data,
        matrix(np.zeros((39, 2, 4, 4), np.uint8)),
        r"dat\.mat has the shape \(39, 2, 4, 4\), .*info\.mat has 40 rows",
    )
    refused(data, matrix(np.zeros((40, 4, 4), np.uint8)), r"dat\.mat has the shape \(40, 4, 4\)")
    data.write_bytes(matrix(np.zeros((40, 2, 4, 4), np.int32)))
    with pytest.raises(ImageError, match="holds int32, not bytes"):
        read_smallnorb_azi(tmp_path / AZIMUTH.folder).train.read(0)


def test_files_that_are_not_there(tmp_path):
    write_norb(tmp_path, counts=COUNTS)
    (tmp_path / AZIMUTH.folder / f"{NORB['testing']}-cat.mat").unlink()
    with pytest.raises(ViviError, match=r"testing-cat\.mat \(or \.gz\) is missing: fetch it from https://cs.nyu"):
        read_smallnorb_azi(tmp_path / AZIMUTH.folder)
