"""Estimates: how many pictures a step has, straight lines of memory, and a measured pass of a small encoder."""

import dataclasses

import pytest
import torch

from vivi.core.errors import ConfigError
from vivi.core.world import World
from vivi.model import VIVI
from vivi.nn.resnet_v2 import ResNetV2
from vivi.presets import find, tiny
from vivi.training.chunks import legal_chunks
from vivi.training.estimate import SIZES, Pace, Views, estimate, measure, views_of_a_step

CPU = torch.device("cpu")
PACE = Pace(pictures=2, seconds=1.0, bytes_small=2 * 10**6, bytes_large=4 * 10**6)


def given(monkeypatch, *, available=10**12):
    """Half a second and a million bytes a picture; returns what is measured."""
    timed = []

    def measured(encoder, *, side, device):
        timed.append((encoder, side))
        return PACE

    monkeypatch.setattr("vivi.training.estimate.measure", measured)
    monkeypatch.setattr("vivi.training.estimate.available_bytes", lambda _device: available)
    return timed


def test_the_pictures_of_a_step():
    # 2048 shots of 8 frames; rotation shows each of its 4 frames four times
    assert views_of_a_step(find("VIVI-Ex(4)")) == (Views(rows=2048, views=8, side=224),)
    rotation = find("VIVI-Rot(4)")
    assert views_of_a_step(rotation) == (Views(rows=2048, views=4 * rotation.sampling.frames, side=224),)
    both = find("VIVI-Ex(4)-Co(10%)")
    assert views_of_a_step(both) == (Views(512, 8, side=224), Views(256, both.labelled.views, side=224))
    (small,) = views_of_a_step(tiny(find("VIVI-Ex(4)")))
    assert (small.pictures, small.side) == (64 * 4, 48)


@pytest.mark.parametrize("name", ["VIVI-Jigsaw(4)", "VIVI-Patch(4)"])
def test_pieces_are_pictures_of_their_own_size(name):
    experiment = tiny(find(name))
    (views,) = views_of_a_step(experiment)
    assert views.pictures == 9 * experiment.frames_per_step
    assert 3 * views.side <= experiment.augmentation.crop.size


def test_memory_is_a_straight_line():
    small, large = SIZES
    pace = Pace(pictures=8, seconds=2.0, bytes_small=100 + 10 * small, bytes_large=100 + 10 * large)
    assert pace.bytes_for(50) == 600
    assert pace.seconds_a_picture == 0.25


def test_a_measured_pass(monkeypatch):
    monkeypatch.setattr("vivi.training.estimate._MOST_PICTURES", 8)
    encoder = ResNetV2(depth=18, width=0.125)
    pace = measure(encoder, side=32, device=CPU)
    assert pace.seconds > 0
    assert pace.bytes_large > pace.bytes_small > 0
    # every picture keeps at least the 8 x 16 x 16 outputs of the first convolution
    assert pace.bytes_for(100) - pace.bytes_for(50) > 50 * 8 * 16 * 16 * 4


def test_an_estimate_multiplies_what_was_measured(monkeypatch):
    timed = given(monkeypatch)
    ex = tiny(find("VIVI-Ex(4)"))
    other = dataclasses.replace(ex, name="twice as many", samples_per_step=2 * ex.samples_per_step)
    progress = []
    found = estimate([ex, other], device=CPU, progress=lambda *state: progress.append(state))
    assert len(timed) == 1, "an encoder is timed once"
    assert progress == [(0, 2), (1, 2), (2, 2)]
    assert [each.seconds_per_step for each in found] == [128.0, 256.0]
    assert found[0].hours == pytest.approx(128 * 700 / 3600)
    assert (found[0].chunks, found[0].most_chunks) == (1, max(legal_chunks(ex, world=World.single("cpu"))))
    assert found[0].memory == found[0].memory_in_one > 256 * 10**6 > found[0].least_memory - found[0].memory


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("VIVI-Ex(4)", 64 * 4),
        ("VIVI-Rot(4)", 4 * 32 * 4),  # every frame in four turns
        ("VIVI-Ex(4)-Co(10%)", 64 * 4 + 64),
    ],
)
def test_pictures_and_parameters(monkeypatch, name, encoded):
    given(monkeypatch)
    experiment = tiny(find(name))
    (found,) = estimate([experiment], device=CPU)
    assert found.pictures_per_step == experiment.frames_per_step + experiment.images_per_step
    assert (found.encoded_per_step, found.pictures) == (encoded, 700 * found.pictures_per_step)
    model = VIVI(experiment)
    assert found.parameters == sum(each.numel() for each in model.encoder.parameters())
    assert found.parameters + found.head_parameters == sum(each.numel() for each in model.parameters())


def test_what_does_not_fit_is_split_or_said(monkeypatch):
    ex = tiny(find("VIVI-Ex(4)"))
    most = max(legal_chunks(ex, world=World.single("cpu")))
    for limit, chunks, fits, factor in ((10**12, 1, True, 1), (2 * 10**8, 2, True, 4 / 3), (10**6, most, False, 4 / 3)):
        given(monkeypatch, available=limit)
        (found,) = estimate([ex], device=CPU)
        assert (found.chunks, found.fits) == (chunks, fits)
        assert found.seconds_per_step == pytest.approx(128 * factor)


def test_chunks_that_are_asked_for_divide_the_memory_of_the_activations(monkeypatch):
    given(monkeypatch, available=10**6)
    ex = tiny(find("VIVI-Ex(4)"))
    ((one,), (four,)) = (estimate([ex], device=CPU, chunks=chunks) for chunks in (1, 4))
    assert (one.chunks, four.chunks, one.fits) == (1, 4, False)
    assert one.memory - four.memory == (256 - 64) * 10**6  # a million bytes a picture
    assert four.memory_in_one == one.memory
    with pytest.raises(ConfigError, match=r"--chunks 3: .* legal: 1, 2, 4"):
        estimate([ex], device=CPU, chunks=3)


def test_everything_is_json(monkeypatch):
    given(monkeypatch)
    (found,) = estimate([tiny(find("VIVI-Ex(4)"))], device=CPU)
    record = found.as_json()
    assert record["hours"] == pytest.approx(128 * 700 / 3600)
    assert (record["pictures"], record["fits"], record["chunks"]) == (700 * 256, True, 1)
    assert record["basis"] == "forward and backward of 2 pictures of 48 px in 1.00 s"
