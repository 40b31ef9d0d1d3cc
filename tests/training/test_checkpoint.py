"""Checkpoints: exact, whole or absent, checked on load."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vivi.core.checkpoint import TENSORS, checkpoints, load_newest, save_checkpoint
from vivi.core.config import fingerprint
from vivi.core.errors import CheckpointError
from vivi.core.world import World
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.training.state import TrainState
from vivi.training.step import train_step

WORLD = World.single()


@pytest.fixture
def state(small: Experiment, batch: VideoBatch) -> TrainState:
    state = TrainState.start(small, device=WORLD.device)
    train_step(state, batch, experiment=small, world=WORLD)
    return state


def test_a_loaded_state_goes_on_bit_for_bit(
    tmp_path: Path, small: Experiment, state: TrainState, batch: VideoBatch
) -> None:
    save_checkpoint(tmp_path, state, fingerprint="abc")
    other = TrainState.start(small, device=WORLD.device)
    assert load_newest(tmp_path, other, fingerprint="abc")
    for each in (state, other):
        train_step(each, dataclasses.replace(batch, step=1), experiment=small, world=WORLD)
    assert state.step == other.step == 2
    for name, tensor in state.tensors().items():
        assert torch.equal(other.tensors()[name], tensor), name


def test_momentum_is_part_of_the_state(tmp_path: Path, small: Experiment, state: TrainState, batch: VideoBatch) -> None:
    """Dropping the momentum must be seen, or the test above proves little."""
    other = TrainState.start(small, device=WORLD.device)
    other.load_tensors({name: value for name, value in state.tensors().items() if name.startswith("model.")})
    other.step = state.step
    for each in (state, other):
        train_step(each, dataclasses.replace(batch, step=1), experiment=small, world=WORLD)
    assert any(not torch.equal(other.tensors()[name], value) for name, value in state.tensors().items())


def test_only_the_newest_are_kept(tmp_path: Path, state: TrainState) -> None:
    for step in (1, 2, 3):
        state.step = step
        save_checkpoint(tmp_path, state, fingerprint="abc", keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000002", "step-00000003"]


def test_copies_that_somebody_made_are_let_alone(tmp_path: Path, small: Experiment, state: TrainState) -> None:
    (tmp_path / "step-00000001-best").mkdir()
    (tmp_path / "step-notes").mkdir()
    for step in (1, 2, 3):
        state.step = step
        save_checkpoint(tmp_path, state, fingerprint="abc", keep=1, milestone=100)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000003"]
    assert (tmp_path / "step-00000001-best").is_dir() and (tmp_path / "step-notes").is_dir()
    other = TrainState.start(small, device=WORLD.device)
    assert load_newest(tmp_path, other, fingerprint="abc") and other.step == 3


def test_a_flipped_bit_is_seen_and_the_older_checkpoint_is_used(
    tmp_path: Path, small: Experiment, state: TrainState
) -> None:
    for step in (1, 2):
        state.step = step
        save_checkpoint(tmp_path, state, fingerprint="abc")
    damaged = tmp_path / "step-00000002" / TENSORS
    data = bytearray(damaged.read_bytes())
    data[-5] ^= 1
    damaged.write_bytes(data)
    other = TrainState.start(small, device=WORLD.device)
    assert load_newest(tmp_path, other, fingerprint="abc")
    assert other.step == 1


def test_all_damaged_is_an_error_that_names_the_file(tmp_path: Path, small: Experiment, state: TrainState) -> None:
    path = save_checkpoint(tmp_path, state, fingerprint="abc")
    (path / TENSORS).write_bytes(b"short")
    with pytest.raises(CheckpointError, match=r"state\.safetensors is damaged"):
        load_newest(tmp_path, TrainState.start(small, device=WORLD.device), fingerprint="abc")


@pytest.mark.parametrize("damage", [b"{", b"{}", b'{"format": 1}', None])
def test_a_damaged_manifest_is_passed_over(
    tmp_path: Path, small: Experiment, state: TrainState, damage: bytes | None
) -> None:
    for step in (1, 2):
        state.step = step
        save_checkpoint(tmp_path, state, fingerprint="abc")
    manifest = tmp_path / "step-00000002/state.json"
    manifest.unlink() if damage is None else manifest.write_bytes(damage)
    other = TrainState.start(small, device=WORLD.device)
    assert load_newest(tmp_path, other, fingerprint="abc")
    assert other.step == 1


def test_another_experiment_is_refused(tmp_path: Path, small: Experiment, state: TrainState) -> None:
    save_checkpoint(tmp_path, state, fingerprint="abc")
    with pytest.raises(CheckpointError, match=f"is of experiment abc, this is {fingerprint(small)}"):
        load_newest(tmp_path, state, fingerprint=fingerprint(small))


def test_no_checkpoint_is_no_error(tmp_path: Path, state: TrainState) -> None:
    assert not load_newest(tmp_path / "none", state, fingerprint="abc")


KILLED = """
import sys, torch
from pathlib import Path
from vivi.presets import find, tiny
from vivi.core.checkpoint import save_checkpoint
from vivi.training.state import TrainState
state = TrainState.start(tiny(find("Ex-YT-S")), device=torch.device("cpu"))
state.step = int(sys.argv[2])
save_checkpoint(Path(sys.argv[1]), state, fingerprint="abc")
"""


def test_killed_while_saving_leaves_the_earlier_checkpoint_and_no_half_one(tmp_path: Path) -> None:
    def run(step: int, crash_at: str) -> int:
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(step)]
        return subprocess.run(
            command, env=os.environ | {"VIVI_CRASH_AT": crash_at}, timeout=120, check=False
        ).returncode

    assert run(1, "") == 0
    assert run(2, "before-rename:step-00000002") == -signal.SIGKILL
    assert run(2, f"before-rename:{TENSORS}") == -signal.SIGKILL
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000001"]
    assert run(2, "") == 0
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000001", "step-00000002"]
