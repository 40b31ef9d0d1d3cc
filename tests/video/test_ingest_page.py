"""docs/ingest.md: its commands run, its example in Python prints what it says, its reasons are all there are."""

import doctest
import json
import re
import shlex
import tarfile
from pathlib import Path
from typing import get_args

import pytest
from tests.reference.tiny_videos import film

from vivi import cli
from vivi.cli.app import app
from vivi.video.container import Reason

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "ingest.md"
COMMANDS = re.findall(r"^    (vivi ingest .*?)(?:  +#.*)?$", PAGE.read_text(), re.MULTILINE)
ELSEWHERE = ("s3://", "addresses.txt", "--engine ray")
_MODULES = ("archives", "folders", "lists", "names", "part", "places", "youtube")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number in range(6):
        film(tmp_path / "my_videos" / f"{number}.mp4", seed=number, frames=8)
    film(tmp_path / "more" / "clip.mkv", seed=10, frames=8)
    film(tmp_path / "downloads" / "Any title [ABCDEFGHIJK].mp4", seed=11, frames=8)
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "shard-000.tar", "w") as archive:
        archive.add(tmp_path / "more" / "clip.mkv", "member.mkv")
    (tmp_path / "videos.csv").write_text("id,path\none,my_videos/0.mp4\ntwo,my_videos/1.mp4\n")
    for number in range(2):
        (tmp_path / f"part-{number}.txt").write_text(f"my_videos/{number}.mp4\n")
    (tmp_path / "ids.txt").write_text("ABCDEFGHIJK\nabcd\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(out: Path) -> list[str]:
    return [json.loads(line)["path"] for line in (out / "videos.jsonl").read_text().splitlines()]


EXPECTED = {
    "vivi ingest my_videos --out store": [f"{number}.mp4" for number in range(6)],
    "vivi ingest my_videos more/clip.mkv shards/shard-000.tar --out store": [
        "clip.mkv",
        *(f"my_videos/{number}.mp4" for number in range(6)),
        "shard-000.tar/member.mkv",
    ],
    "vivi ingest --list videos.csv --out store": ["one", "two"],
    "vivi ingest --list part-0.txt --list part-1.txt --out store": [
        "part-0.txt/my_videos/0.mp4",
        "part-1.txt/my_videos/1.mp4",
    ],
    "vivi ingest downloads --ids ids.txt --out store": ["ABCDEFGHIJK"],
}


@pytest.mark.parametrize("command", EXPECTED)
def test_commands_of_the_page_do_what_it_says(command: str, folder: Path) -> None:
    assert command in COMMANDS
    assert cli.main([*shlex.split(command)[1:], "--workers", "1", "--short-side", "32"]) == 0
    assert stored(folder / "store") == EXPECTED[command]


def test_the_two_parts_of_the_page(folder: Path) -> None:
    commands = [command for command in COMMANDS if "--holdout" in command]
    assert len(commands) == 2
    found = []
    for command in commands:
        assert cli.main([*shlex.split(command.replace("0.1", "0.5"))[1:], "--workers", "1"]) == 0
        out = folder / shlex.split(command)[-1]
        found.append(set(stored(out)))
    assert found[0] | found[1] == {f"{number}.mp4" for number in range(6)} and not found[0] & found[1]


def test_every_command_of_the_page_is_tried_or_needs_another_machine() -> None:
    others = [command for command in COMMANDS if command not in EXPECTED and "--holdout" not in command]
    assert others and all(any(word in command for word in ELSEWHERE) for command in others)
    for command in others:
        app.parse_args(shlex.split(command)[1:], exit_on_error=False, print_error=False)


def test_the_example_in_python() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False) == doctest.TestResults(failed=0, attempted=2)


def test_every_reason_is_explained() -> None:
    text = " ".join((ROOT / "src" / "vivi" / "video" / f"{name}.py").read_text() for name in _MODULES)
    reasons = set(re.findall(r'(?:Skip\([^"]*?|PlaceError\()"([a-z ]+)"', text.replace("\n", " ")))
    reasons |= set(get_args(Reason))
    assert {"not there", "truncated", "not a regular file", "unreadable"} < reasons
    table = PAGE.read_text().partition("## What is skipped and why")[2]
    assert [reason for reason in sorted(reasons) if reason not in table] == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--holdout 0.1", "--holdout and --part go together"),
        ("--part test", "--holdout and --part go together"),
        ("--holdout 1.5 --part test", "share: Input should be less than 1"),
        ("--address 127.0.0.1:6379", "goes with --engine ray alone"),
        ("--list none.csv", "cannot read source"),
        ("--ids none.txt", "none.txt: there is no such file"),
    ],
)
def test_flags_that_cannot_be_meant(flags: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ingest", "my_videos", "--out", "never", *flags.split()]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (folder / "never").exists()
