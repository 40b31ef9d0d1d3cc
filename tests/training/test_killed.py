"""Killed at random moments, again and again, a run ends with the weights of one that nobody touched, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.training.conftest import SMALL

from vivi.core.checkpoint import checkpoints
from vivi.core.rundir import RunFolder

KILLS = 20
STEPS = 600
SETTINGS = (*SMALL, f"schedule.steps={STEPS}", "schedule.decays=[300,500]", "optimiser.learning_rate=0.01")


def start(store: Path, out: Path) -> subprocess.Popen[bytes]:
    sets = [word for each in SETTINGS for word in ("--set", each)]
    paces = ["--workers", "1", "--log-every", "4", "--save-every", "3", "--milestone", "7", "--device", "cpu"]
    words = ["pretrain", "VIVI-Ex(4)", "--tiny", "--data", str(store), "--out", str(out), *paces, *sets]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "vivi", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, said = process.communicate(timeout=400)
    assert process.returncode == 0, said.decode()


def kill_at(process: subprocess.Popen[bytes], run: RunFolder, *, chance: random.Random) -> None:
    """Mostly some lines of the log after it has begun to train, sometimes before; an ended one is left alone."""
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0, 6))
    else:
        wanted, deadline = lines(run) + chance.randint(1, 6), time.monotonic() + 200
        while lines(run) < wanted and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.1))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def lines(run: RunFolder) -> int:
    """Of the log so far, one every four steps."""
    return run.metrics.read_bytes().count(b"\n") if run.metrics.exists() else 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_twenty_times_it_is_the_run_of_nobody(tmp_path: Path, tiny_store: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    unbroken, killed = RunFolder(tmp_path / "unbroken"), RunFolder(tmp_path / "killed")
    finish(start(tiny_store, unbroken.path))
    reached = []
    for _ in range(KILLS):
        assert not killed.done.exists(), f"it ended after {len(reached)} kills: give it more steps"
        kill_at(start(tiny_store, killed.path), killed, chance=chance)
        reached.append(checkpoints(killed.checkpoints)[-1].name if checkpoints(killed.checkpoints) else "none")
    print("newest checkpoints", *reached)
    finish(start(tiny_store, killed.path))
    assert len(set(reached)) > KILLS // 3, "most kills met a run that had gone on"
    for ours, theirs in zip(checkpoints(killed.checkpoints), checkpoints(unbroken.checkpoints), strict=True):
        assert ours.name == theirs.name
        expected, found = (load_file(each / "state.safetensors") for each in (theirs, ours))
        assert expected.keys() == found.keys()
        for name, tensor in expected.items():
            assert torch.equal(found[name], tensor), f"seed {seed}: {ours.name} {name}"
    timed = ("frames_per_second", "data_wait")
    logs = [
        [{name: value for name, value in line.items() if name not in timed} for line in run.read_metrics()]
        for run in (killed, unbroken)
    ]
    assert logs[0] == logs[1]
    assert not list(killed.path.rglob(".tmp-*"))
