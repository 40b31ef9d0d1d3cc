"""What the command line says of words that it cannot take: what is wrong, what is legal, what to do."""

from pathlib import Path

import pytest

from vivi import cli


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(list(words)) == 2
    error = capsys.readouterr().err
    assert error.startswith("vivi: error: ") and error.count("\n") == 1
    return error.removeprefix("vivi: error: ").strip()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["store", "verfy", "shots"], "vivi store does not take 'verfy', 'shots': did you mean vivi store verify?"),
        (["store", "look"], "vivi store does not take 'look': its verbs are info, verify, merge, split"),
        (["tasks", "chek", "root"], "vivi tasks does not take 'root': did you mean vivi tasks check?"),
        (["pretrain", "--out", "run"], "vivi pretrain: PRESET is missing; vivi pretrain --help says what it is"),
        (["tasks", "check"], "vivi tasks check: ROOT is missing; vivi tasks check --help says what it is"),
        (["ingest", "videos"], "vivi ingest: --out is missing; vivi ingest --help says what it is"),
        (["ingest", "videos", "--out"], "vivi ingest: --out needs a value after it; vivi ingest --help says which"),
        (["pretrain", "x", "--dat", "d"], "vivi pretrain: --out is missing. Did you mean --data instead of --dat?"),
        (["convert", "x", "--oot=y"], "vivi convert: --out is missing. Did you mean --out instead of --oot?"),
        (["browse", "store", "--port", "80x"], "vivi browse: --port takes a whole number, got '80x'"),
        (["ingest", "v", "--out", "s", "--fps", "1,5"], "vivi ingest: --fps takes a number, got '1,5'"),
        (
            ["pretrain", "x", "--out", "run", "--chunks", "many"],
            "vivi pretrain: --chunks takes a whole number or auto, got 'many'",
        ),
    ],
)
def test_a_wrong_command_line_is_told_what_is_legal(
    capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert refused(capsys, *words) == expected


def test_values_too_many_are_told_how_a_flag_is_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    text = refused(capsys, "sweep", "p", "--out", "o", "--score", "s", "--lambda", "1", "2")
    assert text.startswith("vivi sweep does not take '2': ")
    assert "--flag A --flag B" in text and "in quotes" in text


def test_nearest_names_of_flags_and_choices_are_still_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean --out?" in refused(capsys, "ingest", "v", "--ou", "s")
    assert 'Did you mean "timm"?' in refused(capsys, "export", "e", "--to", "tim", "--out", "o")


def test_the_verbs_of_the_store_are_shown_as_all_help_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["store"]) == 0
    bare = capsys.readouterr().out
    assert cli.main(["store", "--help"]) == 0
    assert bare == capsys.readouterr().out
    assert bare.startswith("Usage: vivi store COMMAND\n") and "╭" not in bare


def test_a_path_from_the_home_folder_is_found_where_the_shell_left_it_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"{tmp_path}/my store: no such folder" in refused(capsys, "store", "info", "~/my store")
    assert f"{tmp_path}/none: no such folder" in refused(capsys, "doctor", "--store=~/none")
