"""Units of work on Ray: a small Ray of this machine, on loopback, started by the test."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from vivi.core.cluster import RayEngine, call_by_name
from vivi.core.errors import ViviError

UNITS = """
    import os, signal, time
    from pathlib import Path

    def act(argument):
        folder = Path(argument["folder"])
        with (folder / f"{argument['name']}.tries").open("a") as file:
            file.write("x")
        what = argument["do"]
        tries = len((folder / f"{argument['name']}.tries").read_text())
        if what == "die" or (what == "die once" and tries == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "raise":
            raise ValueError("bad value")
        if what == "hang":
            time.sleep(1000)
        return {"name": argument["name"], "tries": tries}
"""


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "cluster_units_under_test.py").write_text(textwrap.dedent(UNITS))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    sys.modules.pop("cluster_units_under_test", None)
    import cluster_units_under_test

    return cluster_units_under_test


def test_what_a_worker_tells(units: ModuleType, tmp_path: Path) -> None:
    good = f'{{"do": "nothing", "name": "a", "folder": "{tmp_path}"}}'
    told = call_by_name("cluster_units_under_test:act", good)
    assert told == '{"end": "DONE", "value": {"name": "a", "tries": 1}, "detail": ""}'
    told = call_by_name("cluster_units_under_test:act", good.replace("nothing", "raise"))
    assert told == '{"end": "FAILED", "value": null, "detail": "ValueError: bad value"}'


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, units: ModuleType) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ViviError, match=r"pip install 'vivi\[ray\]'"):
        list(RayEngine()(units.act, units=[], workers=1))


@pytest.mark.parametrize(
    ("engine", "resources", "room"),
    [
        (RayEngine(), {"CPU": 8.0}, 8),
        (RayEngine(cpus=3), {"CPU": 8.0}, 2),
        (RayEngine(gpus=1), {"CPU": 8.0, "GPU": 2.0}, 2),
        (RayEngine(gpus=0.5), {"CPU": 3.0, "GPU": 2.0}, 3),
        (RayEngine(gpus=1), {"CPU": 8.0}, 0),
    ],
)
def test_room(engine: RayEngine, resources: dict[str, float], room: int) -> None:
    assert engine._room(resources) == room


SCRIPT = """
    import json, os, sys
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # its name for: loopback alone
    import cluster_units_under_test as module
    from vivi.core.cluster import RayEngine
    from vivi.core.work import Unit
    deeds = {"a": "nothing", "b": "die once", "c": "die", "d": "raise", "e": "hang", "f": "nothing"}
    seconds = {"e": 4.0}
    arguments = {name: {"do": deed, "name": name, "folder": sys.argv[1]} for name, deed in deeds.items()}
    units = [Unit(name, argument, seconds.get(name, 60.0)) for name, argument in arguments.items()]
    engine = RayEngine(address="local", settings={"num_cpus": 2, "log_to_driver": False})
    found = [
        [outcome.unit.name, outcome.end.name, outcome.value, outcome.detail.split(":")[0]]
        for outcome in engine(module.act, units=units, workers=2)
    ]
    print(json.dumps(found))
"""


@pytest.mark.slow
def test_every_unit_comes_to_its_end_whoever_is_killed(units: ModuleType, tmp_path: Path) -> None:
    """In a process of its own, since Ray leaves threads and open files behind."""
    pytest.importorskip("ray")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "modules")}
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    found = {name: ending for name, *ending in json.loads(done.stdout.splitlines()[-1])}
    assert found == {
        "a": ["DONE", {"name": "a", "tries": 1}, ""],
        "b": ["DONE", {"name": "b", "tries": 2}, ""],
        "c": ["CRASHED", None, "WorkerCrashedError"],
        "d": ["FAILED", None, "ValueError"],
        "e": ["TIMEOUT", None, "not done after 4 s"],
        "f": ["DONE", {"name": "f", "tries": 1}, ""],
    }
    tries = {file.stem: len(file.read_text()) for file in tmp_path.glob("*.tries")}
    assert tries == {"a": 1, "b": 2, "c": 2, "d": 2, "e": 1, "f": 1}


@pytest.mark.slow
def test_without_a_cluster_or_with_too_small_a_one_one_line_says_so(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    script = """
        import os
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        from vivi.core.cluster import RayEngine, call_by_name
        from vivi.core.errors import ViviError
        local = {"address": "local", "settings": {"num_cpus": 1}}
        for engine in (RayEngine(), RayEngine(gpus=1, **local)):
            try:
                list(engine(call_by_name, units=[], workers=1))
            except ViviError as error:
                print(error)
    """
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    none, small = done.stdout.splitlines()
    assert none.startswith("no Ray cluster (ConnectionError: ") and none.endswith("or use --engine local")
    assert small.startswith("the Ray cluster has 1 cores and 0 GPUs, a unit needs 1 cores and 1 GPUs")
