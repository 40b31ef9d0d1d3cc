"""`vivi tasks`: the list of the 19, and the check of a folder."""

from pathlib import Path

import pytest
from tests.reference import natural_sets as sets

from vivi import cli
from vivi.transfer.suites import VTAB

Said = pytest.CaptureFixture[str]


def test_the_nineteen_are_listed_with_where_to_get_them(capsys: Said) -> None:
    assert cli.main(["tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines[1:20]]
    assert [row[0] for row in rows] == [task.name for task in VTAB]
    assert rows[6][1:] == ["natural", "10", "65931", "/", "7326", "/", "26032", "0.25", "non-commercial", "use", "only"]
    assert lines[26].startswith("svhn: svhn/ from http://ufldl.stanford.edu/housenumbers")
    assert len(lines) == 39


def test_a_folder_is_searched(capsys: Said, tmp_path: Path) -> None:
    sets.write_svhn(tmp_path)
    sets.write_pets(tmp_path)
    (tmp_path / "oxford-iiit-pet" / "annotations" / "test.txt").unlink()
    sets.write_lists(tmp_path, "kitti", classes=4, counts={"train800": 1, "val200": 1, "test": 1})
    sets.write_lists(tmp_path, "eurosat", classes=10, counts={"train800": 1, "val200": 1, "test": 1})
    (tmp_path / "eurosat" / "val200.txt").unlink()
    (tmp_path / "dsprites" / "2.0.0").mkdir(parents=True)
    (tmp_path / "dsprites" / "2.0.0" / "dataset_info.json").write_text("{}")
    assert cli.main(["tasks", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    here = {row[0]: row[1] for row in (line.split() for line in said.splitlines()[1:20])}
    expected = {"svhn": "files", "kitti": "lists", "eurosat": "part", "oxford_iiit_pet": "part", "dsprites_loc": "TFDS"}
    assert here == dict.fromkeys((task.name for task in VTAB), "no") | expected | {"dsprites_ori": "TFDS"}
    assert "oxford_iiit_pet: missing oxford-iiit-pet/annotations/test.txt; from https://www.robots.ox.ac.uk" in said
    assert "dtd: missing dtd/; from" in said
    assert "svhn: missing" not in said
    assert "eurosat: missing eurosat/val200.txt\n" in said
    assert said.endswith("4 of 19 tasks are here, 2 in part\n")


def test_a_folder_that_holds_none_of_the_folders_comes_with_a_hint(capsys: Said, tmp_path: Path) -> None:
    sets.write_svhn(tmp_path / "data")
    assert cli.main(["tasks", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "0 of 19 tasks are here\nnone of these folders is there: give the folder that holds them" in said


def test_a_check_tells_what_is_wrong_and_ends_with_code_2(capsys: Said, tmp_path: Path) -> None:
    sets.write_lists(tmp_path, "kitti", classes=4, counts={"train800": 800, "val200": 200, "test": 711})
    (tmp_path / "kitti" / "images" / "test" / "000003.png").write_bytes(b"no image")
    assert cli.main(["tasks", "check", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said == "kitti: sound (lists of vtab-1k)\n1 of 1 tasks are sound\n"
    assert cli.main(["tasks", "check", str(tmp_path), "--all-images"]) == 2
    said = capsys.readouterr()
    assert "kitti: wrong (lists of vtab-1k)\n    wrong: " in said.out
    assert "000003.png: not an image" in said.out
    assert said.err.endswith("vivi: error: 1 of 1 tasks are wrong: kitti\n")


def test_a_named_task_must_be_there(capsys: Said, tmp_path: Path) -> None:
    assert cli.main(["tasks", "check", str(tmp_path), "--task", "svhn"]) == 2
    assert "neither svhn/train800.txt nor svhn/train_32x32.mat" in capsys.readouterr().out
    assert cli.main(["tasks", "check", str(tmp_path)]) == 2
    assert "none of the tasks" in capsys.readouterr().err
    assert cli.main(["tasks", "check", str(tmp_path), "--task", "svnh"]) == 2
    assert "did you mean 'svhn'" in capsys.readouterr().err
    assert cli.main(["tasks", str(tmp_path / "absent")]) == 2
    assert "not a folder" in capsys.readouterr().err
