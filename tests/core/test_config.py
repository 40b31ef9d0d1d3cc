"""Configuration trees: saved and loaded without loss, changed by name, and refused with the nearest legal name."""

import dataclasses
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from vivi.core.config import build, config, differences, dump, fingerprint, is_config, load, override
from vivi.core.errors import ConfigError
from vivi.data.clips import ConsecutiveShots, Sampling, SingleShots
from vivi.video.settings import IngestSettings
from vivi.video.shots import FixedWindows, HistogramShots, WholeVideo


@config
class Leaf:
    """A leaf."""

    weight: Annotated[float, Field(ge=0)] = 1.0
    name: str = "leaf"
    steps: int | None = None


@config
class Tree:
    """A tree."""

    leaves: tuple[Leaf, ...] = (Leaf(), Leaf(name="second"))
    leaf: Leaf = Leaf()
    seed: int = 0
    flag: bool = False
    low: int = 1
    high: int = 2

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low: must not exceed high")


def test_a_config_is_frozen_keyword_only_and_closed() -> None:
    leaf = Leaf(weight=2.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        leaf.weight = 3.0  # type: ignore[misc]
    with pytest.raises(Exception, match="positional"):
        Leaf(2.0)  # type: ignore[misc]
    assert is_config(leaf) and not is_config(Leaf) and not is_config(3)

    class Undeclared(Leaf):
        """Not declared with @config."""

    assert not is_config(Undeclared())


def test_what_was_dumped_is_loaded_again() -> None:
    settings = IngestSettings(fps=2.5, shots=HistogramShots(threshold=0.25))
    text = json.dumps(dump(settings))
    assert load(json.loads(text), IngestSettings) == settings
    assert json.loads(text)["shots"]["class"] == "vivi.video.shots:HistogramShots"
    assert load(dump(SingleShots()), Sampling) == SingleShots()  # type: ignore[type-abstract]


@given(
    st.builds(
        IngestSettings,
        fps=st.floats(0.01, 1000),
        short_side=st.integers(16, 8192),
        quality=st.integers(1, 100),
        shots=st.one_of(
            st.builds(HistogramShots, bits=st.integers(1, 5), threshold=st.floats(0, 1)),
            st.builds(FixedWindows, seconds=st.floats(0.1, 100)),
            st.just(WholeVideo()),
        ),
    )
)
def test_any_settings_survive_json_and_have_a_fingerprint_of_their_own(settings: IngestSettings) -> None:
    again = load(json.loads(json.dumps(dump(settings))), IngestSettings)
    assert again == settings
    assert fingerprint(again) == fingerprint(settings)
    assert (fingerprint(settings) == fingerprint(IngestSettings())) == (settings == IngestSettings())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"class": "os:system"}, "here: 'os:system' is not a configuration class"),
        ({"class": "vivi.core.files:write_bytes"}, "is not a configuration class"),
        ({"class": "vivi.data.clips:Clip"}, "is not a configuration class"),
        ({"class": "vivi.no.such:Thing"}, "is not a configuration class"),
        ({"class": "vivi.core.config:dump.__class__"}, "is not a configuration class"),
        ({"fps": 1.0}, "here: None is not a configuration class"),
        ({"class": "vivi.video.shots:WholeVideo"}, "here: expected a IngestSettings, found WholeVideo"),
        ([], "here: expected a IngestSettings, found tuple"),
        ({"class": "vivi.video.settings:IngestSettings", "fsp": 1.0}, "no field 'fsp', did you mean 'fps'?"),
        ({"class": "vivi.video.settings:IngestSettings", "fps": 0}, "here: fps: .*greater than 0, got 0"),
        ({"class": "vivi.video.settings:IngestSettings", "fps": float("nan")}, "here: fps: "),
        ({"class": "vivi.video.settings:IngestSettings", "shots": {"class": "vivi.data.clips:SingleShots"}}, "shots: "),
    ],
)
def test_what_is_no_configuration_of_ours_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(data, IngestSettings, source="here")
    assert "\n" not in str(caught.value)


def test_a_missing_field_and_a_failed_cross_check_are_named() -> None:
    @config
    class Needy:
        """Needs a value."""

        value: int

    with pytest.raises(ConfigError, match="here: Needy has no default for 'value'"):
        build(Needy, {}, source="here")
    with pytest.raises(ConfigError, match=r"here: .*low: must not exceed high"):
        build(Tree, {"low": 3}, source="here")


def test_values_that_are_no_configuration_are_not_dumped() -> None:
    for value in ([1], {"a": 1}, object(), Leaf):
        with pytest.raises(TypeError, match="has no place in a configuration"):
            dump(value)


def test_assignments_change_what_they_name_and_nothing_else() -> None:
    settings = IngestSettings()
    changed = override(settings, ["fps=4", "shots.threshold=0.3", "quality = 80"])
    assert changed == IngestSettings(fps=4.0, quality=80, shots=HistogramShots(threshold=0.3))
    assert settings == IngestSettings()
    assert override(settings, []) is settings
    assert override(settings, "fps=4") == IngestSettings(fps=4.0)
    assert fingerprint(changed) != fingerprint(settings)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("fps", "--set fps: write it as field.field=value"),
        ("=3", "write it as field.field=value"),
        ("fpss=3", "IngestSettings has no field 'fpss', did you mean 'fps'"),
        ("shots.treshold=3", "HistogramShots has no field 'treshold', did you mean 'threshold'"),
        ("shots=none", "this is a group; set one of its fields: "),
        ("fps.x=3", "nothing lies below this value, remove 'x'"),
        ("fps=fast", "--set fps=fast: .*got 'fast'"),
        ("fps=-1", "greater than 0"),
        ("quality=2.5", "--set quality=2.5: "),
        ("quality=101", "less than or equal to 100"),
    ],
)
def test_a_wrong_assignment_is_answered_in_one_line(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        override(IngestSettings(), [assignment])
    assert "\n" not in str(caught.value)


def test_differences_name_the_path_and_both_values() -> None:
    ours, theirs = dump(IngestSettings()), dump(IngestSettings(fps=2.0, shots=WholeVideo()))
    found = differences(ours, theirs)
    assert "fps: 1.0 -> 2.0" in found
    assert "shots.bits: 4 -> null" in found
    assert 'shots.class: "vivi.video.shots:HistogramShots" -> "vivi.video.shots:WholeVideo"' in found
    assert differences(ours, ours) == []
    assert differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == ["a.1.b: 2 -> 3"]
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["a: [1] -> [1, 2]"]


def test_numbers_of_the_right_kind_only() -> None:
    assert override(ConsecutiveShots(), ["shots=2"]).shots == 2
    with pytest.raises(ConfigError, match="shots: must be at least 1"):
        override(ConsecutiveShots(), ["shots=0"])
