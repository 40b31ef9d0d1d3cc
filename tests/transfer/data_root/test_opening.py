"""Parts become a task: labels checked, sizes compared, splits cut."""

from dataclasses import replace

import numpy as np
import pytest

from vivi.core.errors import ViviError
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.task import Examples, Parts, Sizes
from vivi.transfer.tasks.kitti import TASKS

TASK = replace(TASKS[0], sizes=Sizes(train=6, val=3, test=2))


def examples(*labels: int) -> Examples:
    return Examples(
        labels_N=np.array(labels, np.int64),
        read=lambda at: np.zeros((1, 1, 3), np.uint8),
        name=lambda at: f"file.bin, record {at}",
    )


def test_parts_as_in_vtab_are_official():
    parts = Parts(train=examples(0, 1, 2, 3, 0, 1), val=examples(3, 2, 1), test=examples(0, 0))
    opened = open_parts(TASK, parts, origin="somewhere")
    assert (opened.is_official, opened.remarks, opened.origin, opened.task) == (True, (), "somewhere", TASK)
    assert opened.splits["train800val200"].labels_N.tolist() == [0, 1, 2, 3, 0, 1, 3, 2, 1]


def test_what_differs_is_said():
    parts = Parts(train=examples(0), val=examples(3, 2, 1), test=examples(), remarks=("chosen by hand",))
    opened = open_parts(TASK, parts, origin="somewhere")
    assert not opened.is_official
    assert opened.remarks == ("chosen by hand", "train has 1 images, VTAB has 6", "test has 0 images, VTAB has 2")


def test_images_that_newer_tfds_leaves_out_too_may_be_missing():
    task = replace(TASK, sizes=Sizes(train=6, val=3, test=2, undecodable=2))
    opened = open_parts(
        task, Parts(train=examples(0, 1, 2, 3), val=examples(3, 2, 1), test=examples(0, 0)), origin="somewhere"
    )
    assert opened.is_official
    assert [remark.partition(",")[0] for remark in opened.remarks] == ["train lacks 2 of VTAB's 6 images"]
    whole = Parts(train=examples(0, 1, 2, 3, 0, 1), val=examples(3, 2, 1), test=examples(0, 0))
    assert open_parts(task, whole, origin="somewhere").remarks == ()
    short = Parts(train=examples(0, 1, 2, 3, 0), val=examples(3, 2, 1), test=examples(0, 0))
    assert not open_parts(task, short, origin="somewhere").is_official


@pytest.mark.parametrize("label", [-1, 4])
def test_a_label_that_the_task_does_not_have_is_named(label):
    parts = Parts(train=examples(0), val=examples(1, label), test=examples(0))
    with pytest.raises(
        ViviError, match=rf"^file\.bin, record 1 has class {label}, not one of 0 to 3: .*KITTI distance, get"
    ):
        open_parts(TASK, parts, origin="somewhere")
