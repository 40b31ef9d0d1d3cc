"""Units of work: what happens to a unit, and to the others, when something goes wrong."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType

import pytest

from vivi.core.errors import ViviError
from vivi.core.work import End, Outcome, Unit, run_units

UNITS = """
    import json, os, resource, signal, sys, time
    from pathlib import Path

    def square(argument):
        return argument["x"] ** 2

    def act(argument):
        what = argument["do"]
        print("noise on standard output")
        if what == "raise":
            raise ValueError("bad value")
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "exit":
            os._exit(3)
        if what == "hang":
            time.sleep(1000)
        if what == "allocate":
            return len(bytearray(argument["bytes"]))
        if what == "die once":
            if not Path(argument["mark"]).exists():
                Path(argument["mark"]).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if what == "pid":
            Path(argument["folder"], str(os.getpid())).touch()
            time.sleep(argument.get("sleep", 0.0))
        return argument.get("x")
"""


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "units_under_test.py").write_text(textwrap.dedent(UNITS))
    (tmp_path / "modules" / "broken_under_test.py").write_text("import nosuchmodule\n")
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    sys.modules.pop("units_under_test", None)
    import units_under_test

    return units_under_test


def outcomes(function: object, arguments: list[dict[str, object]], **options: int) -> dict[str, Outcome]:
    units = [Unit(str(n), argument, float(argument.get("seconds", 60))) for n, argument in enumerate(arguments)]
    found = list(run_units(function, units=units, **({"workers": 2} | options)))
    assert sorted(each.unit.name for each in found) == sorted(unit.name for unit in units)
    return {each.unit.name: each for each in found}


def test_every_unit_is_done_once(units: ModuleType) -> None:
    found = outcomes(units.square, [{"x": x} for x in range(40)])
    assert {name: each.value for name, each in found.items()} == {str(x): x * x for x in range(40)}
    assert {each.end for each in found.values()} == {End.DONE}


def test_no_units_start_no_process(units: ModuleType) -> None:
    assert list(run_units(units.square, units=[], workers=2)) == []


def test_units_are_taken_only_as_workers_become_free(units: ModuleType) -> None:
    taken = []

    def endless():
        for x in range(1000):
            taken.append(x)
            yield Unit(str(x), {"x": x}, 60.0)

    running = run_units(units.square, units=endless(), workers=1)
    assert next(running).value == 0
    running.close()
    assert len(taken) <= 2


def test_none_means_that_others_have_to_end_first(units: ModuleType) -> None:
    ended: list[str] = []

    def one_after_the_other():
        for x in range(4):
            while len(ended) < x:
                yield None
            yield Unit(str(x), {"x": x}, 60.0)

    for outcome in run_units(units.square, units=one_after_the_other(), workers=2):
        ended.append(outcome.unit.name)
    assert ended == ["0", "1", "2", "3"]


def test_a_process_without_work_is_kept(units: ModuleType, tmp_path: Path) -> None:
    ended: list[str] = []

    def with_a_pause():
        for x in range(3):
            yield Unit(str(x), {"do": "pid", "folder": str(tmp_path), "sleep": 0.5 * (x == 1)}, 60.0)
        while len(ended) < 3:
            yield None
        for x in range(3, 5):
            yield Unit(str(x), {"do": "pid", "folder": str(tmp_path), "sleep": 0.2}, 60.0)

    for outcome in run_units(units.act, units=with_a_pause(), workers=2):
        ended.append(outcome.unit.name)
    assert sorted(ended) == ["0", "1", "2", "3", "4"]
    assert len(_pids(tmp_path)) <= 2


def test_a_bad_unit_costs_only_itself(units: ModuleType) -> None:
    bad = [{"do": "raise"}, {"do": "die"}, {"do": "exit"}, {"do": "hang", "seconds": 0.5}]
    found = outcomes(units.act, [*bad, *({"do": "nothing", "x": x} for x in range(6))])
    assert [found[str(n)].end for n in range(4)] == [End.FAILED, End.CRASHED, End.CRASHED, End.TIMEOUT]
    assert [found[str(n)].detail for n in range(4)] == [
        "ValueError: bad value",
        "the process was killed by SIGKILL",
        "the process ended with exit status 3",
        "not done after 0.5 s",
    ]
    assert [found[str(n)].value for n in range(4, 10)] == list(range(6))


def test_a_hanging_unit_is_given_up_however_busy_the_others_are(units: ModuleType) -> None:
    todo = [Unit("hang", {"do": "hang"}, 0.5), *(Unit(str(x), {"do": "nothing", "x": x}, 60.0) for x in range(30))]
    ends = []
    for outcome in run_units(units.act, units=todo, workers=2):
        time.sleep(0.1)  # whatever is said meanwhile waits
        ends.append(outcome.unit.name)
    assert sorted(ends) == sorted(unit.name for unit in todo)
    assert ends.index("hang") < 20


def test_a_unit_whose_process_was_killed_by_chance_is_tried_again(units: ModuleType, tmp_path: Path) -> None:
    arguments = [{"do": "die once", "mark": str(tmp_path / "mark"), "x": 7}]
    assert outcomes(units.act, arguments)["0"].value == 7
    (tmp_path / "mark").unlink()
    assert outcomes(units.act, arguments, attempts=1)["0"].end is End.CRASHED


def test_a_worker_that_takes_too_much_memory_is_stopped(units: ModuleType) -> None:
    arguments = [{"do": "allocate", "bytes": 1 << 31}, {"do": "allocate", "bytes": 1 << 20}]
    found = outcomes(units.act, arguments, memory=1 << 30)
    assert found["0"].end is End.FAILED
    assert found["0"].detail.startswith("MemoryError")
    assert found["1"].value == 1 << 20


def test_processes_that_cannot_start_end_the_run_and_say_why(units: ModuleType) -> None:
    def hidden(x):
        return x

    hidden.__module__ = "broken_under_test"
    hidden.__qualname__ = "f"
    with pytest.raises(ViviError, match="do not start: ModuleNotFoundError: No module named 'nosuchmodule'"):
        list(run_units(hidden, units=[Unit("0", {}, 60.0)], workers=1))


def test_leaving_early_leaves_no_process(units: ModuleType, tmp_path: Path) -> None:
    arguments = [{"do": "pid", "folder": str(tmp_path), "sleep": 0 if n == 0 else 1000} for n in range(2)]
    running = run_units(units.act, units=[Unit(str(n), a, 60.0) for n, a in enumerate(arguments)], workers=2)
    next(running)
    _wait_until(lambda: len(_pids(tmp_path)) == 2)
    running.close()
    assert not any(_alive(pid) for pid in _pids(tmp_path))


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_workers_end_with_their_parent(name: str, units: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    script = f"""
        import units_under_test
        from vivi.core.work import Unit, run_units
        argument = {{"do": "pid", "folder": {str(tmp_path / "pids")!r}, "sleep": 1000}}
        list(run_units(units_under_test.act, units=[Unit(str(n), argument, 60.0) for n in range(2)], workers=2))
    """
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "modules")}
    asking = f"import signal; signal.signal(signal.{name}, signal.default_int_handler)\n" if name == "SIGINT" else ""
    command = [sys.executable, "-c", asking + textwrap.dedent(script)]  # a shell's background jobs ignore SIGINT
    parent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    _wait_until(lambda: len(_pids(tmp_path / "pids")) == 2)
    parent.send_signal(getattr(signal, name))
    assert parent.wait(timeout=20) != 0
    _wait_until(lambda: not any(_alive(pid) for pid in _pids(tmp_path / "pids")))


def _pids(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(condition: object) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
