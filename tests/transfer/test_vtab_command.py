"""`vivi vtab`: what it shows, how it ends, and lists of vtab-1k on disk as most people have them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.reference.tiny_networks import FLAT

from vivi import cli
from vivi.api.benchmarks import asked_protocol, engine_options
from vivi.console.vtab import duration, means
from vivi.core.cluster import RayEngine
from vivi.core.errors import ConfigError, ViviError
from vivi.transfer.vtab import plan as plan_module
from vivi.transfer.vtab.modes import LinearProbe
from vivi.transfer.vtab.plan import _devices, plan
from vivi.transfer.vtab.protocol import VtabProtocol
from vivi.transfer.vtab.runs import Run
from vivi.transfer.vtab.study import TaskFacts
from vivi.transfer.vtab.workload import Load, Speed, in_units, load_of

Painter = Callable[[Path, str, int], None]
COLOURS = ("red", "green", "blue")
SMALL = ("--set", "recipe.batch=8", "--set", "image_size=8", "--steps-scale", "0.0008", "--device", "cpu")


@pytest.fixture
def lists(tmp_path: Path, paint: Painter) -> Path:
    """cifar in lists of vtab-1k: 12 training images, 6 to select on, 6 to test on, one of which is no image."""
    folder = tmp_path / "vtab-1k" / "cifar"
    for split, count in (("train800", 12), ("val200", 6), ("test", 6)):
        lines = []
        for number in range(count):
            path = f"images/{split}/{number:06}.png"
            paint(folder / path, COLOURS[number % 3], number)
            lines.append(f"{path} {number % 3}")
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    (folder / "images/test/000002.png").write_bytes(b"no image")
    return tmp_path / "vtab-1k"


def words(lists: Path, *more: str | Path) -> list[str]:
    return ["vtab", FLAT, "--data", str(lists), "--out", str(lists.parent / "out"), *SMALL, *map(str, more)]


def test_from_lists_to_results(lists: Path, colours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, given = lists.parent / "out", words(lists, "--folder", colours, "--mode", "linear")
    assert cli.main([*given, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "cifar, folder-colours" in said and "16, of which 0 are done" in said
    assert not out.exists()
    assert cli.main(given) == 0
    said = capsys.readouterr().out
    told = "cifar: 1 image cannot be read, first cifar/images/test/000002.png: "
    assert told in " ".join(said.split()) and "; those to be judged on count as wrong" in said
    assert "natural: no mean, 1 of 7 tasks" in said and "VTAB: no mean, 1 of 19 tasks" in said
    assert "not VTAB's protocol: steps.0: 2500 -> 2" in said
    record = json.loads((out / "results.json").read_text())
    assert set(record["tasks"]) == {"cifar", "folder-colours"}
    assert (record["tasks"]["cifar"]["total"], record["tasks"]["cifar"]["origin"]) == (6, "lists of vtab-1k")
    assert record["tasks"]["cifar"]["accuracy"] <= 5 / 6
    assert cli.main([*given, "--dry-run"]) == 0
    runs = sum(len(task["repeats"]) + len(task["sweep"]) for task in record["tasks"].values())
    assert f"{runs}, of which {runs} are done" in capsys.readouterr().out
    assert cli.main([*given, "--dry-run", "--set", "repeats=2"]) == 2
    assert "holds another study; it differs in protocol.repeats: 3 -> 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--version", "1"], "cifar: version 1 of VTAB with 1000 examples needs the split 'train1000', which lists"),
        (["--task", "cifer"], "did you mean 'cifar'"),
        (["--task", "svhn"], "svhn"),
        (["--steps-scale", "0"], "--steps-scale 0.0: must be a number above 0"),
        (["--set", "recipe.batches=3"], "did you mean 'batch'"),
        (["--jobs", "0"], "--jobs 0: must be at least 1"),
        (["--device", "tpu"], "--device tpu: not available here"),
        (["--mode", "guess"], "Invalid value"),
        (["--folder", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line(more: list[str], text: str, lists: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = words(lists)
    given = [each for each in given if each not in ("--steps-scale", "0.0008")] if "--steps-scale" in more else given
    given = [each for each in given if each not in ("--device", "cpu")] if "--device" in more else given
    assert cli.main([*given, *more]) == 2
    said = capsys.readouterr().err
    assert text in said and said.startswith("vivi: error: ") and said.count("\n") == 1
    assert not (lists.parent / "out").exists()


def test_a_failed_run_ends_with_code_2_and_the_results_so_far(
    lists: Path, colours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (lists / "cifar" / "images").glob("*/*.png"):
        file.write_bytes(b"no image")
    given = words(lists, "--folder", colours, "--mode", "knn")
    assert cli.main(given) == 2
    captured = capsys.readouterr()
    assert list(json.loads((lists.parent / "out" / "results.json").read_text())["tasks"]) == ["folder-colours"]
    assert "failed: cifar/final-knn20-1: ViviError: none of 18 training images" in captured.out
    assert "vivi: error: 1 runs failed, first cifar/final-knn20-1: " in captured.err


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGINT", marks=pytest.mark.slow)])
def test_a_signal_ends_it_cleanly_and_the_same_command_goes_on(name: str, lists: Path) -> None:
    out = lists.parent / "out"
    given = [each if each != "0.0008" else "100" for each in words(lists)]
    asking = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program = f"{asking}from vivi.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *given]  # a shell's background jobs ignore SIGINT
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not _workers(process.pid):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    (worker,) = _workers(process.pid)
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75
    assert said.splitlines()[-1].endswith("stopped: 0 of 7 runs are done in " + f"{out}; the same command goes on")
    while Path(f"/proc/{worker}").exists():  # one that was just being started ends when it finds its parent gone
        assert time.monotonic() < end
        time.sleep(0.05)
    assert json.loads((out / "results.json").read_text())["tasks"] == {}
    assert not (out / ".lock").exists()


def _workers(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_flags_make_a_protocol() -> None:
    protocol = asked_protocol(1, "full", "linear", steps_scale=0.1, assignments=["repeats=5", "shared_setting=true"])
    assert (protocol.version, protocol.examples, protocol.mode) == (1, "full", LinearProbe())
    assert (protocol.steps, protocol.repeats, protocol.shared_setting) == ((250, 1000), 5, True)
    assert asked_protocol(2, "1000", "finetune", steps_scale=1.0, assignments=[]) == VtabProtocol()
    with pytest.raises(ConfigError, match=r"--steps-scale 0.0001: all runs would have 1 step: give a larger number"):
        asked_protocol(2, "1000", "finetune", steps_scale=0.0001, assignments=[])
    with pytest.raises(ConfigError, match="examples"):
        asked_protocol(2, "some", "finetune", steps_scale=1.0, assignments=[])


def test_where_runs_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_options("local", device="cpu", jobs=3) == {"jobs": 3}
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ViviError, match=r"pip install 'vivi\[ray\]'"):
        engine_options("ray", device="cpu", jobs=None)
    with pytest.raises(ConfigError, match=r"--device cuda:1: a run on a cluster has one GPU, which Ray chooses"):
        engine_options("ray", device="cuda:1", jobs=None)
    monkeypatch.setattr(RayEngine, "resources", lambda _: {"CPU": 8.0})
    with pytest.raises(ConfigError, match="the Ray cluster has no GPU; legal here: auto, cpu"):
        engine_options("ray", device="cuda", jobs=None)
    found = engine_options("ray", device="auto", jobs=None)
    assert (found["engine"], found["jobs"], found["threads"]) == (RayEngine(), 8, 1)
    assert engine_options("ray", device="auto", jobs=0)["jobs"] == 0, "which vtab refuses"
    with pytest.raises(ConfigError, match="--engine dask: legal: local, ray"):
        engine_options("dask", device="auto", jobs=None)
    monkeypatch.setattr(RayEngine, "resources", lambda _: {"CPU": 8.0, "GPU": 4.0})
    found = engine_options("ray", device="cuda", jobs=None)
    assert (found["engine"], found["jobs"], found["threads"]) == (RayEngine(gpus=1.0), 4, 8)


def facts(**sizes: int) -> TaskFacts:
    return TaskFacts("T", "natural", 3, dict(sizes), origin="", is_official=True, remarks=[], examples={})


def test_what_runs_cost() -> None:
    """The paper's numbers: 19 tasks, 4 settings, batches of 512."""
    protocol, task = VtabProtocol(), facts(train800=800, val200=200, train800val200=1000, test=5000)
    sweep = [Run("t", "sweep", setting, 0) for setting in protocol.settings]
    units = in_units(sweep, protocol)
    assert [unit[0].setting.steps for unit in units] == [10_000, 10_000, 2500, 2500]
    load = sum((load_of(unit, task, protocol) for unit in units), Load())
    assert load == Load(25_000 * 512, 800) and 19 * load.trained == 243_200_000
    assert load.cost == 3 * load.trained + 800
    linear = VtabProtocol(mode=LinearProbe())
    finals = [Run("t", "final", linear.settings[0], repeat) for repeat in range(3)]
    assert [load_of(unit, task, linear) for unit in in_units(finals, linear)] == [Load(0, 6000)]


def test_a_plan_depends_on_which_settings_are_chosen(colours: Path, tmp_path: Path) -> None:
    protocol = asked_protocol(2, "1000", "finetune", steps_scale=0.0008, assignments=["image_size=8"])
    found = plan(FLAT, folders=[colours], out=tmp_path / "out", protocol=protocol, device="cpu")
    assert (found.runs, found.done, found.tasks) == (7, 0, ("folder-colours",))
    sweep, batch = 2 * (2 + 8), 512
    assert (found.least.trained, found.most.trained) == ((sweep + 3 * 2) * batch, (sweep + 3 * 8) * batch)
    assert 0 < found.seconds[0] < found.seconds[1]
    assert not (tmp_path / "out").exists()


def test_a_plan_counts_on_no_more_gpus_than_there_are(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [_devices(torch.device(name)) for name in ("cpu", "cuda", "cuda:1")] == [1, 2, 1]
    monkeypatch.setattr(plan_module, "measured_speed", lambda *_, device: Speed(1.0, 1.0))
    monkeypatch.setattr(plan_module, "_devices", lambda _: 2)
    protocol = asked_protocol(2, "1000", "finetune", steps_scale=0.0008, assignments=["image_size=8"])
    asked = {"folders": [colours], "out": tmp_path / "out", "protocol": protocol, "device": "cpu"}
    alone, both, more = (plan(FLAT, **asked, jobs=jobs).seconds for jobs in (1, 2, 8))
    assert both == more == (alone[0] / 2, alone[1] / 2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "5 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3500, "58 min"),
        (3599, "1 h 0 min"),
        (3700, "1 h 2 min"),
        (86400 * 3, "3.0 days"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_means_are_marked_where_the_examples_are_not_vtabs() -> None:
    groups = {
        "natural": {"mean": 0.5, "tasks": 1, "of": 1},
        "structured": {"mean": 0.25, "tasks": 1, "of": 1},
        "specialized": {"mean": None, "tasks": 0, "of": 4},
    }
    tasks = {"a": {"group": "natural", "is_official": False}, "b": {"group": "structured", "is_official": True}}
    assert list(means({"groups": groups, "tasks": tasks, "mean": None})) == [
        "natural: mean 50.0% * over 1 tasks",
        "structured: mean 25.0% over 1 tasks",
        "specialized: no mean, 0 of 4 tasks",
        "VTAB: no mean, 2 of 6 tasks",
    ]
