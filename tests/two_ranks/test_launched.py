"""torchrun on two processes: the run of one, resumed on any number, stopped by a signal, one message for one fault."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.reference.tiny_store import tiny_store  # noqa: F401 (a fixture)
from tests.training.conftest import SMALL

from vivi.cli import main
from vivi.core.checkpoint import checkpoints
from vivi.core.rundir import RunFolder
from vivi.nn.export import load_encoder

pytestmark = pytest.mark.timeout(280)
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "vivi")
SINGLE = ("-m", "vivi")
SHORT = ("schedule.steps=3", "schedule.warmup=0", "schedule.decays=[]")
QUIET = {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR", "VIVI_TIMEOUT": "120"}


def command(store: Path, out: Path, *more: str) -> list[str]:
    """Three steps: rounding grows tenfold a step here, since mining is discontinuous and norm groups are small."""
    sets = [word for each in (*SMALL, *SHORT, *more) for word in ("--set", each)]
    paces = ["--workers", "1", "--log-every", "1", "--save-every", "1", "--device", "cpu"]
    return ["pretrain", "VIVI-Ex(4)", "--tiny", "--data", str(store), "--out", str(out), *paces, *sets]


def vivi(launcher: tuple[str, ...], words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *launcher, *words], env=os.environ | QUIET, capture_output=True, text=True, timeout=200
    )


def newest(out: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoints(RunFolder(out).checkpoints)[-1] / "state.safetensors")


def back_to_step_2(out: Path) -> None:
    """As if the run had been killed between its checkpoints at steps 2 and 3."""
    run = RunFolder(out)
    shutil.rmtree(checkpoints(run.checkpoints)[-1])
    shutil.rmtree(run.encoder)
    run.done.unlink()
    assert [path.name for path in checkpoints(run.checkpoints)] == ["step-00000002"]


def test_two_processes_do_the_run_of_one_and_each_goes_on_with_the_others(tmp_path: Path, tiny_store: Path) -> None:  # noqa: F811
    one, two = tmp_path / "one", tmp_path / "two"
    assert vivi(SINGLE, command(tiny_store, one)).returncode == 0
    launched = vivi(TORCHRUN, command(tiny_store, two))
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.splitlines().count(str(two / "encoder")) == 1, "the first rank alone shows the result"
    expected = newest(one)
    assert [line["step"] for line in RunFolder(two).read_metrics()] == [1, 2, 3]

    def check(out: Path) -> None:
        for name, tensor in newest(out).items():
            scale = float(expected[name].abs().max())
            torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-3 * scale + 1e-7)

    check(two)
    unbroken = newest(two)
    back_to_step_2(two)
    assert vivi(TORCHRUN, command(tiny_store, two)).returncode == 0
    for name, tensor in newest(two).items():
        assert torch.equal(tensor, unbroken[name]), f"{name}: the same number of processes goes on bit for bit"
    back_to_step_2(two)
    assert vivi(SINGLE, command(tiny_store, two)).returncode == 0
    check(two)
    assert load_encoder(two / "encoder").feature_dim == 64
    assert [line["step"] for line in RunFolder(two).read_metrics()] == [1, 2, 3]


def test_a_signal_stops_both_at_the_same_step(tmp_path: Path, tiny_store: Path) -> None:  # noqa: F811
    out = tmp_path / "run"
    words = [*command(tiny_store, out, "schedule.steps=100000"), "--chunks", "auto", "--recompute"]
    launched = subprocess.Popen(
        [sys.executable, *TORCHRUN, *words],
        env=os.environ | QUIET,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 150
        while not checkpoints(RunFolder(out).checkpoints):
            assert launched.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        launched.send_signal(signal.SIGTERM)
        shown, errors = launched.communicate(timeout=100)
    finally:
        launched.kill()
    assert launched.returncode != 0
    assert shown.count("--chunks auto: 1 of 1, 2;") == 1, "the first rank alone says what was chosen"
    assert "stopped and saved at step" in errors
    saved = int(checkpoints(RunFolder(out).checkpoints)[-1].name.removeprefix("step-"))
    assert f"stopped and saved at step {saved} of 100000" in errors
    assert not RunFolder(out).done.exists()


def test_what_the_user_can_mend_is_one_line_of_each_rank(tmp_path: Path, tiny_store: Path) -> None:  # noqa: F811
    refused = vivi(TORCHRUN, command(tiny_store, tmp_path / "run", "samples_per_step=5", "norm_group=20"))
    assert refused.returncode != 0
    said = [line for line in refused.stderr.splitlines() if line.startswith("vivi:")]
    assert said and all("samples_per_step: 5 does not split over 2 processes" in line for line in said)
    assert not (tmp_path / "run").exists()


def test_a_sweep_is_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["sweep", "VIVI-Ex(4)", "--data", str(tmp_path), "--out", "x", "--score", "y"]) == 2
    assert "vivi sweep runs in one process" in capfd.readouterr().err
