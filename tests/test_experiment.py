"""Cross-checks name the fields and the legal values; every preset survives a trip through JSON."""

import json
import re

import pytest

from vivi.core.config import dump, fingerprint, load, override
from vivi.core.errors import ConfigError
from vivi.experiment import Experiment
from vivi.model import chance_levels, named_levels
from vivi.presets import PRESETS, changed, find

UNSUPERVISED = [name for name, preset in PRESETS.items() if not preset.build().image_levels]
EXEMPLARS = ("Ex-ImageNet", "Ex-YT-F", "Ex-YT-S", "VIVI-Ex(2)", "VIVI-Ex(2)-Order", "VIVI-Ex(4)", "VIVI-Ex(4)-Big")
SHOTS = ("VIVI-Rot(2)", "VIVI-Rot(4)", "VIVI-Rot(2)-Order", "VIVI-Rot(4)-Order", "VIVI-Rot(4)-AA")


@pytest.mark.parametrize("name", UNSUPERVISED)
def test_the_papers_numbers(name: str) -> None:
    experiment = find(name)
    assert experiment.shots_per_step == 2048
    assert (experiment.optimiser.learning_rate, experiment.optimiser.momentum) == (0.8, 0.9)
    assert (experiment.schedule.steps, experiment.schedule.decays) == (120_000, (90_000, 110_000))
    assert experiment.augmentation.crop.size == 224
    assert experiment.encoder.feature_dim == (6144 if "-Big" in name else 2048)


@pytest.mark.parametrize("name", PRESETS)
def test_a_name_says_what_is_in_it(name: str) -> None:
    """K, the losses, the data, the norm and the policy of every preset, read off its name alone."""
    experiment = find(name)
    text = json.dumps(dump(experiment))
    if (shots := re.match(r"VIVI-\w+\((\d)\)", name)) is not None:
        assert experiment.sampling.shots == int(shots[1])
    assert ("Rotation" in text) == ("Rot" in name)
    assert ("exemplar" in text) == ("Ex-" in name or "Ex(" in name)
    assert ("ShotOrder" in text) == ("-Order" in name)
    assert ("InfoNCE" in text) == (name.startswith("VIVI") and "-Order" not in name)
    assert ("LSTM" in text) == ("InfoNCE" in text and "(4)" in name)
    assert ("GroupNormWS" in text) == ("-Co(" in name)
    assert ("Supervised" in text) == any(mark in name for mark in ("-Co(", "Sup-", "Semi-"))
    assert ("AutoAugment" in text) == ("-AA" in name or (name.endswith(")-Big") and "-Co(" in name))
    assert ("HSVNoise" in text) == ("-Co(" in name or "Semi-" in name)
    assert ("SingleImages" in text) == ("-ImageNet" in name or "Semi-" in name)
    assert experiment.encoder.width == (3 if "-Big" in name else 1)
    if experiment.labelled is not None:
        assert experiment.labelled.share == (0.1 if "10%" in name else 1.0)


def test_frames_of_a_shot() -> None:
    assert {name: find(name).sampling.frames for name in EXEMPLARS} == dict.fromkeys(EXEMPLARS, 8)
    assert {name: find(name).sampling.frames for name in SHOTS} == dict.fromkeys(SHOTS, 4)
    assert find("VIVI-Ex(4)").frames_per_step == 16_384
    assert find("VIVI-Rot(4)").frames_per_step == 8_192


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


def test_a_class_is_named_and_then_its_fields() -> None:
    other = override(find("VIVI-Ex(4)"), ["pooling=AttentionPooling", "pooling.hidden=4"])
    assert dump(other)["pooling"] == {"class": "vivi.nn.pooling:AttentionPooling", "hidden": 4}
    task = override(find("VIVI-Ex(4)"), ["frame_levels.0.objective=Rotation", "sampling.frames=4"])
    assert list(named_levels(task)) == ["frame/rotation", "video/infonce"]
    with pytest.raises(ConfigError, match=r"encoder=TimmModel: TimmModel has no default for .name.: set it too"):
        override(find("VIVI-Ex(4)"), ["encoder=TimmModel"])
    noisy = override(find("VIVI-Ex(4)"), ['augmentation.colour=["HSVNoise", "GreyScale"]'])
    assert [type(each).__name__ for each in noisy.augmentation.colour] == ["HSVNoise", "GreyScale"]
    assert override(find("VIVI-Ex(4)"), ["augmentation.colour=[]"]).augmentation.colour == ()
    with pytest.raises(ConfigError, match=r"write a list of names, as in .*; legal: InceptionColour, .*HSVNoise"):
        override(find("VIVI-Ex(4)"), ["augmentation.colour=Blur"])
    with pytest.raises(ConfigError, match=r"labelled.share=1: there is none in this experiment"):
        override(find("VIVI-Ex(4)"), ["labelled.share=1"])
    with pytest.raises(ConfigError, match=r"or name another class: (?=.*SlimResNetV2)(?=.*TimmModel)"):
        override(find("VIVI-Ex(4)"), ["encoder=LeNet"])


def test_a_changed_experiment_says_so_in_its_name() -> None:
    experiment = find("Ex-YT-S")
    assert changed(experiment).name == "Ex-YT-S"
    assert changed(experiment, assignments=["seed=0"]).name == "Ex-YT-S"
    assert changed(experiment, assignments=["seed=1"]).name == "Ex-YT-S"
    assert changed(experiment, assignments=["seed=1", "norm_group=8"]).name == "Ex-YT-S*"
    stretched = changed(experiment, steps=1200)
    assert (stretched.name, stretched.schedule.decays) == ("Ex-YT-S*", (900, 1100))


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'VIVI-Ex\(4\)'\? `vivi presets` lists all"):
        find("VIVI-Ex4")
    assert find("vivi-ex(4)") == find("VIVI-Ex(4)")


@pytest.mark.parametrize("name", ["VIVI-Ex(4)-Tiny", "vivi-ex(4)-tiny*"])
def test_the_name_of_a_tiny_run_is_told_what_it_is_made_of(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is no preset: give 'VIVI-Ex\(4\)' and, to shrink it, --tiny"):
        find(name)


def test_a_run_without_levels_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one level is needed"):
        load(dump(find("Ex-YT-S")) | {"frame_levels": []}, Experiment)


def test_image_levels_and_labelled_images_belong_together() -> None:
    co = dump(find("VIVI-Ex(4)-Co(10%)"))
    for missing in ("image_levels", "labelled"):
        empty: object = [] if missing == "image_levels" else None
        with pytest.raises(ConfigError, match="labelled, image_levels: give both or neither"):
            load(co | {missing: empty}, Experiment)


@pytest.mark.parametrize(
    ("preset", "assignment", "message"),
    [
        ("VIVI-Ex(4)-Co(10%)", "labelled.norm_group=7", "labelled.norm_group: 7 does not divide the 256 images"),
        ("Semi-Ex-10%", "labelled.share=0", "greater than 0|share"),
        ("Sup-100%", "image_levels.0.group=7", "group: 7 does not divide the 256 images"),
        ("VIVI-Ex(2)-Order", "sampling.shots=1", "ShotOrder needs sampling with at least 2 shots"),
        ("VIVI-Ex(4)", "video_levels.0.objective.predictor.ahead=4", "InfoNCE needs sampling with at least 5 shots"),
        ("VIVI-Jigsaw(4)", "augmentation.crop.size=96", "Jigsaw needs at least 192"),
    ],
)
def test_cross_checks_of_all_floors(preset: str, assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        override(find(preset), [assignment])
