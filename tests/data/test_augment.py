"""Colour on the device, against colorsys pixel by pixel; grey-scale and standardisation against loops."""

import colorsys
from typing import ClassVar

import numpy as np
import pytest
import torch

from vivi.core.config import build, config, dump, load
from vivi.core.errors import ConfigError
from vivi.data.augment import Augmentation, ColourTransform, InceptionColour
from vivi.data.crop import InceptionCrop
from vivi.data.grey import GreyScale


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
    whole = augmentation.on_device(frames, seed=4, step=9, first=0, total=24, views=1)
    for size in (1, 5, 8, 12):
        parts = [
            augmentation.on_device(frames[start : start + size], seed=4, step=9, first=start, total=24, views=1)
            for start in range(0, 24, size)
        ]
        assert torch.equal(torch.cat(parts), whole)
    later = augmentation.on_device(frames, seed=4, step=10, first=0, total=24, views=1)
    other = augmentation.on_device(frames, seed=5, step=9, first=0, total=24, views=1)
    assert not torch.equal(later, whole)
    assert not torch.equal(other, whole)


def test_each_frame_has_its_own_colour():
    frames = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    result = Augmentation().on_device(frames.expand(6, -1, -1, -1), seed=0, step=0, first=0, total=6, views=1)
    assert len({tuple(image.flatten().tolist()) for image in result}) == 6


SEEN: list[torch.Tensor] = []


@config
class Recorder(ColourTransform):
    def draw(self, count: int, generator: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(generator.random((count, 3), dtype=np.float32))

    def apply_(self, images_BCHW: torch.Tensor, draws_BD: torch.Tensor) -> None:
        SEEN.append(draws_BD)


@config
class PerShot(Recorder):
    per_shot: ClassVar[bool] = True


def test_transforms_of_one_class_draw_independently():
    SEEN.clear()
    frames = torch.zeros((5, 3, 4, 4), dtype=torch.uint8)
    Augmentation(colour=(Recorder(), Recorder())).on_device(frames, seed=0, step=0, first=2, total=9, views=1)
    assert len(SEEN) == 2
    assert all(draws.shape == (5, 3) for draws in SEEN)
    assert not torch.equal(*SEEN)


def test_without_colour_frames_are_only_scaled():
    frames = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(2, 3, 1, 1)
    result = Augmentation(colour=()).on_device(frames, seed=0, step=0, first=0, total=2, views=1)
    assert result.dtype == torch.float32
    assert (result - (frames.double() / 127.5 - 1)).abs().max() < 1e-6
    assert result.min() == -1
    assert result.max() == 1


def test_any_memory_format_gives_the_same():
    frames = torch.randint(0, 256, (4, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    plain = Augmentation().on_device(frames, seed=0, step=0, first=0, total=4, views=1)
    other = frames.contiguous(memory_format=torch.channels_last)
    result = Augmentation().on_device(other, seed=0, step=0, first=0, total=4, views=1)
    assert torch.equal(result, plain)
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert (frames >= 0).all()


def test_the_configuration_round_trips_and_refuses_nonsense():
    augmentation = Augmentation(crop=InceptionCrop(size=32), colour=(InceptionColour(brightness=0.1),))
    assert load(dump(augmentation), Augmentation) == augmentation
    for field, value in {"brightness": -0.1, "min_saturation": 2.0}.items():
        with pytest.raises(ConfigError):
            build(InceptionColour, {field: value}, source="test")


def random_frames(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_the_default_numbers_stay():
    """Seed 7, step 3, frames 2 and 3 of 6: their first pixels, as they have always been."""
    frames = torch.arange(96, dtype=torch.uint8).reshape(2, 3, 4, 4)
    result = Augmentation().on_device(frames, seed=7, step=3, first=2, total=6, views=1)
    first = [[-1.0, -0.9942569, -0.9885139], [-0.6185220, -0.5225787, -0.4266353]]
    assert (result[:, :, 0, 0] - torch.tensor(first)).abs().max() < 1e-6


def test_frames_of_a_shot_share_draws_only_where_a_transform_says_so():
    SEEN.clear()
    colour = (Recorder(), PerShot())
    Augmentation(colour=colour).on_device(random_frames(8), seed=0, step=0, first=4, total=20, views=4)
    own, shared = SEEN
    assert own.shape == shared.shape == (8, 3)
    assert len(own.unique(dim=0)) == 8
    assert torch.equal(shared, shared[[0, 4]].repeat_interleave(4, dim=0))
    assert not torch.equal(shared[0], shared[4])
    SEEN.clear()
    Augmentation(colour=colour).on_device(random_frames(4), seed=0, step=0, first=8, total=20, views=4)
    assert torch.equal(SEEN[0], own[4:])
    assert torch.equal(SEEN[1], shared[4:])


@pytest.mark.parametrize(("first", "total"), [(2, 8), (4, 10)])
def test_shots_are_whole(first, total):
    with pytest.raises(ValueError, match="views"):
        Augmentation().on_device(random_frames(2), seed=0, step=0, first=first, total=total, views=4)


def test_streams_of_a_step_draw_their_own_numbers():
    frames = random_frames(4)
    both = [
        Augmentation().on_device(frames, seed=0, step=0, first=0, total=4, views=1, stream=stream)
        for stream in ("", "images/", "images/")
    ]
    assert not torch.equal(both[0], both[1])
    assert torch.equal(both[1], both[2])


def test_grey_is_the_mean_of_the_channels():
    images = random_frames(6).float() / 255
    before, draws = images.double(), torch.tensor([[1.0], [0], [1], [1], [0], [0]])
    GreyScale().apply_(images, draws)
    for b, c, y, x in np.ndindex(6, 3, 8, 8):
        expected = sum(before[b, :, y, x].tolist()) / 3 if draws[b, 0] else before[b, c, y, x].item()
        assert abs(images[b, c, y, x].item() - expected) < 1e-6
    assert torch.equal(images[1], before[1].float())


def test_grey_comes_with_its_probability_and_once_for_a_shot():
    for probability in (0.0, 0.3, 0.66, 1.0):
        draws = GreyScale(probability=probability).draw(20_000, np.random.default_rng(0))
        assert draws.shape == (20_000, 1)
        assert set(draws.flatten().tolist()) <= {0.0, 1.0}
        assert abs(draws.mean().item() - probability) < 0.02
    assert GreyScale().probability == 0.66
    frames = random_frames(120)
    result = Augmentation(colour=(GreyScale(),)).on_device(frames, seed=0, step=0, first=0, total=120, views=3)
    grey_SL = (result[:, 0] - result[:, 1]).abs().amax(dim=(1, 2)).lt(1e-6).reshape(40, 3)
    assert torch.equal(grey_SL.all(dim=1), grey_SL.any(dim=1))
    assert 20 <= grey_SL[:, 0].sum() <= 33
    with pytest.raises(ConfigError, match="probability"):
        build(GreyScale, {"probability": 1.5}, source="test")


def slow_standardise(image: np.ndarray) -> np.ndarray:
    numbers = [float(number) for number in image.flat]
    mean = sum(numbers) / len(numbers)
    deviation = (sum((number - mean) ** 2 for number in numbers) / len(numbers)) ** 0.5
    return (image - mean) / max(deviation, 1 / len(numbers) ** 0.5)


def test_standardising_is_the_last_step(monkeypatch):
    frames = random_frames(6)
    frames[1] //= 2
    frames[2] = frames[2] // 128 + 100  # a deviation below the least one
    frames[3] = 200
    plain = Augmentation().on_device(frames, seed=1, step=0, first=0, total=6, views=1)
    result = Augmentation(standardise=True).on_device(frames, seed=1, step=0, first=0, total=6, views=1)
    expected = np.stack([slow_standardise(image) for image in plain.double().numpy()])
    assert np.abs(result.double().numpy() - expected).max() < 1e-5
    assert result[[0, 1]].std(dim=(1, 2, 3), correction=0).sub(1).abs().max() < 1e-5
    assert result[2].std() < 0.9
    assert result[3].abs().max() < 1e-5
    monkeypatch.setattr("vivi.data.augment._CACHED", 1)
    alone = Augmentation(standardise=True).on_device(frames, seed=1, step=0, first=0, total=6, views=1)
    assert torch.equal(alone, result)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_colours():
    augmentation = Augmentation(colour=(GreyScale(), InceptionColour()), standardise=True)
    frames = random_frames(60)
    here = augmentation.on_device(frames, seed=1, step=0, first=0, total=60, views=2)
    there = augmentation.on_device(frames.cuda(), seed=1, step=0, first=0, total=60, views=2)
    assert (here - there.cpu()).abs().max() < 1e-5
