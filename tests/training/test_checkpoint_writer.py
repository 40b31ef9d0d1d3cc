"""Checkpoints by a thread: what is written is the moment of the call, errors arrive, milestones stay."""

import threading
from pathlib import Path

import pytest
import torch
from tests.training.test_checkpoint import WORLD, state  # noqa: F401 (a fixture)

from vivi.core import checkpoint_writer
from vivi.core.checkpoint import checkpoints, load_checkpoint
from vivi.core.checkpoint_writer import CheckpointWriter
from vivi.core.errors import DiskFullError
from vivi.experiment import Experiment
from vivi.training.state import TrainState


def steps(folder: Path) -> list[str]:
    return [path.name for path in checkpoints(folder)]


def test_the_moment_of_the_call_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small: Experiment,
    state: TrainState,  # noqa: F811
) -> None:
    gate, write = threading.Event(), checkpoint_writer.save_checkpoint

    def late(*arguments, **more):
        assert gate.wait(20)
        return write(*arguments, **more)

    monkeypatch.setattr(checkpoint_writer, "save_checkpoint", late)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    with CheckpointWriter(tmp_path, fingerprint="abc") as writer:
        writer.save(state)
        with torch.no_grad():  # the run goes on
            for parameter in state.model.parameters():
                parameter.add_(1)
        assert steps(tmp_path) == []
        gate.set()
    other = TrainState.start(small, device=WORLD.device)
    load_checkpoint(tmp_path / "step-00000001", other, fingerprint="abc")
    assert other.step == 1
    for name, tensor in other.tensors().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("at_end", [False, True])
def test_a_failed_write_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: TrainState,  # noqa: F811
    at_end: bool,
) -> None:
    def full(*_, **__):
        raise DiskFullError("no space left")

    monkeypatch.setattr(checkpoint_writer, "save_checkpoint", full)
    with pytest.raises(DiskFullError, match="no space"), CheckpointWriter(tmp_path, fingerprint="abc") as writer:
        writer.save(state)
        if not at_end:
            writer.save(state)
            pytest.fail("the second call had to tell")


def test_an_error_of_the_run_is_not_hidden_by_one_of_the_writer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: TrainState,  # noqa: F811
) -> None:
    def full(*_, **__):
        raise DiskFullError("no space left")

    monkeypatch.setattr(checkpoint_writer, "save_checkpoint", full)
    with pytest.raises(KeyError, match="the run"), CheckpointWriter(tmp_path, fingerprint="abc") as writer:
        writer.save(state)
        raise KeyError("the run")


def test_milestones_stay(tmp_path: Path, state: TrainState) -> None:  # noqa: F811
    with CheckpointWriter(tmp_path, fingerprint="abc", milestone=4) as writer:
        for step in range(2, 14, 2):
            state.step = step
            writer.save(state)
    assert steps(tmp_path) == ["step-00000004", "step-00000008", "step-00000010", "step-00000012"]
