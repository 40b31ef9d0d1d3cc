"""The demo as a list of command lines; tests/house runs it for real."""

import json
import shlex

import pytest

from vivi.core.errors import InterruptedRunError, ViviError
from vivi.demo.run import METHODS, Size, demo
from vivi.demo.stills import QUESTIONS

SMALL = Size(videos=1, train=1, test=1)


class Recorder:
    def __init__(self, codes=()):
        self.lines, self.codes = [], list(codes)

    def __call__(self, arguments):
        self.lines.append(tuple(arguments))
        return self.codes.pop(0) if self.codes else 0


def test_every_verb_is_called_in_order(tmp_path, capsys):
    main = Recorder()
    path = demo(tmp_path / "d", seed=0, main=main, size=SMALL)
    verbs = [line[0] for line in main.lines]
    assert verbs == ["ingest"] + ["pretrain"] * 3 + ["evaluate"] * len(METHODS) * len(QUESTIONS) + ["report"]
    assert [line[1] for line in main.lines if line[0] == "pretrain"] == list(METHODS)
    assert path == (tmp_path / "d" / "report.html").resolve()
    shown = [line[2:] for line in capsys.readouterr().out.splitlines() if line.startswith("$ ")]
    assert [tuple(shlex.split(line)[1:]) for line in shown] == main.lines


def test_methods_differ_in_nothing_but_name_and_folder(tmp_path):
    main = Recorder()
    demo(tmp_path / "d", seed=5, main=main, size=Size(videos=1, train=1, test=1, settings=("a.b=1",)))
    pretrains = [line for line in main.lines if line[0] == "pretrain"]
    shared = [tuple(part for part in line[2:] if "/runs/" not in part) for line in pretrains]
    assert len(set(shared)) == 1
    assert shared[0][-4:] == ("--set", "seed=5", "--set", "a.b=1")


def test_the_commands_are_kept_for_the_report(tmp_path):
    main = Recorder()
    demo(tmp_path / "d", seed=0, main=main, size=SMALL)
    kept = (tmp_path / "d" / "commands.txt").read_text().splitlines()
    assert kept[0].startswith(f"# vivi demo --out {tmp_path / 'd'} --seed 0 ")
    assert [tuple(shlex.split(line)[1:]) for line in kept[1:]] == main.lines[:-1]
    assert main.lines[-1][main.lines[-1].index("--commands") + 1] == str(tmp_path / "d" / "commands.txt")


def test_a_failed_command_ends_the_demo(tmp_path):
    main = Recorder([0, 2])
    with pytest.raises(ViviError, match="ended with code 2: vivi pretrain Ex-YT-F"):
        demo(tmp_path / "d", seed=0, main=main, size=SMALL)
    assert len(main.lines) == 2


def test_a_stopped_demo_goes_on_with_the_same_world(tmp_path):
    with pytest.raises(InterruptedRunError):
        demo(tmp_path / "d", seed=0, main=Recorder([75]), size=SMALL)
    video = tmp_path / "d" / "world" / "videos" / "north" / "clip 000.mp4"
    before = video.stat().st_mtime_ns
    demo(tmp_path / "d", seed=0, main=Recorder(), size=SMALL)
    assert video.stat().st_mtime_ns == before


def test_half_a_world_is_made_anew(tmp_path):
    demo(tmp_path / "d", seed=0, main=Recorder(), size=SMALL)
    (tmp_path / "d" / "world" / "done.json").unlink()
    (tmp_path / "d" / "world" / "stray").touch()
    demo(tmp_path / "d", seed=0, main=Recorder(), size=SMALL)
    assert not (tmp_path / "d" / "world" / "stray").exists()


def test_foreign_folders_and_other_demos_are_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "world").write_text("precious")
    with pytest.raises(ViviError, match="not a demo"):
        demo(tmp_path / "mine", seed=0, main=Recorder(), size=SMALL)
    assert (tmp_path / "mine" / "world").read_text() == "precious"
    with pytest.raises(ViviError, match=r"cannot make the folder .*: choose another --out"):
        demo(tmp_path / "mine" / "world" / "d", seed=0, main=Recorder(), size=SMALL)
    demo(tmp_path / "d", seed=0, main=Recorder(), size=SMALL)
    with pytest.raises(ViviError, match="another demo"):
        demo(tmp_path / "d", seed=1, main=Recorder(), size=SMALL)
    assert json.loads((tmp_path / "d" / "demo.json").read_text())["seed"] == 0
