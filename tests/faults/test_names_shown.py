"""Names of strangers' files never reach a terminal, a log or a table as anything but visible characters."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.films import write_film
from tests.faults.names import NAMES

from vivi.cli import main

UNREADABLE = b"\x00" * 100


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code, and what a command writes to the terminal."""
    code = main(words)
    out, error = capsys.readouterr()
    return code, out + error


def assert_visible(text: str) -> None:
    assert all(char.isprintable() or char == "\n" for char in text), repr(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video, and files that are none under every name."""
    folder = tmp_path_factory.mktemp("folder")
    write_film(folder / "good.mkv")
    for name in NAMES.values():
        (folder / name).write_bytes(UNREADABLE)
    return folder


def test_skipped_has_a_line_a_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = shown(capsys, "ingest", str(folder), "--out", str(tmp_path / "store"), "--workers", "1")
    assert code == 0
    assert_visible(text)
    table = (tmp_path / "store" / "skipped.csv").read_bytes().decode()
    assert_visible(table.replace("\r\n", "\n"))
    assert len(table.splitlines()) == len(NAMES) + 1
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert len({row["path"] for row in rows}) == len(NAMES)
    assert {row["reason"] for row in rows} == {"not a video"}


def no_such_source(folder: Path, name: str) -> list[str]:
    return [str(folder / "missing" / name), "--out", str(folder.parent / "never")]


def a_foreign_output(folder: Path, name: str) -> list[str]:
    output = folder.parent / "foreign"
    output.mkdir(exist_ok=True)
    for old in output.iterdir():
        old.unlink()
    (output / name).write_bytes(b"thesis")
    return [str(folder / "good.mkv"), "--out", str(output)]


@pytest.mark.parametrize("words", [no_such_source, a_foreign_output])
def test_errors_show_names_escaped(
    words: Callable[[Path, str], list[str]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES.values():
        code, text = shown(capsys, "ingest", *words(folder, name))
        assert code == 2
        assert_visible(text)
        assert len(text.strip().splitlines()) == 1, text


def test_nothing_was_done_by_a_name(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*NAMES.values(), "good.mkv"}
