"""Every preset is complete: it keeps its name, survives being saved, and builds."""

import pytest
import torch

from vivi.core.config import dump, fingerprint, load, override
from vivi.experiment import Experiment
from vivi.model import VIVI
from vivi.presets import PRESETS, find, tiny

EVERY = [*((name, find) for name in PRESETS), *((name, lambda each: tiny(find(each))) for name in PRESETS)]


@pytest.mark.parametrize(("name", "build"), EVERY)
def test_a_preset_round_trips(name, build):
    experiment = build(name)
    again = load(dump(experiment), Experiment)
    assert again == experiment
    assert fingerprint(again) == fingerprint(experiment)
    assert fingerprint(override(experiment, ["seed=12345"])) != fingerprint(experiment)


def test_presets_keep_their_names_apart():
    assert [find(name).name for name in PRESETS] == list(PRESETS)
    assert len({fingerprint(build(name)) for name, build in EVERY}) == len(EVERY)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_builds(name):
    with torch.device("meta"):
        full = VIVI(find(name))
    small = VIVI(tiny(find(name)))
    # counted by hand: ResNet-50, plain and three times as wide
    assert sum(value.numel() for value in full.encoder.parameters()) == (211_174_080 if "-Big" in name else 23_500_352)
    assert [key for key, _ in small.named_children()] == [key for key, _ in full.named_children()]
    assert set(full.levels) == set(small.levels)
