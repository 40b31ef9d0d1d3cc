"""Rotation against np.rot90, image by image."""

import math

import numpy as np
import pytest
import torch
from tests.reference.pretext import check_gradients, check_split, draw, learn, slow_cross_entropy, slow_linear

from vivi.core.config import build, dump, load, override
from vivi.core.errors import ConfigError
from vivi.objectives.base import ObjectiveConfig
from vivi.objectives.rotation import Rotation, turned

ONE = Rotation(turns=1, pool="all")


def frames(shots: int, length: int, *, side: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shots, length, 3, side, side, generator=generator) * 2 - 1


def rotated(image_CHW: torch.Tensor, turns: int) -> torch.Tensor:
    return torch.from_numpy(np.rot90(image_CHW.numpy(), k=turns, axes=(1, 2)).copy())


def channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(2, -1).contiguous().movedim(-1, 2)


@pytest.mark.parametrize("laid_out", [torch.Tensor.contiguous, channels_last])
@pytest.mark.parametrize(("shots", "length", "side"), [(1, 1, 1), (3, 4, 5), (2, 3, 8)])
def test_four_turns_of_every_frame_upright_first(shots, length, side, laid_out):
    x = laid_out(frames(shots, length, side=side))
    asked = Rotation().build(8, shots=2).pretext(x, draw=draw(shots))
    assert asked.views.shape == (shots, 4 * length, 3, side, side)
    assert asked.targets.shape == (shots, 4 * length)
    assert asked.targets.dtype == torch.int64
    for shot in range(shots):
        assert asked.targets[shot].tolist() == [turns for turns in range(4) for _ in range(length)]
        for view in range(4 * length):
            expected = rotated(x[shot, view % length], view // length)
            assert torch.equal(asked.views[shot, view], expected)


@pytest.mark.parametrize("laid_out", [torch.Tensor.contiguous, channels_last])
@pytest.mark.parametrize(("shots", "length", "side"), [(9, 7, 4), (5, 1, 7)])
def test_one_turn_of_every_frame(shots, length, side, laid_out):
    x = laid_out(frames(shots, length, side=side))
    asked = ONE.build(8, shots=2).pretext(x, draw=draw(shots))
    assert asked.views.shape == x.shape
    assert asked.targets.shape == (shots, length)
    for shot in range(shots):
        for view in range(length):
            assert torch.equal(asked.views[shot, view], rotated(x[shot, view], int(asked.targets[shot, view])))
    if shots * length > 50:
        assert set(asked.targets.flatten().tolist()) == {0, 1, 2, 3}


def test_a_corner_goes_counter_clockwise():
    image = torch.zeros(1, 4, 1, 2, 2)
    image[..., 0, 1] = 1  # upper right
    once = turned(image, turns_SL=torch.arange(4)[None])
    assert [tuple(each[0].nonzero()[0].tolist()) for each in once[0]] == [(0, 1), (0, 0), (1, 0), (1, 1)]


def test_the_pooled_views_are_the_upright_frames_themselves():
    x = frames(3, 4)
    asked = Rotation().build(8, shots=2).pretext(x, draw=draw(3))
    assert asked.pooled == 4
    assert torch.equal(asked.views[:, : asked.pooled], x)
    assert asked.targets[:, : asked.pooled].eq(0).all()
    assert Rotation(pool="all").build(8, shots=2).pretext(x, draw=draw(3)).pooled is None
    assert ONE.build(8, shots=2).pretext(x, draw=draw(3)).pooled is None


@pytest.mark.parametrize("config", [Rotation(), Rotation(pool="all"), ONE])
def test_a_split_batch_asks_the_same(config):
    check_split(config.build(8, shots=2), frames(6, 3))


def test_turns_change_with_the_step_and_are_even():
    objective, x = ONE.build(8, shots=2), frames(400, 10, side=1)
    first, second = (objective.pretext(x, draw=draw(400, step=step)).targets for step in (0, 1))
    counts = torch.bincount(first.flatten(), minlength=4)
    assert (counts - 1000).abs().max() < 5 * math.sqrt(1000)
    assert 0.2 < (first == second).double().mean() < 0.3


def test_frames_must_be_square():
    for config in (Rotation(), ONE):
        with pytest.raises(ValueError, match="rotation needs square frames, got 4 x 6 pixels"):
            config.build(8, shots=2).pretext(torch.zeros(2, 2, 3, 4, 6), draw=draw(2))


def test_one_turn_has_no_upright_copies():
    with pytest.raises(ConfigError, match=r"pool: must be \"all\" where turns is 1"):
        build(Rotation, {"turns": 1}, source="here")
    with pytest.raises(ConfigError, match="turns"):
        build(Rotation, {"turns": 2}, source="here")
    assert override(Rotation(), ["turns=1", "pool=all"]) == ONE
    assert load(dump(ONE), ObjectiveConfig) == ONE


@pytest.mark.parametrize(("shots", "views"), [(2, 4), (3, 8)])
def test_head_and_loss_equal_the_slow_loops(shots, views):
    torch.manual_seed(shots)
    objective = Rotation().build(6, shots=2)
    embeddings, targets = torch.randn(shots, views, 6), torch.randint(4, (shots, views))
    logits = [slow_linear(objective.head, x).tolist() for x in embeddings.flatten(0, 1).double().numpy()]
    loss = objective.criterion(objective(embeddings), targets=targets)
    assert loss.item() == pytest.approx(slow_cross_entropy(logits, targets.flatten().tolist()), rel=1e-5)
    check_gradients(objective, embeddings_SVD=embeddings, targets=targets)


def test_a_head_that_knows_nothing_is_at_chance():
    objective = Rotation().build(6, shots=2)
    loss = objective.criterion(objective(torch.zeros(3, 8, 6)), targets=torch.randint(4, (3, 8)))
    assert loss.item() == pytest.approx(math.log(4)) == objective.chance(64, columns=4)


def test_only_a_linear_map_to_four():
    shapes = {name: tuple(value.shape) for name, value in Rotation().build(2048, shots=2).named_parameters()}
    assert shapes == {"head.weight": (4, 2048), "head.bias": (4,)}


@pytest.mark.parametrize("config", [Rotation(), ONE])
def test_a_linear_encoder_learns_which_way_is_up(config):
    """Fresh noisy frames that are brighter above, fresh turns every step: nothing to learn by heart."""
    torch.manual_seed(0)
    slope = torch.linspace(1, -1, 6)[:, None].expand(6, 6)
    objective = config.build(8, shots=2)
    losses = learn(objective, lambda step: slope + frames(8, 2, side=6, seed=step), dim=8, steps=60, rate=0.05)
    assert losses[0] > 0.8 * math.log(4)
    assert sum(losses[-10:]) / 10 < 0.2 * math.log(4)
