"""Relative patch location against pairs put together one by one."""

import math

import numpy as np
import pytest
import torch
from tests.reference.patches import corner, located_frames
from tests.reference.pretext import (
    check_gradients,
    check_split,
    draw,
    learn,
    slow_cross_entropy,
    slow_linear,
    slow_mlp,
)

from vivi.core.config import dump, load
from vivi.objectives.base import ObjectiveConfig
from vivi.objectives.relative_patch import RelativePatch

SMALL = RelativePatch(patch=3, projection=5, hidden=7, standardise=False)
AROUND = [0, 1, 2, 3, 5, 6, 7, 8]
"""The cells around the centre, row by row."""


@pytest.mark.parametrize(("height", "width"), [(12, 12), (13, 17), (9, 9)])
def test_nine_patches_row_by_row_and_eight_answers(height, width):
    asked = SMALL.build(8, shots=2).pretext(located_frames(3, 2, height=height, width=width), draw=draw(3))
    assert asked.views.shape == (3, 18, 3, 3, 3)
    assert asked.pooled is None
    assert asked.targets.dtype == torch.int64
    assert asked.targets.tolist() == [[list(range(8))] * 2] * 3
    tall, wide = height // 3, width // 3
    for shot in range(3):
        for view in range(18):
            frame, cell = divmod(view, 9)
            top, left = corner(asked.views[shot, view], side=3, frame=shot * 2 + frame)
            assert 0 <= top - cell // 3 * tall <= tall - 3
            assert 0 <= left - cell % 3 * wide <= wide - 3


def test_the_places_are_drawn_anew_for_every_patch_and_step():
    objective, frames = SMALL.build(8, shots=2), located_frames(60, 1, height=15, width=12)
    first, second = (objective.pretext(frames, draw=draw(60, step=step)).views for step in (0, 1))
    places = first[:, :, :2, 0, 0].flatten(0, 1).long() % torch.tensor([5, 4])
    assert set(map(tuple, places.tolist())) == {(down, right) for down in range(3) for right in range(2)}
    assert not torch.equal(first, second)


def test_a_split_batch_asks_the_same():
    check_split(SMALL.build(8, shots=2), torch.rand(6, 3, 3, 12, 12))


def test_frames_must_hold_the_grid():
    assert RelativePatch().min_side == 192
    with pytest.raises(ValueError, match="3 x 3 patches of 64 pixels need 192 pixels a side, got frames of 191 x 224"):
        RelativePatch().build(8, shots=2).pretext(torch.zeros(1, 1, 3, 191, 224), draw=draw(1))


@pytest.mark.parametrize(("shots", "length"), [(2, 1), (1, 3)])
def test_head_and_loss_equal_the_slow_loops(shots, length):
    torch.manual_seed(length)
    objective = SMALL.build(6, shots=2)
    embeddings = torch.randn(shots, 9 * length, 6)
    targets = torch.arange(8).repeat(shots, length, 1)
    rows = []
    for patches in embeddings.double().numpy().reshape(-1, 9, 6):
        points = [slow_linear(objective.project, patch) for patch in patches]
        rows += [slow_mlp(objective.classify, np.concatenate([points[cell], points[4]])).tolist() for cell in AROUND]
    predictions = objective(embeddings)
    assert predictions.shape == (shots, length, 8, 8)
    np.testing.assert_allclose(predictions.detach().numpy().reshape(-1, 8), rows, rtol=1e-4, atol=1e-5)
    expected = slow_cross_entropy(rows, targets.flatten().tolist())
    assert objective.criterion(predictions, targets=targets).item() == pytest.approx(expected, rel=1e-5)
    check_gradients(objective, embeddings_SVD=embeddings, targets=targets)


def test_the_head_does_not_know_which_pair_it_sees():
    """Patches that change places change their logits with them: the answer must come from what they show."""
    objective = SMALL.build(6, shots=2)
    embeddings = torch.randn(1, 9, 6)
    swapped = embeddings[:, [8, 1, 2, 3, 4, 5, 6, 7, 0]]
    torch.testing.assert_close(objective(swapped)[0, 0], objective(embeddings)[0, 0][[7, 1, 2, 3, 4, 5, 6, 0]])


def test_a_head_that_knows_nothing_is_at_chance():
    objective = SMALL.build(6, shots=2)
    targets = torch.arange(8).repeat(3, 2, 1)
    loss = objective.criterion(objective(torch.zeros(3, 18, 6)), targets=targets)
    assert loss.item() == pytest.approx(math.log(8)) == objective.chance(64, columns=4)


def test_the_head_has_the_size_of_the_source():
    objective = RelativePatch().build(2048, shots=2)
    shapes = {name: tuple(value.shape) for name, value in objective.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "project.weight": (1000, 2048),
        "classify.0.weight": (4096, 2000),
        "classify.2.weight": (8, 4096),
    }
    assert load(dump(SMALL), ObjectiveConfig) == SMALL


def test_a_linear_encoder_learns_where_the_patches_of_one_picture_lie():
    """Each cell has its own colour; the patches are placed anew every step."""
    torch.manual_seed(0)
    config = RelativePatch(patch=4, projection=8, hidden=32)
    colours = torch.rand(1, 1, 3, 3, 3).repeat_interleave(5, 3).repeat_interleave(5, 4)
    picture = (colours + 0.2 * torch.rand(1, 1, 3, 15, 15)).expand(4, 2, -1, -1, -1)
    losses = learn(config.build(8, shots=2), lambda step: picture, dim=8, steps=100, rate=0.05)
    assert losses[0] > 0.7 * math.log(8)
    assert sum(losses[-10:]) / 10 < 0.2 * math.log(8)
