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
from vivi.training.step import Draws, backward_in_chunks, encode, train_step

WORLD = World.single()


def gradients(experiment: Experiment, *, chunks: int) -> dict[str, torch.Tensor]:
    """Gradients of all parameters in float64 for random views."""
    state = TrainState.start(experiment, device=WORLD.device)
    model = state.model.double()
    frames = torch.randn(16, 2, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    draws = Draws.of(experiment, step=0, world=WORLD)
    questions = model.ask(frames, draw=draws.frames)
    embeddings = encode(model, questions, chunks=chunks)
    losses = model.losses(embeddings, questions=questions, shots_per_sample=4, world=WORLD, draw=draws.videos)
    losses.total.backward()
    if chunks > 1:
        backward_in_chunks(model, questions, embeddings=embeddings, chunks=chunks)
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("chunks", [2, 4])
def test_chunked_gradients_are_those_of_the_whole_batch(small: Experiment, norm: str, chunks: int) -> None:
    if norm == "group":
        small = dataclasses.replace(small, encoder=dataclasses.replace(small.encoder, norm=GroupNormWS()))
    whole, chunked = gradients(small, chunks=1), gradients(small, chunks=chunks)
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
    totals = [float(train_step(state, batch, experiment=small, world=WORLD).losses.total.detach()) for _ in range(12)]
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
