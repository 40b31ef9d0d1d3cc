"""The step: chunks do not change gradients, weights move, running averages move once."""

import dataclasses

import pytest
import torch

from vivi.core.config import override
from vivi.core.errors import ConfigError
from vivi.core.world import World
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.nn.norm import GroupNormWS
from vivi.training.loop import check_chunks
from vivi.training.state import TrainState
from vivi.training.step import train_step

WORLD = World.single()


class DoubleFrames:
    """Stands for the augmentation: the same random float64 frames for every call, whatever part is asked for."""

    def on_device(self, frames: torch.Tensor, *, seed: int, step: int, first: int, total: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(total, 3, 32, 32, dtype=torch.float64, generator=generator)[first : first + len(frames)]


def gradients(
    experiment: Experiment, batch: VideoBatch, *, chunks: int, monkeypatch: pytest.MonkeyPatch
) -> dict[str, torch.Tensor]:
    """Gradients of all parameters in float64."""
    monkeypatch.setattr(type(experiment.augmentation), "on_device", DoubleFrames.on_device)
    state = TrainState.start(experiment, device=WORLD.device)
    state.model.double()
    train_step(state, batch, experiment=experiment, world=WORLD, chunks=chunks)
    return {name: p.grad for name, p in state.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("chunks", [2, 4])
def test_chunked_gradients_are_those_of_the_whole_batch(
    small: Experiment, batch: VideoBatch, norm: str, chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if norm == "group":
        small = dataclasses.replace(small, encoder=dataclasses.replace(small.encoder, norm=GroupNormWS()))
    whole, chunked = (gradients(small, batch, chunks=each, monkeypatch=monkeypatch) for each in (1, chunks))
    assert whole.keys() == chunked.keys()
    assert {name.split(".")[0] for name in whole} == {"encoder", "frame_objectives", "video_objectives"}
    for name, gradient in whole.items():
        torch.testing.assert_close(
            chunked[name], gradient, rtol=1e-9, atol=1e-12, msg=lambda text, n=name: f"{n}: {text}"
        )


def test_running_averages_are_the_same_for_any_number_of_chunks(small: Experiment, batch: VideoBatch) -> None:
    buffers = []
    for chunks in (1, 2, 4):
        state = TrainState.start(small, device=WORLD.device)
        train_step(state, batch, experiment=small, world=WORLD, chunks=chunks)
        buffers.append({name: value for name, value in state.model.named_buffers() if "running" in name})
        counts = {int(value) for name, value in state.model.named_buffers() if "num_batches" in name}
        assert counts == {1}
    assert buffers[0]["encoder.norm.running_mean"].abs().sum() > 0
    for other in buffers[1:]:
        for name, value in buffers[0].items():
            torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-6)


def test_a_step_moves_every_parameter_and_lowers_the_loss(small: Experiment, batch: VideoBatch) -> None:
    small = override(
        small, ["optimiser.learning_rate=0.05", "schedule.warmup=0", "schedule.decays=[]", "schedule.steps=100"]
    )
    state = TrainState.start(small, device=WORLD.device)
    before = {name: value.clone() for name, value in state.model.named_parameters()}
    batches = [dataclasses.replace(batch, step=step) for step in range(12)]
    losses = [train_step(state, each, experiment=small, world=WORLD).losses for each in batches]
    totals = [float(each.total.detach()) for each in losses]
    unmoved = [name for name, value in state.model.named_parameters() if torch.equal(before[name], value)]
    assert unmoved == []
    assert state.step == 12
    assert totals[-1] < 0.9 * totals[0]


def test_total_is_the_weighted_sum_of_the_parts(small: Experiment, batch: VideoBatch) -> None:
    small = override(small, ["video_levels.0.weight=0.25"])
    state = TrainState.start(small, device=WORLD.device)
    losses = train_step(state, batch, experiment=small, world=WORLD).losses
    assert set(losses.parts) == {"frame/exemplar", "video/infonce"}
    expected = losses.parts["frame/exemplar"] + 0.25 * losses.parts["video/infonce"]
    torch.testing.assert_close(losses.total, expected)


@pytest.mark.parametrize("chunks", [0, 3, 8])
def test_illegal_chunks_are_refused_with_the_legal_ones(small: Experiment, chunks: int) -> None:
    with pytest.raises(ConfigError, match=r"legal: 1, 2, 4$"):
        check_chunks(small, chunks=chunks, world=WORLD)
