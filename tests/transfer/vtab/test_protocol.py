"""What VTAB's versions learn from and select on, and how a setting is chosen."""

import itertools

import pytest
from tests.reference.tiny_tasks import listed, opened

from vivi.core.config import build, dump, load, override
from vivi.core.errors import ConfigError, ViviError
from vivi.transfer.vtab.finetune import Precision
from vivi.transfer.vtab.frozen import LogisticSetting, NeighboursSetting
from vivi.transfer.vtab.modes import MODES, FineTuning, LinearProbe, Neighbours
from vivi.transfer.vtab.protocol import Splits, VtabProtocol, chosen_setting
from vivi.transfer.vtab.recipe import SGDSetting


def test_the_defaults_are_vtabs() -> None:
    protocol = VtabProtocol()
    assert [setting.as_json() for setting in protocol.settings] == [
        {"learning_rate": rate, "steps": steps} for rate, steps in itertools.product((0.1, 0.01), (2500, 10_000))
    ]
    recipe = protocol.recipe
    assert (recipe.batch, recipe.momentum, recipe.weight_decay, recipe.warmup) == (512, 0.9, 0.0, 0)
    assert (recipe.decays, recipe.factor, recipe.buffer) == ((0.3, 0.6, 0.9), 0.1, 10_000)
    assert (protocol.repeats, protocol.image_size, protocol.antialias, protocol.shared_setting) == (
        3,
        224,
        False,
        False,
    )
    assert protocol.departures == []


def test_the_versions() -> None:
    two = Splits("train800", "val200", "train800val200", "test")
    one = Splits("train1000", "val", "trainval1000", "test")
    whole = Splits("train", "val", "trainval", "test")
    assert VtabProtocol().splits == two and VtabProtocol(version=1).splits == one
    assert VtabProtocol(examples="full").splits == VtabProtocol(version=1, examples="full").splits == whole


def test_version_1_refuses_lists_that_have_only_200_images_to_select_on() -> None:
    task = opened()
    for protocol in (VtabProtocol(), VtabProtocol(version=1), VtabProtocol(examples="full")):
        protocol.check(task)
    VtabProtocol().check(listed(task))
    with pytest.raises(
        ViviError,
        match=r"cifar: version 1 .*'train1000', which lists of vtab-1k do not .*--version 2 --examples 1000 needs only",
    ):
        VtabProtocol(version=1).check(listed(task))
    with pytest.raises(
        ViviError, match=r"with full examples needs the split 'train', which .*--version 2 --examples 1000"
    ):
        VtabProtocol(examples="full").check(listed(task))


def test_modes_and_what_they_try() -> None:
    swept = VtabProtocol().settings
    assert VtabProtocol(mode=LinearProbe()).settings == (*swept, LogisticSetting())
    assert VtabProtocol(mode=LinearProbe(), examples="full").settings == swept
    (nearest,) = VtabProtocol(mode=Neighbours()).settings
    assert nearest.as_json() == {"neighbours": 20, "temperature": 0.07}
    assert {name: type(mode) for name, mode in MODES.items()} == {
        "finetune": FineTuning,
        "linear": LinearProbe,
        "knn": Neighbours,
    }
    assert VtabProtocol().repeats_of(swept[0]) == 3
    assert VtabProtocol().repeats_of(LogisticSetting()) == VtabProtocol().repeats_of(NeighboursSetting()) == 1


def test_names_of_settings_are_distinct_and_fit_for_files() -> None:
    protocol = VtabProtocol(mode=LinearProbe(), learning_rates=(0.1, 1e-5), steps=(2500, 7))
    names = [setting.name for setting in protocol.settings]
    assert names == ["lr0.1-steps2500", "lr0.1-steps7", "lr1e-05-steps2500", "lr1e-05-steps7", "logistic"]


def test_the_best_on_average_is_chosen_the_first_of_equals() -> None:
    a, b, c = (SGDSetting(rate, 5) for rate in (0.1, 0.2, 0.3))
    scores = {a.name: [0.9, 0.1], b.name: [0.6, 0.6], c.name: [0.6, 0.6]}
    assert chosen_setting(scores, settings=[a, b, c]) == b
    assert chosen_setting(scores, settings=[c, b, a]) == c
    assert chosen_setting({a.name: [0.2], b.name: [0.1]}, settings=[a, b]) == a


def test_configuration_survives_json_and_overrides() -> None:
    protocol = override(VtabProtocol(), ["mode=LinearProbe", "steps=[5,20]", "recipe.batch=4", "examples=full"])
    assert load(dump(protocol), VtabProtocol) == protocol
    assert protocol.mode == LinearProbe() and protocol.examples == "full"
    assert protocol.departures == [
        'mode: "finetune" -> "linear"',
        "steps.0: 2500 -> 5",
        "steps.1: 10000 -> 20",
        "recipe.batch: 512 -> 4",
    ]
    votes = override(VtabProtocol(), ["mode=Neighbours", "steps=[5,20]", "recipe.batch=4", "image_size=64"])
    assert votes.departures == ['mode: "finetune" -> "knn"', "image_size: 224 -> 64"]
    assert override(VtabProtocol(), ["seed=3"]).departures == []  # VTAB has no seed of its own
    plain = override(VtabProtocol(), ["mode.precision.compile=false"])
    assert plain.mode == FineTuning(precision=Precision(compile=False))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"steps": (5, 5)}, "names a value twice"),
        ({"learning_rates": (0.1, 0.10000001)}, "names a value twice, of the first six digits"),
        ({"learning_rates": ()}, "learning_rates"),
        ({"version": 3}, "version"),
        ({"examples": 500}, "examples"),
        ({"repeats": 0}, "repeats"),
    ],
)
def test_illegal_values(values: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        build(VtabProtocol, values, source="test")
