"""The state of any run that learns by SGD is saved and put back exactly."""

import pytest
import torch
from torch import nn

from vivi.core.checkpoint import checkpoints, load_newest, save_checkpoint
from vivi.core.errors import CheckpointError
from vivi.core.run_state import RunState


def start(width=4):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 1))
    return RunState(model, optimiser=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), step=0, interval={})


def learn(state):
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(state.step))
    state.optimiser.zero_grad()
    state.model(x).square().mean().backward()
    state.optimiser.step()
    state.step += 1


def test_a_loaded_state_goes_on_bit_for_bit(tmp_path):
    state, other = start(), start()
    learn(state)
    state.interval = {"loss": 0.1, "steps": 1.0}
    save_checkpoint(tmp_path, state, fingerprint="abc")
    assert load_newest(tmp_path, other, fingerprint="abc")
    assert (other.step, other.interval) == (1, {"loss": 0.1, "steps": 1.0})
    for each in (state, other):
        learn(each)
    assert all(torch.equal(value, other.tensors()[name]) for name, value in state.tensors().items())
    assert {name.split(".")[0] for name in state.tensors()} == {"model", "momentum"}


def test_they_are_in_the_order_of_their_steps_however_many_digits_these_have(tmp_path):
    names = ["step-00000002", "step-99999999", "step-100000000"]
    for name in reversed(names):
        (tmp_path / name).mkdir()
    assert [each.name for each in checkpoints(tmp_path)] == names


def test_a_state_of_another_shape_is_refused(tmp_path):
    state = start()
    learn(state)
    save_checkpoint(tmp_path, state, fingerprint="abc")
    with pytest.raises(CheckpointError, match="does not fit the experiment"):
        load_newest(tmp_path, start(width=5), fingerprint="abc")
