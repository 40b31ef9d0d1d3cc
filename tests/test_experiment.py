"""Cross-checks name the fields and the legal values; every preset survives a trip through JSON."""

import json

import pytest

from vivi.core.config import dump, fingerprint, load, override
from vivi.core.errors import ConfigError
from vivi.experiment import Experiment
from vivi.model import chance_levels, named_levels
from vivi.presets import PRESETS, changed, find, tiny


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("small", [False, True])
def test_every_preset_round_trips(name: str, small: bool) -> None:
    experiment = tiny(find(name)) if small else find(name)
    again = load(json.loads(json.dumps(dump(experiment))), Experiment)
    assert again == experiment
    assert fingerprint(again) == fingerprint(experiment)
    assert experiment.name == (f"{name}-Tiny" if small else name)


def test_the_papers_numbers() -> None:
    for name in PRESETS:
        experiment = find(name)
        assert experiment.shots_per_step == 2048
        assert experiment.frames_per_step == 16_384
        assert (experiment.optimiser.learning_rate, experiment.optimiser.momentum) == (0.8, 0.9)
        assert experiment.schedule.steps == 120_000
        assert experiment.augmentation.crop.size == 224
        assert experiment.encoder.feature_dim == 2048


def test_the_three_methods_differ_in_what_they_say() -> None:
    frame, shot, video = (find(name) for name in ("Ex-YT-F", "Ex-YT-S", "VIVI-Ex(4)"))
    assert frame.frame_levels == shot.frame_levels == video.frame_levels
    assert (frame.video_levels, shot.video_levels) == ((), ())
    assert list(named_levels(video)) == ["frame/exemplar", "video/infonce"]
    assert chance_levels(video)["video/infonce"] == pytest.approx(7.6232, abs=1e-3)  # ln 2045
    assert len({fingerprint(each) for each in (frame, shot, video)}) == 3


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("norm_group=7", "norm_group: 7 does not divide the 2048 shots"),
        ("frame_levels.0.group=24", "group: 24 does not divide the 2048 shots"),
        ("video_levels.0.group=7", "group: 7 does not divide the 512 samples"),
        ("frame_levels.0.group=1", "at least 2 rows"),
        ("frame_levels.0.weight=-1", "must not be negative"),
        ("frame_levels.1.weight=2", "'1' is not a position; legal: 0"),
        ("sampling.shots=1", "at least 2 shots"),
        ("samples_per_step=0", "samples_per_step=0: .* greater than or equal to 1"),
        ("norm_group=0", "norm_group=0: .* greater than or equal to 1"),
        ("sampling.frames=1", "Exemplar compares at least 2 frames of a shot, got 1"),
        ("optimiser.momentum=1", "momentum=1: .* less than 1"),
        (
            "encoder.norm=LayerNorm",
            "set one of its fields: momentum, eps; or name another class: BatchNorm, GroupNormWS",
        ),
        ("encoder.depth=34", "18, 26, 50 or 101"),
        ("optimiser.learning_rate=fast", "valid number"),
        ("optimiser.learnin_rate=1", "did you mean 'learning_rate'"),
        ("optimiser=1", "this is a group; set one of its fields: learning_rate, momentum, weight_decay"),
        ("seed.x=1", "nothing lies below"),
        ("nonsense", "write it as field.field=value"),
    ],
)
def test_bad_assignments_are_explained_in_one_line(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        override(find("VIVI-Ex(4)"), [assignment])
    assert "\n" not in str(error.value)


def test_cross_checks_see_all_assignments_together() -> None:
    both = override(find("VIVI-Ex(4)"), ["samples_per_step=6", "norm_group=8", "frame_levels.0.group=4"])
    assert both.shots_per_step == 24


def test_another_class_is_chosen_by_its_name() -> None:
    other = override(find("VIVI-Ex(4)"), ["encoder.norm=GroupNormWS"])
    assert dump(other)["encoder"]["norm"] == {
        "class": "vivi.nn.norm:GroupNormWS", "groups": 32, "eps": 1e-5, "weight_eps": 1e-10,
    }  # fmt: skip


def test_a_changed_experiment_says_so_in_its_name() -> None:
    experiment = find("Ex-YT-S")
    assert changed(experiment).name == "Ex-YT-S"
    assert changed(experiment, assignments=["seed=0"]).name == "Ex-YT-S"
    assert changed(experiment, assignments=["seed=1"]).name == "Ex-YT-S"
    assert changed(experiment, assignments=["seed=1", "norm_group=8"]).name == "Ex-YT-S*"
    stretched = changed(experiment, steps=1200)
    assert (stretched.name, stretched.schedule.decays) == ("Ex-YT-S*", (900, 1100))


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'VIVI-Ex\(4\)'\? Legal: Ex-YT-F, Ex-YT-S"):
        find("VIVI-Ex4")
    assert find("vivi-ex(4)") == find("VIVI-Ex(4)")


def test_a_run_without_levels_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one level is needed"):
        load(dump(find("Ex-YT-S")) | {"frame_levels": []}, Experiment)
