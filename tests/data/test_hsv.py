"""HSV noise against colorsys pixel by pixel."""

import colorsys

import numpy as np
import pytest
import torch

from vivi.core.config import build, dump, load
from vivi.core.errors import ConfigError
from vivi.data.augment import Augmentation
from vivi.data.hsv import HSVNoise

POWERS, FACTORS = [1, 4], [2, 5]


def slow_noise(pixel: list[float], draw: list[float]) -> list[float]:
    """In 64-bit floats; `draw` is the turn, then power, factor and shift of S and of V."""
    hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
    saturation = min(max(saturation ** draw[1] * draw[2] + draw[3], 0.0), 1.0)
    value = min(max(value ** draw[4] * draw[5] + draw[6], 0.0), 1.0)
    return list(colorsys.hsv_to_rgb((hue + draw[0]) % 1.0, saturation, value))


def pictures() -> torch.Tensor:
    """30 uint8 frames of 6 x 7 pixels: noise, dark, nearly grey, grey, black, white, and pure colours."""
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (30, 3, 6, 7), dtype=np.uint8))
    frames[4:8] //= 40
    frames[8:12] = frames[8:12, :1] // 2 + frames[8:12] % 3
    frames[12:14] = frames[12:14, :1]
    frames[14], frames[15] = 0, 255
    frames[16:20] = frames[16:20] // 128 * 255
    return frames


def extremes(count: int) -> torch.Tensor:
    """Draws, the first of them at the ends of their ranges."""
    draws = HSVNoise().draw(count, np.random.default_rng(1))
    ends = torch.tensor([-0.1, 0.25, 2**-0.5, -0.1, 0.25, 2**-0.5, -0.1])
    draws[::7] = ends
    draws[3::7] = torch.tensor([0.1, 4, 2**0.5, 0.1, 4, 2**0.5, 0.1])
    return draws


def test_noise_equals_the_way_through_colorsys():
    images = pictures().float() / 255
    before, draws = images.double(), extremes(30)
    HSVNoise().apply_(images, draws)
    expected = torch.empty_like(before)
    for b, y, x in np.ndindex(30, 6, 7):
        expected[b, :, y, x] = torch.tensor(slow_noise(before[b, :, y, x].tolist(), draws[b].tolist()))
    assert (images.double() - expected).abs().max() < 5e-5  # a hue is a quotient of small differences
    assert (images.double() - expected).abs().mean() < 1e-6
    assert (expected - before).abs().mean() > 0.1
    assert images.min() >= 0
    assert images.max() <= 1


def test_draws_cover_their_ranges():
    noise = HSVNoise(hue=0.2, power=1.0, gain=0.25, shift=0.05)
    draws = noise.draw(40_000, np.random.default_rng(0)).double()
    assert draws.shape == (40_000, 7)
    draws[:, [*POWERS, *FACTORS]] = draws[:, [*POWERS, *FACTORS]].log2()
    limits = torch.tensor([0.2, 1.0, 0.25, 0.05, 1.0, 0.25, 0.05]).double()
    scaled = draws / limits
    assert scaled.abs().max() <= 1 + 1e-5
    assert scaled.amax(dim=0).min() > 0.999
    assert scaled.amin(dim=0).max() < -0.999
    assert scaled.mean(dim=0).abs().max() < 0.02
    assert (scaled.square().mean(dim=0) - 1 / 3).abs().max() < 0.01
    assert (torch.corrcoef(draws.T) - torch.eye(7)).abs().max() < 0.03


def test_the_defaults_are_those_of_s4l():
    draws = HSVNoise().draw(20_000, np.random.default_rng(0)).double()
    draws[:, [*POWERS, *FACTORS]] = draws[:, [*POWERS, *FACTORS]].log2()
    assert torch.allclose(draws.amax(dim=0), torch.tensor([0.1, 2, 0.5, 0.1, 2, 0.5, 0.1]).double(), rtol=1e-3)


def test_without_ranges_nothing_changes():
    images = pictures().float() / 255
    before = images.clone()
    none = HSVNoise(hue=0, power=0, gain=0, shift=0)
    none.apply_(images, none.draw(30, np.random.default_rng(0)))
    assert (images - before).abs().max() < 1e-5


def test_parts_and_ranks_do_not_change_a_pixel(monkeypatch):
    monkeypatch.setattr("vivi.data.augment._CACHED", 500)
    augmentation, frames = Augmentation(colour=(HSVNoise(),)), pictures()
    whole = augmentation.on_device(frames, seed=3, step=2, first=0, total=30, views=1)
    parts = [
        augmentation.on_device(frames[first : first + 5], seed=3, step=2, first=first, total=30, views=1)
        for first in range(0, 30, 5)
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert whole.abs().max() <= 1


def test_the_configuration_round_trips_and_refuses_nonsense():
    augmentation = Augmentation(colour=(HSVNoise(hue=0.05),))
    assert load(dump(augmentation), Augmentation) == augmentation
    for field in ("hue", "power", "gain", "shift"):
        with pytest.raises(ConfigError, match=field):
            build(HSVNoise, {field: -0.1}, source="test")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_colours():
    here, there, draws = pictures().float() / 255, pictures().cuda().float() / 255, extremes(30)
    HSVNoise().apply_(here, draws)
    HSVNoise().apply_(there, draws)
    assert (here - there.cpu()).abs().max() < 1e-4
