"""What a program reads instead of tables: nothing but JSON on standard output."""

import json
from pathlib import Path

import pytest
from tests.reference.tiny_films import write_film

from vivi import cli
from vivi.console.detect import show_detection
from vivi.console.judging import show_conversion
from vivi.console.tasks import show_checked
from vivi.console.vtab import show_plan, show_vtab
from vivi.convert.conversion import LAYOUTS, Conversion
from vivi.core.errors import ViviError
from vivi.nn.resnet_v2 import ResNetV2
from vivi.transfer.data_root.checking import Checked
from vivi.transfer.suites import VTAB
from vivi.transfer.vtab.judge import VtabResults
from vivi.transfer.vtab.plan import Plan
from vivi.transfer.vtab.workload import Load


def test_an_ingest_says_what_the_store_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_film(tmp_path / "in/a.mp4", colours=[(200, 20, 20), (20, 20, 200)])
    (tmp_path / "in/\u202eb.mp4").write_text("no film")
    words = ["ingest", str(tmp_path / "in"), "--out", str(tmp_path / "store"), "--workers", "1", "--json"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    found = json.loads(said)
    assert said.isascii() and found["store"] == str(tmp_path / "store")
    assert (found["videos"], found["frames"], found["shots"], found["was_complete"]) == (1, 8, 2, False)
    assert found["skipped"] == {"not a video": 1}
    assert {"shots": 2, "frames": 4, "videos": 1} in found["remaining"]
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out) == found | {"was_complete": True}


def test_a_detection_is_what_is_in_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    each = {"ap": 0.5, "ap50": 0.75, "ap75": None}
    result = each | {"classes": [each | {"name": "\x1b[31mcat", "objects": 3}], "remarks": []}
    show_detection(result, out=tmp_path, json=True)
    said = capsys.readouterr().out
    assert json.loads(said) == result and "\x1b" not in said


def test_a_plan_is_told_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(("dtd",), 7, 2, Load(5, 1), Load(9, 2), seconds=(1.5, 3.0), left_out=("svhn: no test_32x32.mat",))
    show_plan(plan, json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["runs"], found["done"], found["seconds"]) == (7, 2, [1.5, 3.0])
    assert found["least"] == {"trained": 5, "looked": 1} and found["left_out"] == list(plan.left_out)


def test_a_study_is_what_is_in_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    record = {"tasks": {"dtd": {"title": "\x1b[31m"}}, "mean": None}
    show_vtab(VtabResults(tmp_path / "results.json", record, (("dtd/final", "no memory"),)), json=True)
    said = capsys.readouterr().out
    assert json.loads(said) == record and "\x1b" not in said


def test_tasks_that_are_wrong_are_told_before_the_command_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ViviError, match="1 of 1 tasks are wrong: "):
        show_checked([Checked(VTAB[0], "files", remarks=("known",), problems=("\x1b[31mgone",))], json=True)
    said = capsys.readouterr().out
    about = {"task": VTAB[0].name, "origin": "files", "problems": ["\x1b[31mgone"], "remarks": ["known"]}
    assert json.loads(said) == [about] and "\x1b" not in said


def test_a_conversion_is_told_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    encoder = ResNetV2(depth=18)
    done = Conversion(LAYOUTS[0], encoder, tmp_path, taken=3, parameters=9, left_out=("head [3]",))
    show_conversion(done, json=True)
    assert json.loads(capsys.readouterr().out) == {
        "layout": LAYOUTS[0].name,
        "variables": 3,
        "parameters": 9,
        "feature_dim": encoder.feature_dim,
        "left_out": ["head [3]"],
        "folder": str(tmp_path),
    }
