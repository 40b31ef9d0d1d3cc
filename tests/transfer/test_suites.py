"""VTAB as 19 values: names, groups, classes and sizes as published."""

from pathlib import Path

from vivi.transfer.suites import VTAB, chosen
from vivi.transfer.task import GROUPS

PUBLISHED = {
    "caltech101": (102, 2754, 306, 6084),
    "cifar": (100, 45000, 5000, 10000),
    "dtd": (47, 1880, 1880, 1880),
    "oxford_flowers102": (102, 1020, 1020, 6149),
    "oxford_iiit_pet": (37, 2944, 736, 3669),
    "sun397": (397, 76128, 10875, 21750),
    "svhn": (10, 65931, 7326, 26032),
    "patch_camelyon": (2, 262144, 32768, 32768),
    "eurosat": (10, 16200, 5400, 5400),
    "resisc45": (45, 18900, 6300, 6300),
    "diabetic_retinopathy": (5, 35126, 10906, 42670),
    "clevr_count": (8, 63000, 7000, 15000),
    "clevr_dist": (6, 63000, 7000, 15000),
    "dmlab": (6, 65550, 22628, 22735),
    "dsprites_loc": (16, 589824, 73728, 73728),
    "dsprites_ori": (16, 589824, 73728, 73728),
    "kitti": (4, 6347, 423, 711),
    "smallnorb_azi": (18, 24300, 12150, 12150),
    "smallnorb_ele": (9, 24300, 12150, 12150),
}
"""Classes, train, val, test: google-research/task_adaptation, data/*_test.py."""


def test_the_nineteen_in_the_order_of_the_paper() -> None:
    found = {task.name: (task.classes, task.sizes.train, task.sizes.val, task.sizes.test) for task in VTAB}
    assert list(found.items()) == list(PUBLISHED.items())
    assert {task.name for task in VTAB if task.sizes.undecodable} == {"sun397"}
    assert [task.group for task in VTAB] == [
        group for group, count in zip(GROUPS, (7, 4, 8), strict=True) for _ in range(count)
    ]
    assert sum(task.sizes.test for task in VTAB) == 387_904
    assert chosen([]) == VTAB


def test_every_task_says_what_it_needs_and_where_it_is() -> None:
    for task in VTAB:
        assert task.files
        assert task.licence
        assert task.source.startswith("http")
        assert 0 < task.gigabytes < 100
    assert len({task.title for task in VTAB}) == 19


def test_the_document_says_where_every_task_goes() -> None:
    text = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `") and line.count("|") == 7]
    said = {name.strip(" `"): row for row in rows for name in row.split("|")[1].split(",")}
    assert set(said) == {task.name for task in VTAB}
    for task in VTAB:
        cells = [cell.strip() for cell in said[task.name].split("|")]
        assert cells[2] == f"`{task.folder}`"
        assert float(cells[4]) == task.gigabytes
        assert cells[6] == task.licence
        assert task.source.split(": ")[0].rstrip("/") in cells[5].replace("/)", ")")
