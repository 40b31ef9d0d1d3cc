"""Both policies of AutoAugment against the loops of the reference, and the statistics of their draws."""

import numpy as np
import pytest
import torch
from tests.reference import autoaugment as slow

from vivi.core.config import dump, load
from vivi.data.augment import Augmentation
from vivi.data.autoaugment import AutoAugment, AutoAugmentImageNet, AutoAugmentV0

POLICIES = {
    "paper": (AutoAugmentImageNet(), slow.steps_of(slow.PAPER)),
    "v0": (AutoAugmentV0(), slow.steps_of(slow.V0)),
}
HEIGHT, WIDTH = 26, 22
"""Over 510 pixels: equalize has steps of 2. No place is so near the border of two pixels that rounding decides."""


def all_draws() -> torch.Tensor:
    """Every sub-policy with both operations and all signs, and with one of the two."""
    ways = [(1, first, 1, second) for first in (-1, 1) for second in (-1, 1)] + [
        (1, 1, 0, 1),
        (0, 1, 1, -1),
        (0, 1, 0, 1),
    ]
    return torch.tensor([(chosen, *way) for chosen in range(25) for way in ways], dtype=torch.float32)


def photos(count: int) -> torch.Tensor:
    """Noise over slopes, so that operations which look at all levels have something to do: uint8 frames_BCHW."""
    random = np.random.default_rng(1)
    slopes = np.arange(HEIGHT)[:, None] * 4 + np.arange(WIDTH) * 3 + random.integers(0, 60, (count, 3, 1, 1))
    return torch.from_numpy((slopes + random.integers(0, 40, (count, 3, HEIGHT, WIDTH))).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_does_what_its_table_says(name):
    policy, table = POLICIES[name]
    draws = all_draws()
    frames = photos(len(draws))
    images = frames.float() / 255
    policy.apply_(images, draws)
    results = (images * 255).double().numpy()
    assert np.abs(results - np.rint(results)).max() < 1e-4
    assert 0 <= images.min() <= images.max() <= 1
    for frame, draw, result in zip(frames.numpy().astype(np.int64), draws.int().tolist(), results, strict=True):
        expected = frame
        for step, done, sign in zip(table[draw[0]], draw[1::2], draw[2::2], strict=True):
            if done:
                expected = slow.do(expected, step[0], step[2], sign, tpu=name == "v0")
        assert np.array_equal(np.rint(result), expected), (table[draw[0]], draw)


@pytest.mark.parametrize("name", POLICIES)
def test_draws_have_the_probabilities_of_the_table(name):
    policy, table = POLICIES[name]
    count = 100_000
    draws = policy.draw(count, np.random.default_rng(0))
    assert draws.shape == (count, 5)
    assert draws.dtype == torch.float32
    often = torch.bincount(draws[:, 0].long(), minlength=25)
    assert len(often) == 25
    assert (often - count / 25).abs().max() < 5 * (count / 25) ** 0.5
    for chosen, steps in enumerate(table):
        of_it = draws[draws[:, 0] == chosen]
        for slot, (_, probability, _) in enumerate(steps):
            share = of_it[:, 1 + 2 * slot].mean().item()
            assert abs(share - probability) < 5 * (probability * (1 - probability) / len(of_it)) ** 0.5 + 1e-6
    assert set(draws[:, 2].tolist()) == set(draws[:, 4].tolist()) == {-1.0, 1.0}
    assert draws[:, [2, 4]].mean(dim=0).abs().max() < 5 / count**0.5
    correlation = torch.corrcoef(torch.stack([draws[:, 2], draws[:, 4], draws[:, 1], draws[:, 3]]))
    assert correlation[0, 1:].abs().max() < 0.02
    assert correlation[1, 2:].abs().max() < 0.02


@pytest.mark.parametrize("name", POLICIES)
def test_parts_and_ranks_do_not_change_a_level(name, monkeypatch):
    augmentation = Augmentation(colour=(POLICIES[name][0],))
    frames = photos(40)
    whole = augmentation.on_device(frames, seed=3, step=2, first=0, total=40, views=2)
    monkeypatch.setattr("vivi.data.augment._CACHED", 3 * frames[0].numel())
    parts = [
        augmentation.on_device(frames[first : first + 8], seed=3, step=2, first=first, total=40, views=2)
        for first in range(0, 40, 8)
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(augmentation.on_device(frames, seed=4, step=2, first=0, total=40, views=2), whole)
    other = frames.contiguous(memory_format=torch.channels_last)
    assert torch.equal(augmentation.on_device(other, seed=3, step=2, first=0, total=40, views=2), whole)


def test_an_image_that_is_left_alone_stays_as_it_was():
    frames = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(1, 3, 1, 1)
    plain = frames.float().mul(1 / 255)
    images = plain.clone()
    AutoAugmentImageNet().apply_(images, torch.tensor([[7.0, 0, 1, 0, 1]]))
    assert torch.equal(images, plain)


def test_the_policies_are_told_apart_in_a_configuration():
    for policy, _ in POLICIES.values():
        augmentation = Augmentation(colour=(policy,))
        assert load(dump(augmentation), Augmentation) == augmentation
    assert dump(POLICIES["paper"][0]) != dump(POLICIES["v0"][0])
    with pytest.raises(TypeError):
        AutoAugment()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", POLICIES)
def test_a_gpu_gives_the_same_levels(name):
    augmentation = Augmentation(colour=(POLICIES[name][0],))
    frames = torch.randint(0, 256, (200, 3, 48, 48), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    here = augmentation.on_device(frames, seed=0, step=0, first=0, total=200, views=1)
    there = augmentation.on_device(frames.cuda(), seed=0, step=0, first=0, total=200, views=1).cpu()
    assert torch.equal(((here + 1) * 127.5).round(), ((there + 1) * 127.5).round())
