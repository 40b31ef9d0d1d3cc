"""What a terminal gets: colours only where it is one and wants them, and never the bytes of strangers' names."""

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from tests.reference import encoder_folder
from tests.reference.tiny_images import CLASSES, tiny_images  # noqa: F401
from tests.reference.tiny_store import tiny_store  # noqa: F401

from vivi import cli
from vivi.console.base import Bar
from vivi.core.visible import visible

HOSTILE = "\x1b[31mred\x1b]0;title\x07\u202e[bold]\nb"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOURS = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")


def on_a_terminal(*words: str, **variables: str) -> str:
    """What a command writes where standard output and error are a terminal."""
    environment = {name: text for name, text in os.environ.items() if name not in ("NO_COLOR", "TERM", "FORCE_COLOR")}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vivi", *words]
    given = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "env": environment | variables}
    with subprocess.Popen(command, **given) as process:
        os.close(theirs)
        said = b""
        while part := _read(ours):
            said += part
    os.close(ours)
    assert process.returncode == 0, said
    return said.decode()


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 16)
    except OSError:  # Linux's word for the end of a terminal that nobody holds any more
        return b""


def test_a_terminal_gets_bars_and_colours(tiny_store: Path) -> None:  # noqa: F811
    said = on_a_terminal("store", "verify", str(tiny_store), TERM="xterm-256color")
    assert COLOURS.search(said) and "Verify" in said


def test_no_color_is_honoured(tiny_store: Path) -> None:  # noqa: F811
    said = on_a_terminal("store", "verify", str(tiny_store), TERM="xterm-256color", NO_COLOR="1")
    assert not COLOURS.search(said) and "Verify" in said


@pytest.mark.parametrize("words", [("--help",), ("presets",), ("store", "verify")])
def test_a_dumb_terminal_gets_plain_text(words: tuple[str, ...], tiny_store: Path) -> None:  # noqa: F811
    said = on_a_terminal(*words, *([str(tiny_store)] if words[0] == "store" else []), TERM="dumb")
    assert said.strip() and not ESCAPES.search(said)


def test_a_pipe_gets_plain_text(tiny_store: Path) -> None:  # noqa: F811
    command = [sys.executable, "-m", "vivi", "store", "verify", str(tiny_store)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "TERM": "xterm"})
    assert "all are whole" in run.stdout and not ESCAPES.search(run.stdout + run.stderr)


def test_a_bar_shows_names_and_does_not_obey_them(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(HOSTILE, unit="videos") as bar:
        bar.update(2, total=2, text=HOSTILE)
        bar.update(1, total=3)
        bar.update(3, total=3)  # a second round, as of the other half of a split
    said = capsys.readouterr().err
    assert [line.split(": ")[1][:10] for line in said.splitlines()] == ["2/2 videos", "3/3 videos"]
    assert said.count(visible(HOSTILE)) == 3
    drawn = io.StringIO()
    bar.update(3, total=3, text=HOSTILE)
    Console(file=drawn, width=300).print(bar._progress.get_renderable())
    assert drawn.getvalue().count(visible(HOSTILE)) == 2


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "encoder"
    encoder_folder.save(folder, name=f"VIVI {HOSTILE}")
    return folder


@pytest.fixture(scope="module")
def images(tiny_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """Labelled images; their folder, a class, an image and a damaged file have hostile names."""
    root = tmp_path_factory.mktemp("images") / HOSTILE
    shutil.copytree(tiny_images, root)
    for split in ("train", "val"):
        (root / split / CLASSES[0]).rename(root / split / HOSTILE)
        image = min((root / split / HOSTILE).iterdir())
        image.rename(image.with_name(f"{HOSTILE}{image.suffix}"))
        (root / split / CLASSES[1] / f"{HOSTILE}.png").write_bytes(b"damaged")
    return root


def shown(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What a command writes, which must be visible."""
    assert cli.main(list(words)) == code
    said = "".join(capsys.readouterr())
    assert [char for char in said if not (char.isprintable() or char == "\n")] == []
    return said


def test_names_are_shown_and_not_obeyed(
    encoder: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = tmp_path / f"{HOSTILE}.json"
    said = shown(capsys, "evaluate", str(encoder), "--data", str(images), "--out", str(scores))
    assert "skipped: " in said and "\\x1b[31mred\\x1b]0;title\\x07\\u202e[bold]" in said
    assert "A: VIVI \\x1b[31m" in shown(capsys, "compare", str(scores), str(scores))
    shown(capsys, "embed", str(encoder), "--images", str(images), "--out", str(tmp_path / f"{HOSTILE}.npz"))
    shown(capsys, "report", str(scores), "--out", str(tmp_path / f"{HOSTILE}.html"))
    assert shown(capsys, "evaluate", HOSTILE, "--data", str(images), code=2).count("\n") == 1
    assert shown(capsys, "store", "info", HOSTILE, code=2).count("\n") == 1


def test_a_comparison_is_json_too(
    encoder: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = str(tmp_path / "scores.json")
    shown(capsys, "evaluate", str(encoder), "--data", str(images), "--splits", "2", "--out", scores)
    found = json.loads(shown(capsys, "compare", scores, scores, "--json"))
    assert found["a"]["encoder"] == f"VIVI {HOSTILE}" and found["a"] == found["b"]
    assert {task["task"].split(" ")[-1] for task in found["tasks"]} == {"(knn)", "(logistic)"}
    for task in found["tasks"]:
        assert task["change"] == {"value": 0.0, "interval": [0.0, 0.0], "repeats": 2, "is_clear": False}
        assert task["a"] == task["b"] and 0 <= task["a"]["interval"][0] <= task["a"]["accuracy"] <= 1
