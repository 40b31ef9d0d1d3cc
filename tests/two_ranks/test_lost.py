"""A rank is killed: torchrun starts all again and the run ends as if nothing had been; and it goes on with fewer."""

import os
import signal
import socket
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

STEPS = 60
LONGER = ("optimiser.learning_rate=0.00001", f"schedule.steps={STEPS}", "schedule.decays=[]")
"""Rounding hardly grows from step to step at this rate; nor is anything mined, which would make a jump of it."""
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", "2")


def start(store: Path, out: Path, *launcher: str) -> subprocess.Popen[str]:
    sets = [word for each in (*SMALL, *LONGER) for word in ("--set", each)]
    paces = ["--workers", "1", "--log-every", "1", "--save-every", "5", "--device", "cpu"]
    words = ["pretrain", "VIVI-Rot(4)", "--tiny", "--data", str(store), "--out", str(out), *paces, *sets]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR", "VIVI_TIMEOUT": "120"}
    command = [sys.executable, *launcher, "-m", "vivi", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    try:
        _, said = process.communicate(timeout=150)
    finally:
        process.terminate()  # torchrun ends its processes
    assert process.returncode == 0, said


def kill_rank(launcher: subprocess.Popen[str], rank: int, *, after: Path) -> None:
    """Kill -9 this rank once there is a checkpoint."""
    deadline = time.monotonic() + 150
    while not checkpoints(after):
        assert launcher.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    ours = [pid for pid in children if f"\0RANK={rank}\0" in Path(f"/proc/{pid}/environ").read_text()]
    assert len(ours) == 1
    os.kill(int(ours[0]), signal.SIGKILL)


def is_open(port: int) -> bool:
    with socket.socket() as other:
        return other.connect_ex(("localhost", port)) == 0


def kill_machine(agent: subprocess.Popen[str]) -> None:
    """Kill -9 a launcher and its processes, as a machine that is lost."""
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
    agent.kill()
    for pid in children:
        os.kill(int(pid), signal.SIGKILL)
    agent.communicate(timeout=30)
    assert children, "it had a process"


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    newest = checkpoints(run.checkpoints)[-1]
    assert newest.name == f"step-{STEPS:08d}"
    return load_file(newest / "state.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_lost_rank_costs_time_alone(tmp_path: Path, tiny_store: Path) -> None:
    unbroken, lost, fewer = (RunFolder(tmp_path / name) for name in ("unbroken", "lost", "fewer"))
    finish(start(tiny_store, unbroken.path, *LAUNCH))
    expected = weights(unbroken)

    launcher = start(tiny_store, lost.path, *LAUNCH)
    kill_rank(launcher, 1, after=lost.checkpoints)
    finish(launcher)
    for name, tensor in weights(lost).items():
        assert torch.equal(tensor, expected[name]), name

    launcher = start(tiny_store, fewer.path, *LAUNCH[:-2])
    kill_rank(launcher, 0, after=fewer.checkpoints)
    launcher.communicate(timeout=100)
    assert launcher.returncode != 0 and not fewer.done.exists()
    finish(start(tiny_store, fewer.path))
    found = {name: tensor.float() for name, tensor in weights(fewer).items() if name.startswith("model.")}
    away = torch.stack([(tensor - expected[name]).norm() for name, tensor in found.items()]).norm()
    length = torch.stack([tensor.norm() for tensor in found.values()]).norm()
    print(f"on one process, {STEPS} steps in float32: {away / length:.1e} from two")
    assert 0 < away < 1e-5 * length


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_lost_machine_leaves_the_run_to_the_others(tmp_path: Path, tiny_store: Path) -> None:
    """Two launchers of a process each stand for two machines; the one that stays goes on alone."""
    one, run = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "run")
    finish(start(tiny_store, one.path))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{port}", "--rdzv-id", "lost"]
    meeting += ["--rdzv-conf", "last_call_timeout=15", "--max-restarts", "3"]
    launch = ("-m", "torch.distributed.run", "--nnodes", "1:2", "--nproc-per-node", "1", *meeting)
    deadline = time.monotonic() + 150
    stays = start(tiny_store, run.path, *launch)
    while not is_open(port):  # the launcher at the meeting point is the one that must not be lost
        assert stays.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    lost = start(tiny_store, run.path, *launch)
    while not checkpoints(run.checkpoints):
        assert stays.poll() is None and lost.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    kill_machine(lost)
    finish(stays)
    assert [line["step"] for line in run.read_metrics()] == list(range(1, STEPS + 1))
    expected = weights(one)
    found = {name: tensor.float() for name, tensor in weights(run).items() if name.startswith("model.")}
    away = torch.stack([(tensor - expected[name]).norm() for name, tensor in found.items()]).norm()
    length = torch.stack([tensor.norm() for tensor in found.values()]).norm()
    print(f"two processes, then one, {STEPS} steps in float32: {away / length:.1e} from one")
    assert 0 < away < 1e-5 * length
