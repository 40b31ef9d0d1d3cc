"""The step: chunks do not change gradients, weights move, running averages move once."""

import dataclasses

import pytest
import torch
from tests.reference.miniatures import batches, miniature
from torch import Tensor

from vivi.core.config import override
from vivi.core.errors import ConfigError
from vivi.core.world import World
from vivi.data.augment import Augmentation
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.nn.recompute import recompute_blocks
from vivi.training.chunks import check_chunks
from vivi.training.state import TrainState
from vivi.training.step import train_step

WORLD = World.single()


class DoubleFrames:
    """Stands for the augmentation: the same random float64 frames for every call, whatever part is asked for."""

    def on_device(
        self, frames: Tensor, *, seed: int, step: int, first: int, total: int, views: int, stream: str = ""
    ) -> Tensor:
        generator = torch.Generator().manual_seed(len(stream))
        everything = torch.randn(total, *frames.shape[1:], dtype=torch.float64, generator=generator)
        return everything[first : first + len(frames)]


def gradients(experiment: Experiment, *, chunks: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Gradients of all parameters in float64."""
    monkeypatch.setattr(Augmentation, "on_device", DoubleFrames.on_device)
    state = TrainState.start(experiment, device=WORLD.device)
    state.model.double()
    videos, images = batches(experiment)
    train_step(state, videos, images=images, experiment=experiment, world=WORLD, chunks=chunks)
    return {name: p.grad for name, p in state.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    "name",
    [
        "VIVI-Ex(4)",
        "VIVI-Rot(2)-Order",
        "VIVI-Ex(4)-Co(10%)",
        "Semi-Ex-10%",
        "Sup-Rot-100%",
        "VIVI-Jigsaw(4)",
        "VIVI-Patch(4)",
    ],
)
def test_chunked_gradients_are_those_of_the_whole_batch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = miniature(name)
    whole, chunked = (gradients(experiment, chunks=each, monkeypatch=monkeypatch) for each in (1, 2))
    assert whole.keys() == chunked.keys()
    floors = {name.split(".")[0] for name in whole}
    assert ("frame_objectives" in floors) == experiment.uses_videos
    assert ("image_objectives" in floors) == (experiment.labelled is not None)
    for parameter, gradient in whole.items():
        torch.testing.assert_close(
            chunked[parameter], gradient, rtol=1e-8, atol=1e-11, msg=lambda text, n=parameter: f"{n}: {text}"
        )


def test_attention_takes_the_place_of_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = override(miniature("VIVI-Ex(4)"), ["pooling=AttentionPooling", "pooling.hidden=8"])
    whole, chunked = (gradients(experiment, chunks=each, monkeypatch=monkeypatch) for each in (1, 2))
    learned = [name for name in whole if name.startswith("pooling.")]
    assert learned
    assert any(whole[name].abs().sum() > 0 for name in learned)
    for name in learned:
        torch.testing.assert_close(chunked[name], whole[name], rtol=1e-8, atol=1e-11)


def test_frames_and_images_have_batch_statistics_of_their_own() -> None:
    """Other labelled images change nothing in what the frames give, though both pass through the same encoder."""
    experiment = override(miniature("Semi-Ex-10%"), ["frame_levels.0.weight=1"])
    videos, images = batches(experiment)
    assert images is not None
    black = dataclasses.replace(images, images_BVCHW=torch.zeros_like(images.images_BVCHW))
    losses = []
    for each in (images, black):
        state = TrainState.start(experiment, device=WORLD.device)
        losses.append(train_step(state, videos, images=each, experiment=experiment, world=WORLD).losses.parts)
    assert torch.equal(losses[0]["frame/batchhardexemplar"], losses[1]["frame/batchhardexemplar"])
    assert not torch.equal(losses[0]["image/supervised"], losses[1]["image/supervised"])


def test_a_batch_of_another_step_is_refused() -> None:
    experiment = miniature("VIVI-Ex(4)-Co(10%)")
    videos, images = batches(experiment)
    assert images is not None
    state = TrainState.start(experiment, device=WORLD.device)
    with pytest.raises(ValueError, match="the batch is of step 3, the state at step 0"):
        train_step(state, videos, images=dataclasses.replace(images, step=3), experiment=experiment, world=WORLD)


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


def test_chunks_must_split_frames_and_images() -> None:
    experiment = miniature("VIVI-Ex(4)-Co(10%)")  # 2 norm groups each
    check_chunks(experiment, chunks=2, world=WORLD)
    with pytest.raises(ConfigError, match=r"the 2 and 2 norm groups of a step do not split so; legal: 1, 2$"):
        check_chunks(experiment, chunks=4, world=WORLD)


@pytest.mark.parametrize("chunks", [1, 2])
def test_computing_activations_again_changes_nothing(
    small: Experiment, batch: VideoBatch, chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Augmentation, "on_device", DoubleFrames.on_device)
    states = [TrainState.start(small, device=WORLD.device) for _ in range(2)]
    recompute_blocks(states[1].model.encoder)
    for state in states:
        state.model.double()
        train_step(state, batch, experiment=small, world=WORLD, chunks=chunks)
    found = states[1].tensors()
    for name, expected in states[0].tensors().items():
        torch.testing.assert_close(found[name], expected, rtol=1e-9, atol=1e-12, msg=name)
