"""Patch Camelyon from its HDF5 files."""

import gzip
import sys

import h5py
import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order
from tests.reference.structured_sets import write_pcam

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.tasks.patch_camelyon import TASKS, read_patch_camelyon

(TASK,) = TASKS
COUNTS = {"train": 12, "valid": 5, "test": 7}


def test_patches_are_in_the_order_of_tfds(tmp_path):
    write_pcam(tmp_path, counts=COUNTS)
    parts = read_patch_camelyon(tmp_path / TASK.folder)
    for part, name, split in (
        (parts.train, "train", "train"),
        (parts.val, "valid", "validation"),
        (parts.test, "test", "test"),
    ):
        keys = slow_order([f"{name}_{at}" for at in range(COUNTS[name])], split=split)
        rows = [int(key.rpartition("_")[2]) for key in keys]
        assert part.labels_N.tolist() == [row % 2 for row in rows]
        for at, row in enumerate(rows):
            np.testing.assert_array_equal(part.read(at), pixels(row + len(name), height=4, width=4))
        assert part.name(0) == f"camelyonpatch_level_2_split_{name}_x.h5, record {rows[0]}"


def test_the_official_sizes_give_the_known_order(tmp_path):
    """Golden vectors of the order, through the reader; pixels are of no interest here."""
    write_pcam(tmp_path, counts={"train": 262_144, "valid": 32_768, "test": 32_768}, side=1)
    opened = open_parts(TASK, TASK.read(tmp_path / TASK.folder), origin="original files")
    assert opened.is_official
    rows = {split: [int(of.name(at).rpartition(" ")[2]) for at in range(5)] for split, of in opened.splits.items()}
    assert rows["train800"] == [251464, 132287, 133786, 86259, 230288]
    assert rows["val200"][:3] == [3270, 10310, 20603]


@pytest.mark.parametrize("kind", ["x", "y"])
@pytest.mark.parametrize("keep", [0, 50, 500, -1])
def test_a_file_that_was_cut_short(kind, keep, tmp_path):
    write_pcam(tmp_path, counts=COUNTS)
    file = tmp_path / TASK.folder / f"camelyonpatch_level_2_split_valid_{kind}.h5"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ViviError, match=rf"split_valid_{kind}\.h5 is damaged or cut off \((truncated|file sig).*fetch"):
        read_patch_camelyon(tmp_path / TASK.folder)


def test_a_damaged_patch_is_named_when_it_is_read(tmp_path):
    write_pcam(tmp_path, counts=COUNTS, chunks=(1, 4, 4, 3), fletcher32=True)
    file = tmp_path / TASK.folder / "camelyonpatch_level_2_split_test_x.h5"
    whole = bytearray(file.read_bytes())
    patch = pixels(3 + len("test"), height=4, width=4).tobytes()
    whole[whole.index(patch)] ^= 1
    file.write_bytes(whole)
    test = read_patch_camelyon(tmp_path / TASK.folder).test
    bad = [at for at in range(7) if test.name(at).endswith("record 3")]
    with pytest.raises(ImageError, match=r"split_test_x\.h5, record 3: damaged \(filter returned failure"):
        test.read(bad[0])
    assert test.read((bad[0] + 1) % 7).shape == (4, 4, 3)


def test_packed_files_come_with_advice(tmp_path):
    write_pcam(tmp_path, counts=COUNTS)
    file = tmp_path / TASK.folder / "camelyonpatch_level_2_split_train_x.h5"
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    with pytest.raises(ViviError, match=r"train_x\.h5\.gz is still packed: unpack it with 'gunzip'"):
        read_patch_camelyon(tmp_path / TASK.folder)
    assert all(next((tmp_path / TASK.folder).glob(pattern), None) for pattern in TASK.files)
    file.with_name(f"{file.name}.gz").unlink()
    with pytest.raises(ViviError, match=r"train_x\.h5 does not exist: fetch it"):
        read_patch_camelyon(tmp_path / TASK.folder)


def test_files_with_other_arrays(tmp_path):
    write_pcam(tmp_path, counts=COUNTS)
    images, labels = (tmp_path / TASK.folder / f"camelyonpatch_level_2_split_train_{kind}.h5" for kind in "xy")

    def refused(path, text, **arrays):
        before = path.read_bytes()
        with h5py.File(path, "w") as file:
            file.update(arrays)
        with pytest.raises(ViviError, match=text):
            read_patch_camelyon(tmp_path / TASK.folder)
        path.write_bytes(before)

    refused(images, "train_x.h5 has no array 'x': it is not the original", z=np.zeros((12, 4, 4, 3), np.uint8))
    refused(images, r"train_x.h5: x is float64 of shape \(12, 4, 4, 3\), not bytes", x=np.zeros((12, 4, 4, 3)))
    refused(
        images, "train_x.h5 has 11 patches, camelyon.*_train_y.h5 has 12 labels", x=np.zeros((11, 4, 4, 3), np.uint8)
    )
    refused(labels, r"train_y.h5: y is uint8 of shape \(12, 2\), not N x 1 x 1 x 1", y=np.zeros((12, 2), np.uint8))
    refused(labels, r"train_y.h5, record 2: label 5 is not 0 or 1", y=np.array([0, 1, 5], np.uint8))


def test_without_h5py_its_extra_is_named(tmp_path, monkeypatch):
    write_pcam(tmp_path, counts=COUNTS)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ViviError, match=r'needs h5py: pip install "vivi\[vtab\]"'):
        read_patch_camelyon(tmp_path / TASK.folder)
