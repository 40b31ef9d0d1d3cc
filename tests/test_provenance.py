"""Every value of every preset has an origin, no origin is left over, and docs/defaults.md says the same."""

import dataclasses
import importlib
import inspect
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vivi.console.learning import show_explained
from vivi.core.config import override
from vivi.core.errors import ConfigError
from vivi.data.augment import ColourTransform
from vivi.data.clips import Sampling
from vivi.experiment import Experiment
from vivi.nn.encoder import Encoder
from vivi.nn.heads import Predictor
from vivi.nn.norm import Norm
from vivi.nn.pooling import Pooling
from vivi.objectives.base import ObjectiveConfig
from vivi.presets import PRESETS, changed, find, for_classes, tiny
from vivi.presets.cases import Place
from vivi.presets.origins import ANYTHING, ORIGINS, Origin
from vivi.presets.page import BEGIN, gallery, tables, updated, values_of_origins
from vivi.presets.provenance import Explained, explained, leaves, origin

ROOT = Path(__file__).resolve().parents[1]
CHOICES = (Sampling, ColourTransform, Encoder, Norm, Pooling, ObjectiveConfig, Predictor)
EVERYWHERE = [*(find(name) for name in PRESETS), *(tiny(find(name)) for name in PRESETS)]


def said(experiment: Experiment) -> dict[str, Explained]:
    return {each.path: each for each in explained(experiment)}


def settable(data: Any, path: str = "") -> list[str]:
    """The paths of all leaves, by a walk of its own over the fields."""
    if dataclasses.is_dataclass(data):
        return [
            each
            for field in dataclasses.fields(data)
            for each in settable(getattr(data, field.name), f"{path}.{field.name}")
        ]
    if isinstance(data, tuple) and any(dataclasses.is_dataclass(each) for each in data):
        return [below for number, each in enumerate(data) for below in settable(each, f"{path}.{number}")]
    return [path.lstrip(".")]


def concrete(base: type) -> set[type]:
    below = {each for child in base.__subclasses__() for each in concrete(child)}
    return below if inspect.isabstract(base) else {base, *below}


@pytest.mark.parametrize("experiment", EVERYWHERE, ids=lambda each: each.name)
def test_every_value_of_a_preset_is_explained(experiment: Experiment) -> None:
    values = explained(experiment)
    assert set(settable(experiment)) <= {each.path for each in values}
    assert len({each.path for each in values}) == len(values)
    assert all(each.note for each in values)
    assert {each.whose for each in values} <= {"paper", "ancestor", "inferred", "ours", "unused"}


@pytest.mark.parametrize("name", PRESETS)
def test_the_paths_and_values_are_those_of_set(name: str) -> None:
    """Setting each value to what is printed gives the same experiment."""
    experiment = find(name)
    simple = [each for each in explained(experiment) if each.path in settable(experiment)]
    assert override(experiment, [f"{each.path}={each.value}" for each in simple]) == experiment
    assert len(simple) > 30


def test_every_class_that_can_be_chosen_has_an_origin() -> None:
    for room in ("data", "nn", "objectives"):  # what is not imported has no subclasses
        for file in (ROOT / "src/vivi" / room).glob("*.py"):
            importlib.import_module(f"vivi.{room}.{file.stem}")
    shown = (*EVERYWHERE, *gallery())
    met = {leaf.value for each in shown for leaf in leaves(each, beside=each)}
    classes = {each for base in CHOICES for each in concrete(base) if each.__module__.startswith("vivi.")}
    assert {each.__name__ for each in classes} - met == set()
    for each in shown:
        for leaf in leaves(each, beside=each):
            origin(leaf, place=Place(find(each.name.removesuffix("-Tiny")), each, leaf.path, leaf.owner))


def test_no_origin_is_left_over() -> None:
    """Each stands for a field or class that there is, and some preset (or the gallery of other classes) needs it."""
    rows = [row for part in ORIGINS.values() for row in part]
    assert len(rows) > 150
    used = values_of_origins()
    assert [row for row in rows if row not in used] == []
    assert len(set(rows)) == len(rows)
    keys = {key for each in (*EVERYWHERE, *gallery()) for leaf in leaves(each, beside=each) for key in leaf.keys}
    assert {row.key for row in rows} - keys == {ANYTHING}


def test_a_value_without_an_origin_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {title: tuple(row for row in rows if row.key != "SGD.momentum") for title, rows in ORIGINS.items()}
    monkeypatch.setattr("vivi.presets.provenance.ORIGINS", kept)
    with pytest.raises(LookupError, match=r"optimiser\.momentum: no origin is known for any of SGD\.momentum"):
        explained(find("Ex-YT-S"))


@pytest.mark.parametrize(
    ("name", "path", "whose"),
    [
        ("VIVI-Ex(4)", "samples_per_step", "paper"),
        ("VIVI-Ex(4)", "sampling.frames", "paper"),
        ("VIVI-Rot(4)", "sampling.frames", "paper"),
        ("VIVI-Jigsaw(4)", "sampling.frames", "ours"),
        ("VIVI-Ex(4)", "frame_levels.0.weight", "paper"),
        ("VIVI-Ex(4)", "video_levels.0.weight", "ours"),
        ("VIVI-Ex(4)-Co(10%)", "image_levels.0.weight", "ours"),
        ("VIVI-Ex(4)", "video_levels.0.objective.predictor.hidden", "paper"),
        ("VIVI-Ex(4)", "video_levels.0.objective.predictor.layers", "ours"),
        ("VIVI-Ex(2)", "video_levels.0.objective.predictor.output", "ours"),
        ("VIVI-Ex(4)", "video_levels.0.objective.projection", "ours"),
        ("VIVI-Ex(4)", "frame_levels.0.objective.margin", "inferred"),
        ("Ex-ImageNet", "frame_levels.0.objective.margin", "ancestor"),
        ("VIVI-Ex(2)-Order", "video_levels.0.objective.hidden", "paper"),
        ("Ex-YT-F", "augmentation.colour.0", "ancestor"),
        ("Ex-YT-F", "augmentation.standardise", "ancestor"),
        ("VIVI-Ex(4)", "augmentation.standardise", "inferred"),
        ("VIVI-Ex(4)-AA", "augmentation.colour.0", "ours"),
        ("VIVI-Ex(4)-Co(10%)", "labelled.augmentation.colour.1", "inferred"),
        ("VIVI-Ex(4)-Co(10%)", "augmentation.colour.1", "ours"),
        ("VIVI-Ex(4)-Co(100%)", "labelled.augmentation.colour.1", "ours"),
        ("VIVI-Ex(4)-Co(100%)", "augmentation.colour.1", "ours"),
        ("VIVI-Ex(4)-Co(100%)-Big", "labelled.augmentation.colour.0", "ours"),
        ("VIVI-Ex(4)-Co(10%)", "samples_per_step", "ours"),
        ("VIVI-Ex(4)-Co(10%)", "schedule.steps", "paper"),
        ("VIVI-Ex(4)-Co(10%)", "schedule.decays", "ours"),
        ("VIVI-Ex(4)-Co(10%)", "encoder.norm", "paper"),
        ("VIVI-Ex(4)-Co(10%)", "encoder.norm.groups", "ours"),
        ("VIVI-Ex(4)-Co(10%)", "norm_group", "unused"),
        ("VIVI-Ex(4)", "schedule.warmup", "ours"),
        ("VIVI-Ex(4)", "schedule.decays", "paper"),
        ("Ex-YT-F", "schedule.decays", "inferred"),
        ("Sup-100%", "schedule.steps", "ancestor"),
        ("Sup-Rot-100%", "schedule.steps", "ours"),
        ("Sup-10%", "optimiser.weight_decay", "ancestor"),
        ("Sup-100%", "sampling.shots", "unused"),
        ("Semi-Ex-10%", "samples_per_step", "ancestor"),
        ("VIVI-Rot(4)", "frame_levels.0.objective.pool", "ours"),
        ("Rot-ImageNet", "frame_levels.0.objective.pool", "unused"),
        ("VIVI-Ex(4)-Big", "encoder.width", "paper"),
        ("VIVI-Ex(4)", "encoder.norm.eps", "ancestor"),
    ],
)
def test_whose_it_is(name: str, path: str, whose: str) -> None:
    assert said(find(name))[path].whose == whose


def test_what_tiny_changes_is_ours() -> None:
    small, full = tiny(find("VIVI-Ex(4)")), said(find("VIVI-Ex(4)"))
    for path, value in said(small).items():
        if path != "name" and value.value != full[path].value:
            assert (value.whose, value.note) == ("ours", f"tiny: {full[path].value} in VIVI-Ex(4)")
    assert said(small)["optimiser.learning_rate"].whose == "ours"
    assert said(small)["optimiser.momentum"].whose == "paper"


def test_what_the_user_changes_is_theirs() -> None:
    new = changed(find("VIVI-Ex(4)"), assignments=["optimiser.momentum=0.5", "encoder.norm=GroupNormWS"], steps=12_000)
    values = said(new)
    theirs = {path for path, each in values.items() if each.whose == "yours"}
    assert theirs == {
        "name", "optimiser.momentum", "encoder.norm", "schedule.steps", "schedule.warmup", "schedule.decays",
    }  # fmt: skip
    assert values["optimiser.momentum"].note == "changed: 0.9 in VIVI-Ex(4)"
    assert values["encoder.norm.groups"].whose == "ours"
    assert values["norm_group"].whose == "unused"
    both = changed(tiny(find("Sup-100%")), assignments=["seed=3"])
    assert {path for path, each in said(both).items() if each.whose == "yours"} == {"seed"}
    assert said(for_classes(find("Sup-100%"), 4))["image_levels.0.objective.classes"].whose == "yours"


def test_nothing_is_claimed_of_an_experiment_with_another_name() -> None:
    with pytest.raises(ConfigError, match="'mine' is not the name of a preset"):
        explained(dataclasses.replace(find("Ex-YT-S"), name="mine"))


def test_the_documents_tables_are_those_of_the_program() -> None:
    page = (ROOT / "docs/defaults.md").read_text()
    assert updated(page) == page, f"the tables are out of date: {BEGIN}"
    for row in values_of_origins():
        assert row.note in page
    assert "|  |  |  |" not in tables()
    with pytest.raises(ValueError, match="no tables"):
        updated("# Defaults\n")


def test_what_the_document_says_by_hand() -> None:
    """The sentences about tiny and the sweep name the values that there are."""
    page = (ROOT / "docs/defaults.md").read_text()
    small = tiny(find("VIVI-Ex(4)"))
    assert f"{small.schedule.steps} steps" in page
    assert f"rate {small.optimiser.learning_rate:g}" in page
    assert f"lambda {small.video_levels[0].weight:g} for InfoNCE" in page
    assert re.search(r"\b64\s+shots of 4 frames a step", page)
    assert (small.shots_per_step, small.sampling.frames, tiny(find("VIVI-Rot(4)")).sampling.frames) == (64, 4, 2)


def test_a_pipe_gets_a_line_for_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    experiment = find("VIVI-Ex(4)-Co(10%)")
    show_explained(experiment)
    *lines, last, legend = capsys.readouterr().out.splitlines()
    values = explained(experiment)
    assert len(lines) == len(values)
    for line, value in zip(lines, values, strict=True):
        assert re.split(r"  +", line, maxsplit=3) == [value.path, value.value, value.whose, value.note]
    counts = Counter(each.whose for each in values)
    assert "S4L: google-research/s4l" in legend
    assert last.startswith(f"{len(values)} values: ")
    assert all(f"{count} {whose}" in last for whose, count in counts.items())


def test_origins_are_told_apart_by_their_places() -> None:
    row = Origin("ours", "Level.weight", "", at=("video_levels",))
    preset = find("VIVI-Ex(4)")
    inside, beside = (Place(preset, preset, path, None) for path in ("video_levels.0.weight", "video_levels_2.weight"))
    assert row.fits(("Level.weight",), inside)
    assert not row.fits(("Level.weight",), beside)
    assert not row.fits(("Level.group",), inside)
