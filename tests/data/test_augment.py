"""Colour on the device, against colorsys pixel by pixel."""

import colorsys

import numpy as np
import pytest
import torch

from vivi.core.config import build, config, dump, load
from vivi.core.errors import ConfigError
from vivi.data.augment import Augmentation, ColourTransform, InceptionColour
from vivi.data.crop import InceptionCrop


def slow_colour(pixel: list[float], shift: float, factor: float) -> list[float]:
    """Shift, then TensorFlow's adjust_saturation through HSV, then the clip, in 64-bit floats."""
    shifted = [channel + shift for channel in pixel]
    if max(shifted) <= 0:  # colorsys divides by V; TensorFlow sets S to 0 there, which leaves nothing above 0
        return [0.0, 0.0, 0.0]
    hue, saturation, value = colorsys.rgb_to_hsv(*shifted)
    changed = colorsys.hsv_to_rgb(hue, min(max(saturation * factor, 0.0), 1.0), value)
    return [min(max(channel, 0.0), 1.0) for channel in changed]


def test_colour_equals_the_way_through_hsv():
    generator = np.random.default_rng(0)
    images = torch.from_numpy(generator.integers(0, 256, (40, 3, 6, 6), dtype=np.uint8))
    images[:4] //= 16  # dark: the shift makes some or all channels negative
    images[4:8] = images[4:8, :1]  # grey
    images[8:12] |= 0xF0  # bright: the shift passes 1
    images[12, :, :3] = 0
    draws = InceptionColour().draw(40, generator)
    result = images.float() / 255
    before = result.double().clone()
    InceptionColour().apply_(result, draws)
    expected = torch.empty_like(before)
    for b in range(40):
        for y in range(6):
            for x in range(6):
                expected[b, :, y, x] = torch.tensor(slow_colour(before[b, :, y, x].tolist(), *draws[b].tolist()))
    assert (result.double() - expected).abs().max() < 2e-6
    assert (expected - before).abs().mean() > 0.03


def test_draws_cover_their_ranges():
    draws = InceptionColour().draw(20_000, np.random.default_rng(0))
    shift, factor = draws.unbind(dim=1)
    assert shift.abs().max() <= 32 / 255 + 1e-7
    assert shift.min() < -0.125
    assert shift.max() > 0.125
    assert abs(shift.mean()) < 0.002
    assert 0.5 <= factor.min() < 0.501
    assert 1.499 < factor.max() <= 1.5
    assert abs(torch.corrcoef(draws.T)[0, 1]) < 0.03


@pytest.mark.parametrize("cached", [1, 2**19])
def test_ranks_and_chunks_do_not_change_a_pixel(cached, monkeypatch):
    monkeypatch.setattr("vivi.data.augment._CACHED", cached)
    augmentation = Augmentation(crop=InceptionCrop(size=8))
    frames = torch.randint(0, 256, (24, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    whole = augmentation.on_device(frames, seed=4, step=9, first=0, total=24)
    for size in (1, 5, 8, 12):
        parts = [
            augmentation.on_device(frames[start : start + size], seed=4, step=9, first=start, total=24)
            for start in range(0, 24, size)
        ]
        assert torch.equal(torch.cat(parts), whole)
    later = augmentation.on_device(frames, seed=4, step=10, first=0, total=24)
    other = augmentation.on_device(frames, seed=5, step=9, first=0, total=24)
    assert not torch.equal(later, whole)
    assert not torch.equal(other, whole)


def test_each_frame_has_its_own_colour():
    frames = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    result = Augmentation().on_device(frames.expand(6, -1, -1, -1), seed=0, step=0, first=0, total=6)
    assert len({tuple(image.flatten().tolist()) for image in result}) == 6


SEEN: list[torch.Tensor] = []


@config
class Recorder(ColourTransform):
    def draw(self, count: int, generator: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(generator.random((count, 3), dtype=np.float32))

    def apply_(self, images_BCHW: torch.Tensor, draws_BD: torch.Tensor) -> None:
        SEEN.append(draws_BD)


def test_transforms_of_one_class_draw_independently():
    SEEN.clear()
    frames = torch.zeros((5, 3, 4, 4), dtype=torch.uint8)
    Augmentation(colour=(Recorder(), Recorder())).on_device(frames, seed=0, step=0, first=2, total=9)
    assert len(SEEN) == 2
    assert all(draws.shape == (5, 3) for draws in SEEN)
    assert not torch.equal(*SEEN)


def test_without_colour_frames_are_only_scaled():
    frames = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(2, 3, 1, 1)
    result = Augmentation(colour=()).on_device(frames, seed=0, step=0, first=0, total=2)
    assert result.dtype == torch.float32
    assert (result - (frames.double() / 127.5 - 1)).abs().max() < 1e-6
    assert result.min() == -1
    assert result.max() == 1


def test_any_memory_format_gives_the_same():
    frames = torch.randint(0, 256, (4, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    plain = Augmentation().on_device(frames, seed=0, step=0, first=0, total=4)
    other = frames.contiguous(memory_format=torch.channels_last)
    result = Augmentation().on_device(other, seed=0, step=0, first=0, total=4)
    assert torch.equal(result, plain)
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert (frames >= 0).all()


def test_the_configuration_round_trips_and_refuses_nonsense():
    augmentation = Augmentation(crop=InceptionCrop(size=32), colour=(InceptionColour(brightness=0.1),))
    assert load(dump(augmentation), Augmentation) == augmentation
    for field, value in {"brightness": -0.1, "min_saturation": 2.0}.items():
        with pytest.raises(ConfigError):
            build(InceptionColour, {field: value}, source="test")
