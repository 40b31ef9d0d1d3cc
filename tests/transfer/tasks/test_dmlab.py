"""DMLab from its TFRecord files."""

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order
from tests.reference.structured_sets import dmlab_example, write_dmlab
from tests.reference.tfrecord_files import example, write_records

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError
from vivi.transfer.tasks.dmlab import TASKS, read_dmlab

(TASK,) = TASKS
SHARDS = {
    "train": [range(7), range(7, 9), range(9, 14)],
    "validation": [range(20, 26)],
    "test": [range(30, 33), range(33, 37)],
}


@pytest.fixture
def folder(tmp_path):
    write_dmlab(tmp_path, SHARDS)
    return tmp_path / TASK.folder


def test_records_are_in_the_order_of_their_file_names(folder):
    parts = read_dmlab(folder)
    for part, split in ((parts.train, "train"), (parts.val, "validation"), (parts.test, "test")):
        keys = slow_order([f"frame_{at}.jpg" for shard in SHARDS[split] for at in shard], split=split)
        numbers = [int(key[6:-4]) for key in keys]
        assert part.labels_N.tolist() == [number % 6 for number in numbers]
        for at, number in enumerate(numbers):
            np.testing.assert_array_equal(part.read(at), pixels(number))
    test_numbers = [int(key[6:-4]) for key in slow_order([f"frame_{at}.jpg" for at in range(30, 37)], split="test")]
    at = test_numbers.index(34)
    assert parts.test.name(at).endswith("dmlab-test.tfrecord-00001-of-00002, record 1")


def test_a_single_file_without_a_number_will_do(folder):
    (folder / "dmlab-validation.tfrecord-00000-of-00001").rename(folder / "dmlab-validation.tfrecord")
    assert len(read_dmlab(folder).val) == 6


def test_damage_is_named(folder):
    file = folder / "dmlab-train.tfrecord-00001-of-00003"
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    with pytest.raises(ViviError, match=r"train\.tfrecord-00001-of-00003, record 1: the file is cut off"):
        read_dmlab(folder)
    changed = bytearray(whole)
    changed[changed.index(b"IDAT") + 8] ^= 1
    file.write_bytes(changed)
    train = read_dmlab(folder).train
    at = [train.name(at).endswith("00001-of-00003, record 0") for at in range(14)].index(True)
    with pytest.raises(ImageError, match=r"00001-of-00003, record 0: damaged \(its checksum is wrong\)"):
        train.read(at)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"label": 6}, "label 6 is not 0 to 5"),
        ({"label": -1}, "label -1 is not 0 to 5"),
        ({"label": b"close"}, "the feature 'label' holds bytes where integers should be"),
        ({"filename": 3}, "the feature 'filename' holds integers where bytes should be"),
        ({"filename": b"\xff"}, "can't decode byte"),
    ],
)
def test_records_of_another_form_are_named(change, text, folder):
    records = [example(dmlab_example(at)) for at in range(2)] + [example(dmlab_example(2) | change)]
    write_records(folder / "dmlab-test.tfrecord-00000-of-00002", records)
    with pytest.raises(ViviError, match=rf"dmlab-test\.tfrecord-00000-of-00002, record 2: .*{text}"):
        read_dmlab(folder)


def test_a_record_without_an_image_is_named_when_it_is_read(folder):
    for change, text in (
        ({"image": b"no image"}, "not an image"),
        ({"image": b""}, "empty"),
        ({"image": 5}, "holds integers"),
    ):
        write_records(folder / "dmlab-validation.tfrecord-00000-of-00001", [example(dmlab_example(0) | change)])
        with pytest.raises(ImageError, match=rf"00000-of-00001, record 0: .*{text}"):
            read_dmlab(folder).val.read(0)


def test_a_part_that_is_not_there(folder):
    (folder / "dmlab-validation.tfrecord-00000-of-00001").write_bytes(b"")
    assert len(read_dmlab(folder).val) == 0
    (folder / "dmlab-validation.tfrecord-00000-of-00001").unlink()
    with pytest.raises(ViviError, match=r"has no dmlab-validation\.tfrecord files: unpack dmlab\.tar\.gz there"):
        read_dmlab(folder)
