"""Help fits a screen, begins with examples, is quick, and is plain where nobody looks."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vivi import cli
from vivi.cli.screen import RARE

LINES = 50
HEAVY = {"torch", "numpy", "cv2", "av", "sklearn", "matplotlib", "pydantic", "scipy", "PIL", "jinja2"}
VERBS = [name for name in cli.app if not name.startswith("-")]
WITHOUT_EXAMPLES = {"store", "doctor", "browse"}


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(list(words)) == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_fits_a_screen(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    text = said(capsys, *verb.split(), "--help")
    assert len(text.splitlines()) <= LINES
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text and "╭" not in text


def test_examples_stand_before_flags(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("", "pretrain", "embed", "export", "evaluate", "env", "completion"):
        lines = said(capsys, *verb.split(), "--help").splitlines()
        example = next(at for at, line in enumerate(lines) if re.match(rf"  vivi {verb or 'demo'}\b", line))
        heading = next(at for at, line in enumerate(lines) if line.endswith(":") and not line.startswith(" "))
        assert example < heading, verb


def test_every_verb_stands_in_the_help_once(capsys: pytest.CaptureFixture[str]) -> None:
    listed = re.findall(r"^  ([a-z]+)  ", said(capsys, "--help"), re.MULTILINE)
    assert sorted(listed) == sorted(VERBS)


def test_rare_flags_are_named_and_described_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    short, long = said(capsys, "pretrain", "--help"), said(capsys, "pretrain", "--help-all")
    assert f"{RARE.name}, described by --help-all" in short
    assert "--milestone" in short and "Keep the checkpoints of steps" not in short
    assert re.search(r"--milestone INT +Keep the checkpoints of steps", long)
    assert "Steps between checkpoints" not in said(capsys, "pretrain", "--help")


def test_a_wrong_word_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    for words, hint in (
        (["evaluat"], 'Did you mean "evaluate"?'),
        (["evaluate", "x", "--dat", "y"], "Did you mean --data"),
        (["export", "x", "--to", "onx", "--out", "y"], 'Did you mean "onnx"?'),
        (["presets", "VIVI-Ex4"], "did you mean 'VIVI-Ex(4)'"),
        (
            ["pretrain", "VIVI-Ex(4)", "--out", "x", "--set", "learning_rate=1"],
            "did you mean 'optimiser.learning_rate'",
        ),
    ):
        assert cli.main(words) == 2
        told = capsys.readouterr()
        assert hint in told.err and told.err.count("\n") == 1 and told.out == ""


def test_help_loads_nothing_heavy() -> None:
    code = f"import sys; from vivi import cli; cli.main(['--help']); print(sorted({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_without_a_terminal_there_is_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "presets")
    assert "VIVI-Ex(4)" in text and "\x1b" not in text


def test_what_programs_read_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    presets = json.loads(said(capsys, "presets", "--json"))
    assert {"name", "about", "where", "step"} == set(presets[0]) and len(presets) == 28
    tasks = json.loads(said(capsys, "tasks", "--json"))
    assert len(tasks) == 19 and tasks[0]["sizes"]["train"] > 0 and "here" not in tasks[0]
    found = json.loads(said(capsys, "env", "--json"))
    assert found["vivi"] and found["torch"]["version"] and found["ffmpeg"]["libavcodec"]


def test_the_environment_names_no_place(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "env")
    assert text.startswith("vivi ") and "extra timm: " in text and "extra dev" not in text
    for private in (str(Path.home()), os.uname().nodename, sys.prefix, str(Path.cwd())):
        assert private not in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_verbs(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    script = said(capsys, "completion", shell)
    assert all(verb in script for verb in ("pretrain", "export", "embed"))


def test_a_dry_run_of_pretraining_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["pretrain", "VIVI-Ex(4)", "--tiny", "--out", "run", "--dry-run", "--set", "augmentation.crop.size=32"]
    found = json.loads(said(capsys, *words, "--steps", "10", "--json"))
    assert (found["steps"], found["pictures"]) == (10, 10 * found["pictures_per_step"])
    assert found["parameters"] == 701_648 and found["seconds_per_step"] > 0 and found["hours"] > 0
    text = said(capsys, *words)
    assert "Nothing was read or written." in text and "701,648 parameters" in text
    assert list(tmp_path.iterdir()) == []
