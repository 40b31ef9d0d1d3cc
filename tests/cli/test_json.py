"""What a program reads instead of tables: nothing but JSON on standard output."""

import json
from pathlib import Path

import pytest
from tests.reference.tiny_films import write_film

from vivi import cli
from vivi.console.detect import show_detection


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
