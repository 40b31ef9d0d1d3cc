"""A whole run: resumed equals unbroken, signals save, another run is refused, the encoder loads."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vivi.core.checkpoint import checkpoints
from vivi.core.config import override
from vivi.core.errors import CheckpointError, ConfigError, ViviError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.nn.export import load_encoder
from vivi.training.loop import RunOptions, pretrain

OPTIONS = RunOptions(world=World.single(), workers=1, log_every=2, save_every=2)


class KilledError(Exception):
    """Stands for a process that dies."""


def run(
    experiment: Experiment, store: Path, out: Path, *, die_at: int | None = None, options: RunOptions = OPTIONS
) -> RunFolder:
    def progress(line: dict[str, float]) -> None:
        if line["step"] == die_at and "loss" in line:
            raise KilledError

    return pretrain(experiment, data=store, out=out, options=options, progress=progress)


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(checkpoints(run.checkpoints)[-1] / "state.safetensors")


def lines(run: RunFolder) -> list[dict[str, float]]:
    timed = {"frames_per_second", "data_wait"}
    return [{name: value for name, value in line.items() if name not in timed} for line in run.read_metrics()]


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    unbroken = run(small, tiny_store, tmp_path / "a")
    with pytest.raises(KilledError):
        run(small, tiny_store, tmp_path / "b", die_at=4)
    assert [path.name for path in checkpoints(tmp_path / "b/checkpoints")] == ["step-00000002"]
    resumed = run(small, tiny_store, tmp_path / "b")
    expected = weights(unbroken)
    for name, tensor in weights(resumed).items():
        assert torch.equal(tensor, expected[name]), name
    assert lines(resumed) == lines(unbroken)
    assert [line["step"] for line in lines(unbroken)] == [2, 4, 6]


def test_a_checkpoint_within_a_log_interval_gives_the_same_lines(
    tmp_path: Path, small: Experiment, tiny_store: Path
) -> None:
    options = RunOptions(world=World.single(), workers=1, log_every=3, save_every=2)
    unbroken = run(small, tiny_store, tmp_path / "a", options=options)
    with pytest.raises(KilledError):
        run(small, tiny_store, tmp_path / "b", options=options, die_at=3)
    assert [path.name for path in checkpoints(tmp_path / "b/checkpoints")] == ["step-00000002"]
    resumed = run(small, tiny_store, tmp_path / "b", options=options)
    assert lines(resumed) == lines(unbroken)
    assert [line["step"] for line in lines(unbroken)] == [3, 6]


def test_a_kill_while_the_run_folder_is_claimed_does_no_harm(
    tmp_path: Path, small: Experiment, tiny_store: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.tmp-123-experiment.json").write_text("{")
    folder = run(small, tiny_store, tmp_path / "a")
    assert folder.done.exists()
    assert not list(folder.path.glob(".tmp-*"))


def test_the_run_folder_is_complete(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    folder = run(small, tiny_store, tmp_path / "a")
    names = {path.name for path in folder.path.iterdir()}
    files = {"experiment.json", "metrics.jsonl", "spectrum.json", "done.json"}
    assert names == files | {"checkpoints", "encoder", "tensorboard"}
    spectrum = json.loads(folder.spectrum.read_text())
    assert spectrum["step"] == small.schedule.steps and sum(spectrum["shares"]) == pytest.approx(1)
    first = folder.read_metrics()[0]
    assert set(first) == {
        "step", "loss", "frame/exemplar", "video/infonce", "learning_rate", "frames_per_second", "data_wait",
        "feature_std", "effective_rank", "gradient_norm",
    }  # fmt: skip
    encoder = load_encoder(folder.encoder)
    assert encoder(torch.zeros(2, 3, 32, 32)).shape == (2, encoder.feature_dim)
    assert encoder.name == small.name
    chance = json.loads(folder.experiment.read_text())["chance"]
    assert chance["video/infonce"] == pytest.approx(2.5649, abs=1e-3)  # ln(1 + 3 x 4)


def test_a_finished_run_is_not_run_again(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    folder = run(small, tiny_store, tmp_path / "a")
    before = folder.metrics.stat().st_mtime_ns
    run(small, tiny_store, tmp_path / "a")
    assert folder.metrics.stat().st_mtime_ns == before


def test_another_experiment_is_refused_and_named(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    run(small, tiny_store, tmp_path / "a")
    other = override(small, ["optimiser.learning_rate=0.3"])
    with pytest.raises(CheckpointError, match=r"it differs in optimiser\.learning_rate: 0\.03 -> 0\.3"):
        run(other, tiny_store, tmp_path / "a")


def test_a_folder_with_something_else_is_refused(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/holiday.txt").write_text("mine")
    with pytest.raises(ViviError, match="not empty and not a run"):
        run(small, tiny_store, tmp_path / "a")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["holiday.txt"]


def test_nothing_is_deleted_in_a_folder_that_is_not_ours(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    """Temporary files there may be those of another run that is writing."""
    other = tmp_path / "runs/other/checkpoints/.tmp-abc-1-step-00000002"
    other.mkdir(parents=True)
    (tmp_path / "runs/.tmp-notes").write_text("mine")
    with pytest.raises(ViviError, match="not empty and not a run"):
        run(small, tiny_store, tmp_path / "runs")
    assert other.is_dir() and (tmp_path / "runs/.tmp-notes").read_text() == "mine"


def test_a_damaged_checkpoint_is_told_of(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    unbroken = run(small, tiny_store, tmp_path / "a")
    with pytest.raises(KilledError):
        run(small, tiny_store, tmp_path / "b", die_at=6)
    newest = checkpoints(tmp_path / "b/checkpoints")[-1]
    (newest / "state.safetensors").write_bytes(b"short")
    told: list[str] = []
    pretrain(small, data=tiny_store, out=tmp_path / "b", options=OPTIONS, progress=lambda _: None, say=told.append)
    (line,) = told
    assert f"{newest / 'state.safetensors'} is damaged" in line and line.endswith("; going on from step-00000002")
    for name, tensor in weights(RunFolder(tmp_path / "b")).items():
        assert torch.equal(tensor, weights(unbroken)[name]), name


def test_a_milestone_is_saved_at_its_step(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    options = RunOptions(world=World.single(), workers=1, log_every=2, save_every=2, milestone=3)
    folder = run(small, tiny_store, tmp_path / "a", options=options)
    assert [path.name for path in checkpoints(folder.checkpoints)] == [f"step-0000000{step}" for step in (3, 4, 6)]


@pytest.mark.parametrize("save_every", [1, 2])
@pytest.mark.parametrize("steps", [1, 6])
def test_a_run_that_diverges_is_neither_saved_nor_exported(
    tmp_path: Path, small: Experiment, tiny_store: Path, save_every: int, steps: int
) -> None:
    settings = ["optimiser.learning_rate=1e38", "schedule.warmup=0", "schedule.decays=[]", f"schedule.steps={steps}"]
    options = RunOptions(world=World.single(), workers=1, log_every=2, save_every=save_every)
    with pytest.raises(ViviError, match=r"not finite|infinite"):
        run(override(small, settings), tiny_store, tmp_path / "a", options=options)
    assert checkpoints(tmp_path / "a/checkpoints") == []
    assert not (tmp_path / "a/encoder").exists()
    assert not (tmp_path / "a/done.json").exists()


@pytest.mark.parametrize("field", ["workers", "chunks", "log_every", "save_every", "knn_every"])
def test_intervals_below_one_are_refused(field: str) -> None:
    with pytest.raises(ConfigError, match=f"--{field.replace('_', '-')} 0: must be at least 1"):
        RunOptions(**({"world": World.single(), "workers": 1} | {field: 0}))


def test_a_limit_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="--spikes nan: must be at least 0"):
        RunOptions(world=World.single(), workers=1, spikes=float("nan"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_same_command_goes_on(tmp_path: Path, tiny_store: Path, number: signal.Signals) -> None:
    settings = ["samples_per_step=4", "sampling.frames=2", "augmentation.crop.size=32", "norm_group=4"]
    settings += ["encoder.width=0.125", "frame_levels.0.group=4"]
    command = [sys.executable, "-m", "vivi", "pretrain", "VIVI-Ex(4)", "--tiny", "--data", str(tiny_store)]
    command += [
        "--out",
        str(tmp_path / "a"),
        "--log-every",
        "1",
        *(word for each in settings for word in ("--set", each)),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*command, "--steps", "100000"], env=environment, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "a/metrics.jsonl"
    deadline = time.monotonic() + 120
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "stopped and saved at step" in said
    assert "Traceback" not in said
    step = int(checkpoints(tmp_path / "a/checkpoints")[-1].name.removeprefix("step-"))
    assert json.loads(metrics.read_text().splitlines()[-1])["step"] == step
