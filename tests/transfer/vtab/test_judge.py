"""A study: independent runs, nothing done twice, nothing mixed with another study, one failure costs only itself."""
# ruff: noqa: F811

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.reference.tiny_networks import FIXED
from tests.reference.tiny_study import SMALL, TINY, Study, records, study, tasks  # noqa: F401 (fixtures)
from tests.reference.tiny_tasks import examples, in_process, listed, opened

import vivi.transfer.vtab.runs as runs_module
from vivi.core.config import override
from vivi.core.errors import InterruptedRunError, ViviError
from vivi.core.work import Unit, run_units
from vivi.transfer.task import OpenedTask
from vivi.transfer.vtab.judge import VtabProgress


def test_nothing_done_is_done_again(study: Study, tmp_path: Path) -> None:
    done: list[str] = []

    def engine(function: Callable[[Any], Any], *, units: list[Unit], workers: int) -> Any:
        done.extend(unit.name for unit in units)
        yield from in_process(function, units=units, workers=workers)

    first = study(engine=engine)
    assert len(done) == 14
    times = {file: file.stat().st_mtime_ns for file in (tmp_path / "out" / "runs").rglob("*.json")}
    assert study(engine=engine).record == first.record
    assert len(done) == 14
    assert {file: file.stat().st_mtime_ns for file in times} == times
    lost = next(file for file in times if "final" in file.name)
    lost.unlink()
    assert study(engine=engine).record == first.record
    assert done[14:] == [f"{lost.parent.name}/{lost.stem}"]


KILLS = """
    import json, os, sys
    from pathlib import Path
    import torch._dynamo  # torch's optimisers import it when they are used first, which takes seconds
    from tests.reference import tiny_study

    there, root = tiny_study.stand_in(), Path(sys.argv[1])
    for point in json.loads(sys.argv[2]):
        pid = os.fork()
        if pid == 0:
            os.environ["VIVI_CRASH_AT"] = point
            code = 1
            try:
                tiny_study.run(root, tasks=["cifar"], protocol=tiny_study.SMALL)
                code = 0
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_killed_at_every_run_boundary_the_same_call_ends_the_same(study: Study, tmp_path: Path) -> None:
    """A process that forks for every attempt, before torch has any threads; each dies as by kill -9."""
    said: list[VtabProgress] = []
    study(out=tmp_path / "undisturbed", tasks=["cifar"], protocol=SMALL, progress=said.append)
    runs = [f"before-rename:{each.last.removeprefix('cifar/')}.json" for each in said if each.last]
    points = ["before-rename:study.json", *runs, "before-rename:results.json", ""]
    command = [sys.executable, "-c", textwrap.dedent(KILLS), str(tmp_path), json.dumps(points)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert [int(line) for line in done.stdout.split()] == [-9] * 7 + [0]
    assert records(tmp_path / "out") == records(tmp_path / "undisturbed")
    ours, theirs = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("out", "undisturbed"))
    assert ours == theirs
    assert not list((tmp_path / "out").rglob(".tmp-*"))


def test_a_task_that_is_begun_but_not_whole_is_named(study: Study, tmp_path: Path) -> None:
    assert study().left_out == (f"oxford_flowers102: {tmp_path} lacks oxford_flowers102/val200.txt",)
    assert study(tasks=["cifar"]).left_out == ()


def test_a_study_grows_by_tasks(study: Study, tmp_path: Path) -> None:
    first = study(tasks=["cifar"])
    assert list(first.record["tasks"]) == ["cifar"] and "svhn" in first.record["missing"]
    second = study(tasks=["svhn"])
    assert second.record["tasks"]["cifar"] == first.record["tasks"]["cifar"]
    assert set(second.record["tasks"]) == {"cifar", "svhn"} and len(second.record["missing"]) == 17


def test_another_encoder_protocol_or_data_is_refused(
    study: Study, tasks: dict[str, OpenedTask], tmp_path: Path
) -> None:
    study(tasks=["cifar"])
    with pytest.raises(
        ViviError, match=r"holds another study; it differs in encoder.preprocessing: .*: choose another --out"
    ):
        study("python:tests.reference.tiny_networks:standardised")
    with pytest.raises(ViviError, match=r'it differs in encoder.fingerprint: "\w+" -> "\w+"'):
        study("python:tests.reference.tiny_networks:restless")
    with pytest.raises(ViviError, match=r"it differs in protocol.recipe.batch: 8 -> 9"):
        study(protocol=override(TINY, ["recipe.batch=9"]))
    tasks["cifar"] = opened("cifar", test=examples([0] * 12, part="test"))
    with pytest.raises(ViviError, match=r"it differs in data.cifar.examples"):
        study()
    tasks["cifar"] = opened("cifar", test=examples(np.arange(12) % 3, part="other images of the same labels"))
    with pytest.raises(ViviError, match=r"it differs in data.cifar.examples"):
        study()
    tasks["cifar"] = listed(opened("cifar"))
    with pytest.raises(ViviError, match=r'it differs in data.cifar.origin: "memory" -> "lists of vtab-1k"'):
        study()


def test_a_folder_of_something_else_is_left_alone(study: Study, tmp_path: Path) -> None:
    theirs = tmp_path / "out" / "chapters" / ".tmp-draft.txt"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    with pytest.raises(ViviError, match=r"not empty and not a study \(it holds 'chapters'\)"):
        study()
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["chapters"] and theirs.exists()


def test_an_encoder_whose_weights_change_is_refused_by_its_runs(study: Study) -> None:
    result = study("python:tests.reference.tiny_networks:restless")
    assert len(result.failures) == 8
    assert "has other weights" in result.failures[0][1]


def test_a_machine_with_other_files_is_refused(study: Study, tasks: dict[str, OpenedTask], tmp_path: Path) -> None:
    def engine(function: Callable[[Any], Any], *, units: list[Unit], workers: int) -> Any:
        tasks["cifar"] = opened("cifar", test=examples(np.arange(12) % 3, part="elsewhere"))
        yield from in_process(function, units=units, workers=workers)

    result = study(tasks=["cifar"], protocol=SMALL, engine=engine)
    assert len(result.failures) == 3
    assert "cifar, test: other examples here than when the study began" in result.failures[0][1]
    assert not [name for name in records(tmp_path / "out") if "final" in name]


def test_processes_share_the_gpus_evenly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """More processes than GPUs: each takes one that fewest others have; a lock belongs to an open file."""
    held: list[Any] = []
    monkeypatch.setattr(runs_module, "_HELD", held)
    monkeypatch.setattr(runs_module, "find_device", torch.device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    current: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)

    def take(name: str) -> torch.device:
        return runs_module._own_device.__wrapped__(name, tmp_path)

    assert [take("cuda").index for _ in range(5)] == [0, 1, 0, 1, 0]
    held.pop(1).close()  # a process ends
    assert take("cuda").index == 1
    assert [device.index for device in current] == [0, 1, 0, 1, 0, 1]  # so that nothing else of it goes to the first
    assert take("cuda:1").index == 1 and take("cpu") == torch.device("cpu")
    assert current[6:] == [torch.device("cuda:1")], "one that was named too"
    for file in held:
        file.close()


def test_a_task_that_fails_costs_only_itself_and_is_tried_again(
    study: Study, tasks: dict[str, OpenedTask], tmp_path: Path
) -> None:
    good = tasks["cifar"]
    nothing = examples(np.arange(24) % 3, bad=tuple(range(24)))
    tasks["cifar"] = opened("cifar", train=nothing)
    result = study()
    assert {name.split("/")[0] for name, _ in result.failures} == {"cifar"} and len(result.failures) == 4
    assert "none of 24 training images can be read" in result.failures[0][1]
    assert list(result.record["tasks"]) == ["svhn"] and "cifar" in result.record["missing"]
    tasks["cifar"] = good
    assert set(study().record["tasks"]) == {"cifar", "svhn"}


def test_wrong_input_size_is_one_line_before_anything_is_written(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ViviError, match=r"does not take images of 8 x 8 pixels .*--set image_size=12"):
        study(FIXED)
    assert not (tmp_path / "out").exists()
    assert study(FIXED, protocol=dataclasses.replace(TINY, image_size=12)).failures == ()


def test_what_cannot_be_meant_is_said(study: Study, tasks: dict[str, OpenedTask], tmp_path: Path) -> None:
    with pytest.raises(ViviError, match="--jobs 0: must be at least 1"):
        study(jobs=0)
    with pytest.raises(ViviError, match="--data is missing"):
        study(data=None)
    with pytest.raises(ViviError, match="did you mean 'cifar'"):
        study(tasks=["cifer"])
    tasks["cifar"] = listed(opened("cifar"))
    with pytest.raises(ViviError, match="cifar: version 1 of VTAB"):
        study(protocol=dataclasses.replace(TINY, version=1))
    tasks.clear()
    with pytest.raises(ViviError, match="none of the tasks of VTAB is there"):
        study()


def test_interrupted_it_says_how_far_it_came_and_goes_on(study: Study, tmp_path: Path) -> None:
    def engine(function: Callable[[Any], Any], *, units: list[Unit], workers: int) -> Any:
        outcomes = in_process(function, units=units, workers=workers)
        for _ in range(3):
            yield next(outcomes)
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match=r"stopped: 3 of 14 runs are done in .*; the same command goes on"):
        study(engine=engine)
    assert json.loads((tmp_path / "out" / "results.json").read_text())["tasks"] == {}
    assert len(study().record["tasks"]) == 2


def test_progress_counts_runs_and_what_they_cost(study: Study) -> None:
    said: list[Any] = []
    study(progress=said.append, tasks=["cifar"], protocol=dataclasses.replace(TINY, learning_rates=(0.1,), steps=(6,)))
    trained, looked = 3 * 6 * 8, 3 * 12  # three repetitions, each judged on 12 images
    assert [(each.done, each.runs, each.cost) for each in said if each.last] == [
        (number, 3, number * (3 * trained + looked) // 3) for number in (1, 2, 3)
    ]
    assert {each.total_cost for each in said} == {3 * trained + looked}
    assert [each.last for each in said if each.last] == [f"cifar/final-lr0.1-steps6-{n}" for n in (1, 2, 3)]


def test_the_number_of_runs_is_that_of_the_chosen_settings(study: Study) -> None:
    """Logistic regression is done once, a head by gradient descent three times."""
    said: list[VtabProgress] = []
    found = study(progress=said.append, protocol=override(TINY, ["mode=LinearProbe", "steps=[2]"]))
    assert {len(task["repeats"]) for task in found.record["tasks"].values()} <= {1, 3}
    finals = sum(len(task["repeats"]) for task in found.record["tasks"].values())
    swept = sum(len(task["sweep"]) for task in found.record["tasks"].values())
    assert (said[-1].done, said[-1].runs) == (finals + swept, finals + swept)
    assert (said[0].done, said[0].runs) == (0, swept + 2 * 3)


def test_worker_processes_give_the_same_files(study: Study, colours: Path, tmp_path: Path) -> None:
    options = {"data": None, "folders": [colours], "protocol": dataclasses.replace(TINY, steps=(2,))}
    study(out=tmp_path / "here", **options)
    study(out=tmp_path / "there", engine=run_units, jobs=1, threads=1, **options)
    assert records(tmp_path / "here") == records(tmp_path / "there")


ON_RAY = """
    import os, sys
    from pathlib import Path
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # its name for: loopback alone
    from tests.reference.tiny_study import SMALL
    from vivi.core.cluster import RayEngine
    from vivi.transfer.vtab.judge import vtab
    engine = RayEngine(address="local", settings={"num_cpus": 2})
    options = {"protocol": SMALL, "engine": engine, "jobs": 2, "threads": 1, "device": "cpu"}
    found = vtab(sys.argv[1], out=Path(sys.argv[2]), folders=[Path(sys.argv[3])], **options)
    assert found.failures == (), found.failures
"""


@pytest.mark.slow
def test_on_ray_with_a_worker_that_is_killed_in_the_midst_of_a_run(
    study: Study, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("MORTAL_MARK", str(tmp_path / "mark"))
    spec = "python:tests.reference.tiny_networks:mortal"
    command = [sys.executable, "-c", textwrap.dedent(ON_RAY), spec, str(tmp_path / "there"), str(colours)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mark").exists()
    study(spec, out=tmp_path / "here", data=None, folders=[colours], protocol=SMALL)
    assert records(tmp_path / "there") == records(tmp_path / "here")
