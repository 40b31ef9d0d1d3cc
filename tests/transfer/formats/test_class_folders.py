"""EuroSAT and Resisc45: folders by class, without official parts."""

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order
from tests.reference.structured_sets import write_by_class

from vivi.core.errors import ViviError
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.tasks import eurosat, resisc45


@pytest.mark.parametrize("module", [eurosat, resisc45])
def test_the_keys_of_tfds_decide_the_parts(module, tmp_path):
    (task,) = module.TASKS
    paths = write_by_class(tmp_path / task.folder, classes=module.CLASSES[:5], images=4)
    (tmp_path / task.folder / module.CLASSES[0] / "._hidden.jpg").write_bytes(b"")
    parts = task.read(tmp_path / task.folder)
    assert [len(part) for part in (parts.train, parts.val, parts.test)] == [12, 4, 4]
    by_key = {path.replace("/", "_"): at for at, path in enumerate(paths)}
    assert f"{module.CLASSES[1]}_{module.CLASSES[1]}_2.jpg" in by_key
    order = [by_key[key] for key in slow_order(by_key, split="train")]
    for part, numbers in ((parts.train, order[:12]), (parts.val, order[12:16]), (parts.test, order[16:])):
        assert part.labels_N.tolist() == [number // 4 for number in numbers]
        assert [part.name(at) for at in range(len(part))] == [f"{task.folder}/{paths[number]}" for number in numbers]
        np.testing.assert_array_equal(part.read(1), pixels(numbers[1]))
    opened = open_parts(task, parts, origin="original files")
    assert not opened.is_official
    assert "cannot be rebuilt" in opened.remarks[0]


@pytest.mark.parametrize(
    ("module", "first", "last", "count"),
    [(eurosat, "AnnualCrop", "SeaLake", 10), (resisc45, "airplane", "wetland", 45)],
)
def test_classes_are_in_the_order_of_their_names(module, first, last, count):
    assert (module.CLASSES[0], module.CLASSES[-1], len(set(module.CLASSES))) == (first, last, count)
    assert list(module.CLASSES) == sorted(module.CLASSES)


def test_other_folders(tmp_path):
    with pytest.raises(ViviError, match=r"has no folders of \.jpg files, such as AnnualCrop"):
        eurosat.read_eurosat(tmp_path)
    write_by_class(tmp_path, classes=("Forest", "Desert"), images=1)
    with pytest.raises(ViviError, match="/Desert is none of the classes, which are AnnualCrop, Forest"):
        eurosat.read_eurosat(tmp_path)
