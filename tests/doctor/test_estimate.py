"""Estimates: how many pictures a step has, straight lines of memory, and a measured pass of a small encoder."""

import dataclasses

import pytest
import torch

from vivi.core.world import World
from vivi.doctor.estimate import SIZES, Pace, Views, estimate, measure, views_of_a_step
from vivi.nn.resnet_v2 import ResNetV2
from vivi.presets import find, tiny
from vivi.training.chunks import legal_chunks


def test_the_pictures_of_a_step():
    # 2048 shots of 8 frames; rotation shows each of its 4 frames four times
    assert views_of_a_step(find("VIVI-Ex(4)")) == (Views(pictures=2048 * 8, side=224),)
    rotation = find("VIVI-Rot(4)")
    assert views_of_a_step(rotation) == (Views(pictures=2048 * 4 * rotation.sampling.frames, side=224),)
    both = find("VIVI-Ex(4)-Co(10%)")
    assert views_of_a_step(both) == (Views(512 * 8, side=224), Views(256 * both.labelled.views, side=224))
    assert views_of_a_step(tiny(find("VIVI-Ex(4)"))) == (Views(pictures=64 * 4, side=48),)


def test_memory_is_a_straight_line():
    small, large = SIZES
    pace = Pace(pictures=8, seconds=2.0, bytes_small=100 + 10 * small, bytes_large=100 + 10 * large)
    assert pace.bytes_for(50) == 600
    assert pace.seconds_a_picture == 0.25


def test_a_measured_pass(monkeypatch):
    monkeypatch.setattr("vivi.doctor.estimate._MOST_PICTURES", 8)
    encoder = ResNetV2(depth=18, width=0.125)
    pace = measure(encoder, side=32, device=torch.device("cpu"))
    assert pace.seconds > 0
    assert pace.bytes_large > pace.bytes_small > 0
    # every picture keeps at least the 8 x 16 x 16 outputs of the first convolution
    assert pace.bytes_for(100) - pace.bytes_for(50) > 50 * 8 * 16 * 16 * 4


def test_an_estimate_multiplies_what_was_measured(monkeypatch):
    timed = []

    def measured(encoder, *, side, device):
        timed.append((encoder, side))
        return Pace(pictures=2, seconds=1.0, bytes_small=2 * 10**6, bytes_large=4 * 10**6)

    monkeypatch.setattr("vivi.doctor.estimate.measure", measured)
    monkeypatch.setattr("vivi.doctor.estimate.available_bytes", lambda _device: 2 * 10**9)
    ex = tiny(find("VIVI-Ex(4)"))
    other = dataclasses.replace(ex, name="twice as many", samples_per_step=2 * ex.samples_per_step)
    progress = []
    found = estimate([ex, other], device=torch.device("cpu"), progress=lambda *state: progress.append(state))
    assert len(timed) == 1, "an encoder is timed once"
    assert progress == [(0, 2), (1, 2), (2, 2)]
    assert [each.seconds_a_step for each in found] == [128.0, 256.0]
    assert found[0].hours == pytest.approx(128 * 700 / 3600)
    assert (found[0].parts, found[0].most_parts) == (1, max(legal_chunks(ex, world=World.single("cpu"))))
    assert found[0].memory > 256 * 10**6 > found[0].least_memory - found[0].memory


def test_what_does_not_fit_is_split_or_said(monkeypatch):
    pace = Pace(pictures=1, seconds=1.0, bytes_small=2 * 10**6, bytes_large=4 * 10**6)
    monkeypatch.setattr("vivi.doctor.estimate.measure", lambda *_, **__: pace)
    ex = tiny(find("VIVI-Ex(4)"))
    for limit, parts, factor in ((10**12, 1, 1), (2 * 10**8, 2, 4 / 3), (10**6, None, 4 / 3)):
        monkeypatch.setattr("vivi.doctor.estimate.available_bytes", lambda _device, limit=limit: limit)
        (found,) = estimate([ex], device=torch.device("cpu"))
        assert (found.parts, found.seconds_a_step) == (parts, pytest.approx(256 * factor))
