"""Jigsaw against patches cut and put together one by one."""

import hashlib
import math
import time

import numpy as np
import pytest
import torch
from tests.reference.patches import corner, located_frames, slow_standardised
from tests.reference.pretext import (
    check_gradients,
    check_split,
    draw,
    learn,
    slow_cross_entropy,
    slow_linear,
    slow_mlp,
)

from vivi.core.config import build, dump, load
from vivi.core.errors import ConfigError
from vivi.data.augment import standardise_
from vivi.objectives.base import ObjectiveConfig
from vivi.objectives.jigsaw import Jigsaw, distant_permutations

SMALL = Jigsaw(grid=2, patch=3, permutations=6, projection=5, hidden=7, standardise=False)


@pytest.mark.parametrize(("grid", "patch", "height", "width"), [(2, 3, 10, 13), (3, 2, 11, 9), (3, 4, 12, 12)])
def test_patches_stand_in_the_order_of_the_answer(grid, patch, height, width):
    shots, length, cells = 3, 2, grid * grid
    config = Jigsaw(grid=grid, patch=patch, permutations=20, projection=2, hidden=2, standardise=False)
    objective = config.build(8, shots=2)
    asked = objective.pretext(located_frames(shots, length, height=height, width=width), draw=draw(shots))
    assert asked.views.shape == (shots, length * cells, 3, patch, patch)
    assert asked.targets.shape == (shots, length)
    assert asked.targets.dtype == torch.int64
    assert asked.pooled is None
    tall, wide = height // grid, width // grid
    for shot in range(shots):
        for view in range(length * cells):
            frame, position = divmod(view, cells)
            top, left = corner(asked.views[shot, view], side=patch, frame=shot * length + frame)
            permutation = distant_permutations(cells, number=20)[int(asked.targets[shot, frame])]
            row, column = divmod(int(permutation[position]), grid)
            assert 0 <= top - row * tall <= tall - patch
            assert 0 <= left - column * wide <= wide - patch


def test_every_place_in_the_cell_and_every_permutation_is_drawn():
    objective = SMALL.build(8, shots=2)
    asked = objective.pretext(located_frames(60, 2, height=10, width=8), draw=draw(60))
    places = asked.views[:, :, :2, 0, 0].flatten(0, 1).long() % torch.tensor([5, 4])
    assert set(map(tuple, places.tolist())) == {(down, right) for down in range(3) for right in range(2)}
    assert set(asked.targets.flatten().tolist()) == set(range(6))


def test_the_place_in_the_cell_does_not_tell_the_cell():
    """Each cell of the grid is placed as the others are: the mean shift differs by chance only."""
    objective = SMALL.build(8, shots=2)
    asked = objective.pretext(located_frames(800, 1, height=16, width=16), draw=draw(800))
    corners = asked.views[:, :, :2, 0, 0].flatten(0, 1).long()
    cell, shift = (corners // 8 * torch.tensor([2, 1])).sum(1), (corners % 8).double()
    deviation = math.sqrt(35 / 12 / 800)  # of the mean of 800 places, uniform over 0 .. 5
    for number in range(4):
        assert (shift[cell == number].mean(0) - 2.5).abs().max() < 5 * deviation


def test_a_split_batch_asks_the_same():
    check_split(SMALL.build(8, shots=2), torch.rand(6, 3, 3, 9, 9))


def test_frames_must_hold_the_grid():
    config = Jigsaw(grid=3, patch=4)
    assert config.min_side == 12
    with pytest.raises(ValueError, match="3 x 3 patches of 4 pixels need 12 pixels a side, got frames of 12 x 11"):
        config.build(8, shots=2).pretext(torch.zeros(2, 1, 3, 12, 11), draw=draw(2))


@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_standardisation_equals_the_slow_loops(scale):
    images = 0.3 + scale * (torch.rand(2, 3, 3, 4, 4, generator=torch.Generator().manual_seed(0)) - 0.5)
    images[0, 0] = 0.7  # flat: the deviation counts as 1 / sqrt(48)
    fast = standardise_(images.clone())
    for image, result in zip(images.flatten(0, 1), fast.flatten(0, 1), strict=True):
        np.testing.assert_allclose(result.numpy(), slow_standardised(image.numpy()), atol=3e-5)


def test_brightness_and_contrast_of_a_patch_are_hidden():
    frames = 4 * torch.rand(2, 2, 3, 12, 12)  # so that no deviation is below 1 / sqrt(27)
    objective = Jigsaw(grid=3, patch=3, permutations=4, projection=2, hidden=2).build(8, shots=2)
    plain, changed = (objective.pretext(x, draw=draw(2)).views for x in (frames, 0.5 * frames - 0.2))
    torch.testing.assert_close(plain, changed, rtol=0, atol=1e-5)
    torch.testing.assert_close(plain.mean(dim=(2, 3, 4)), torch.zeros(2, 18), atol=1e-5, rtol=0)
    torch.testing.assert_close(plain.std(dim=(2, 3, 4), correction=0), torch.ones(2, 18))


@pytest.mark.parametrize(("cells", "number", "nearest"), [(4, 24, 2), (4, 4, 4), (9, 100, 6), (9, 9, 8), (16, 100, 13)])
def test_permutations_lie_far_apart(cells, number, nearest):
    found = distant_permutations(cells, number=number)
    assert found.shape == (number, cells)
    assert all(sorted(row) == list(range(cells)) for row in found.tolist())
    assert len({tuple(row) for row in found.tolist()}) == number
    distances = [int((found[a] != found[b]).sum()) for a in range(number) for b in range(a)]
    assert min(distances) >= nearest


def test_the_permutations_of_a_run_never_change():
    """A run that goes on, or a head that is loaded, must find the classes that it was trained on."""
    assert distant_permutations(9, number=3).tolist()[0] == list(range(9))
    assert distant_permutations(4, number=6).tolist()[:4] == [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]
    first = distant_permutations(9, number=100)
    distant_permutations.cache_clear()
    start = time.perf_counter()
    again = distant_permutations(9, number=100)
    assert time.perf_counter() - start < 1
    assert (again == first).all()
    assert hashlib.sha256(first.tobytes()).hexdigest()[:12] == "f106418522bd"
    assert "permutations_QP" in SMALL.build(8, shots=2).state_dict()


@pytest.mark.parametrize(("shots", "length"), [(2, 1), (3, 2)])
def test_head_and_loss_equal_the_slow_loops(shots, length):
    torch.manual_seed(shots)
    objective = SMALL.build(6, shots=2)
    embeddings, targets = torch.randn(shots, 4 * length, 6), torch.randint(6, (shots, length))
    rows = []
    for shot in range(shots):
        for frame in range(length):
            points = [
                slow_linear(objective.project, embeddings[shot, 4 * frame + p].double().numpy()) for p in range(4)
            ]
            rows.append(slow_mlp(objective.classify, np.concatenate(points)).tolist())
    predictions = objective(embeddings)
    assert predictions.shape == (shots, length, 6)
    expected = slow_cross_entropy(rows, targets.flatten().tolist())
    assert objective.criterion(predictions, targets=targets).item() == pytest.approx(expected, rel=1e-5)
    check_gradients(objective, embeddings_SVD=embeddings, targets=targets)


def test_a_head_that_knows_nothing_is_at_chance():
    objective = Jigsaw(projection=4, hidden=4).build(6, shots=2)
    loss = objective.criterion(objective(torch.zeros(3, 18, 6)), targets=torch.randint(100, (3, 2)))
    assert loss.item() == pytest.approx(math.log(100)) == objective.chance(64, columns=4)


def test_the_head_has_the_size_of_the_source():
    objective = Jigsaw().build(2048, shots=2)
    shapes = {name: tuple(value.shape) for name, value in objective.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "project.weight": (1000, 2048),
        "classify.0.weight": (4096, 9000),
        "classify.2.weight": (100, 4096),
    }


def test_illegal_values_are_refused():
    with pytest.raises(ConfigError, match="permutations: at most 24 where grid is 2, got 25"):
        build(Jigsaw, {"grid": 2, "permutations": 25}, source="here")
    with pytest.raises(ConfigError, match="patch"):
        build(Jigsaw, {"patch": 0}, source="here")
    assert load(dump(SMALL), ObjectiveConfig) == SMALL


def test_a_linear_encoder_solves_the_puzzle_of_one_picture():
    """One picture, fresh permutations every step; each cell has a texture of its own."""
    torch.manual_seed(0)
    config = Jigsaw(grid=2, patch=6, permutations=6, projection=8, hidden=32)
    picture = torch.rand(1, 1, 3, 12, 12).expand(8, 2, -1, -1, -1)
    losses = learn(config.build(8, shots=2), lambda step: picture, dim=8, steps=80, rate=0.05)
    assert losses[0] > 0.7 * math.log(6)
    assert sum(losses[-10:]) / 10 < 0.2 * math.log(6)
