"""What a check of a task's files finds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.reference import natural_sets as sets

from vivi.core.errors import ViviError
from vivi.transfer.data_root import checksums
from vivi.transfer.data_root.checking import check_root, check_task
from vivi.transfer.data_root.checksums import wrong_files
from vivi.transfer.data_root.finding import open_task
from vivi.transfer.suites import VTAB, chosen
from vivi.transfer.task import Examples, OpenedTask, Sizes, Task

(DTD,) = chosen(["dtd"])
COUNTS = {"train800": 800, "val200": 200, "test": 6}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of lists of the right counts, but for the size of the test part; nobody changes it."""
    root = tmp_path_factory.mktemp("sound")
    sets.write_lists(root, "dtd", classes=3, counts=COUNTS)
    return root


SMALL = replace(DTD, classes=3, sizes=Sizes(train=0, val=0, test=6))


def with_split(opened: OpenedTask, **splits: Examples) -> OpenedTask:
    return replace(opened, splits=opened.splits | splits)  # type: ignore[arg-type]


def test_a_sound_task_has_no_problems_and_progress_reaches_the_end(sound: Path) -> None:
    heard: list[tuple[int, int]] = []
    assert check_task(open_task(SMALL, sound), progress=lambda done, total: heard.append((done, total))) == ()
    assert heard[-1] == (2000, 2000)  # the union has files of its own
    assert check_task(open_task(SMALL, sound), all_images=True) == ()


def test_counts_and_classes(sound: Path) -> None:
    opened = open_task(SMALL, sound)
    short = with_split(opened, train800=opened.splits["train800"].first(799))
    assert "train800 has 799 images, VTAB has 800" in check_task(short)
    assert "test has 6 images, VTAB has 7" in check_task(replace(opened, task=replace(SMALL, sizes=Sizes(0, 0, 7))))
    assert check_task(replace(opened, task=replace(SMALL, classes=4)))[0] == "test has images of 3 of 4 classes"
    fewer = check_task(replace(opened, task=replace(SMALL, classes=2)))
    assert "dtd/images/test/000001.png has class 2, not one of 0 to 1" in fewer


def test_images_in_two_splits_and_twice_in_one(sound: Path) -> None:
    opened = open_task(SMALL, sound)
    test = opened.splits["train800"].take(np.array([3, 3, 1, 0, 2, 4]))
    found = check_task(with_split(opened, test=test))
    assert "dtd/images/train800/000003.png stands in test 2 times" in found
    assert "dtd/images/train800/000001.png stands in train800 and in test" in found


def test_the_union_must_hold_what_its_parts_hold(sound: Path) -> None:
    opened = open_task(SMALL, sound)
    union = opened.splits["train800val200"]
    assert check_task(with_split(opened, train800val200=union.take(np.arange(1000)[::-1].copy()))) == ()
    other = np.arange(1000)
    other[:2] = 2
    said = "2 images of train800 and val200 are not in train800val200 with the same class"
    assert said in check_task(with_split(opened, train800val200=union.take(other)))
    labels_N = union.labels_N.copy()
    labels_N[5] = (labels_N[5] + 1) % 3
    assert check_task(with_split(opened, train800val200=replace(union, labels_N=labels_N))) == (
        said.replace("2", "1", 1),
    )


def test_images_that_do_not_decode_are_named(tmp_path: Path) -> None:
    sets.write_lists(tmp_path, "dtd", classes=3, counts=COUNTS)
    folder = tmp_path / "dtd" / "images"
    (folder / "val200" / "000007.png").write_bytes(b"no image")
    (folder / "test" / "000001.png").write_bytes(b"")
    found = check_task(open_task(SMALL, tmp_path))
    assert len(found) == 2
    assert "val200/000007.png: not an image" in found[0]
    assert "1 images of train800 and val200 are not in train800val200" in found[1]
    found = check_task(open_task(SMALL, tmp_path), all_images=True)
    assert sum("test/000001.png: empty file" in each for each in found) == 1
    for at in range(30):
        (folder / "train800" / f"{at:06d}.png").write_bytes(b"")
    found = check_task(open_task(SMALL, tmp_path))
    assert sum("empty file" in each for each in found) == 20
    assert "and 11 more of this kind" in found


def test_the_test_part_of_the_archive_that_is_passed_round(tmp_path: Path) -> None:
    """It has 6085 images of Caltech101, one more than VTAB: a remark, no fault of the files."""
    (task,) = chosen(["caltech101"])
    counts = {"train800": 800, "val200": 200, "test": 204}
    sets.write_lists(tmp_path, "caltech101", classes=102, counts=counts)
    opened = open_task(task, tmp_path)
    many = with_split(opened, test=opened.splits["test"].take(np.arange(6_085) % 204))
    assert not any("6085 images" in each for each in check_task(many))
    assert any("6084" in each for each in check_task(with_split(opened, test=opened.splits["test"].first(103))))


def test_published_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets.write_svhn(tmp_path)
    (task,) = chosen(["svhn"])
    assert [each.split(" is not")[0].rpartition("/")[2] for each in wrong_files(task, tmp_path)] == [
        "train_32x32.mat",
        "test_32x32.mat",
    ]
    digest = checksums.sha256_file(tmp_path / "svhn" / "test_32x32.mat")
    monkeypatch.setitem(checksums.SHA256, "svhn/test_32x32.mat", digest)
    assert len(wrong_files(task, tmp_path)) == 1
    (tmp_path / "svhn" / "train_32x32.mat").unlink()
    assert wrong_files(task, tmp_path) == ()


def test_checksums_are_of_files_that_are_read() -> None:
    for place, digest in checksums.SHA256.items():
        folder, _, name = place.partition("/")
        assert any(task.folder == folder and any(Path(name).match(each) for each in task.files) for task in VTAB), place
        assert len(bytes.fromhex(digest)) == 32


def test_a_root_is_checked_task_by_task(tmp_path: Path) -> None:
    tasks: tuple[Task, ...] = chosen(["cifar", "dtd", "svhn"])
    with pytest.raises(ViviError, match="has none of the tasks"):
        check_root(tmp_path, tasks, must_be_there=False)
    sets.write_cifar100(tmp_path)
    sets.write_lists(tmp_path, "dtd", classes=47, counts=COUNTS)
    (tmp_path / "dtd" / "val200.txt").write_text("x\n")
    heard: list[str] = []
    cifar, dtd = check_root(tmp_path, tasks, must_be_there=False, progress=lambda name, *_: heard.append(name))
    assert set(heard) == {"cifar"}
    assert "train has 45 images, VTAB has 45000" in cifar.problems
    assert cifar.remarks == ()
    assert dtd.origin == "not opened"
    assert len(dtd.problems) == 1
    assert "line 1" in dtd.problems[0]
    assert len(check_root(tmp_path, tasks, must_be_there=True)) == 3


def test_a_task_that_is_there_in_part_is_wrong(tmp_path: Path) -> None:
    sets.write_svhn(tmp_path)
    (tmp_path / "svhn" / "test_32x32.mat").unlink()
    (svhn,) = check_root(tmp_path, VTAB, must_be_there=False)
    assert (svhn.task.name, svhn.origin) == ("svhn", "not opened")
    assert "nor svhn/test_32x32.mat" in svhn.problems[0]
