"""The rows of the table of methods, in the order in which they are run, and what the paper leads one to expect."""

import dataclasses
from collections.abc import Callable
from functools import partial

from vivi.core.config import override
from vivi.core.errors import ConfigError
from vivi.experiment import Experiment, Level
from vivi.nn.resnet_v2 import ResNetV2
from vivi.objectives.rotation import Rotation
from vivi.presets import PRESETS, changed, find, for_classes, tiny

PLAIN = "Ex-YT-F without grey-scale and standardisation"
GROUP_NORM = "VIVI-Ex(4) with group norm"
CO_PLAIN = "VIVI-Ex(4)-Co(100%) without HSV noise"
CO_BATCH_NORM = "VIVI-Ex(4)-Co(100%) without HSV noise, with batch norm"
LITTLE = "VIVI-Ex(4) with a tenth of lambda"
ROWS = (
    "Ex-YT-F", PLAIN, "Ex-YT-S", "VIVI-Ex(2)-Order", "VIVI-Ex(2)", "VIVI-Ex(4)", "Rot-YT-F", "VIVI-Rot(2)",
    "VIVI-Rot(4)", "VIVI-Ex(4)-Co(10%)", "VIVI-Ex(4)-Co(100%)", GROUP_NORM, LITTLE, CO_PLAIN, CO_BATCH_NORM, "Sup-100%",
    "Sup-10%", "Sup-Rot-100%", "Semi-Ex-10%", "Ex-ImageNet", "Rot-ImageNet", "Ex-YT-F-AA", "Ex-YT-S-AA",
    "VIVI-Ex(4)-AA", "Rot-YT-F-AA", "VIVI-Rot(4)-AA", "VIVI-Rot(2)-Order", "VIVI-Rot(4)-Order", "VIVI-Jigsaw(4)",
    "VIVI-Patch(4)", "VIVI-Ex(4)-Big", "VIVI-Ex(4)-Big-AA", "VIVI-Ex(4)-Co(100%)-Big",
)  # fmt: skip
"""Every preset and the rows of ours; the most important first, the most expensive last."""
RANDOM = "random weights"
HYPOTHESES: dict[str, tuple[tuple[str, str], ...]] = {
    "Shots above frames": (("Ex-YT-S", "Ex-YT-F"), ("Ex-YT-S", PLAIN)),
    "Videos above shots": (
        ("VIVI-Ex(2)-Order", "Ex-YT-S"),
        ("VIVI-Ex(2)", "Ex-YT-S"),
        ("VIVI-Ex(4)", "Ex-YT-S"),
        ("VIVI-Ex(4)", "VIVI-Ex(2)"),
        ("VIVI-Ex(4)", "Ex-YT-F"),
    ),
    "Less of the video level": ((LITTLE, "VIVI-Ex(4)"), (LITTLE, "Ex-YT-S"), ("VIVI-Ex(4)", "Ex-YT-S")),
    "Rotation alike": (
        ("VIVI-Rot(2)", "Rot-YT-F"),
        ("VIVI-Rot(4)", "Rot-YT-F"),
        ("VIVI-Rot(4)", "VIVI-Rot(2)"),
        ("VIVI-Rot(2)", "VIVI-Rot(2)-Order"),
        ("VIVI-Rot(4)", "VIVI-Rot(4)-Order"),
        ("Rot-ImageNet", "Rot-YT-F"),
    ),
    "Co-training on top": (
        ("VIVI-Ex(4)-Co(10%)", "VIVI-Ex(4)"),
        ("VIVI-Ex(4)-Co(100%)", "VIVI-Ex(4)-Co(10%)"),
        ("VIVI-Ex(4)-Co(10%)", "Sup-10%"),
        ("VIVI-Ex(4)-Co(100%)", "Sup-100%"),
        ("VIVI-Ex(4)-Co(10%)", "Semi-Ex-10%"),
        ("Semi-Ex-10%", "Sup-10%"),
        ("Sup-Rot-100%", "Sup-100%"),
    ),
    "Co-training, norm and noise apart": (
        (CO_BATCH_NORM, "VIVI-Ex(4)"),
        (CO_BATCH_NORM, "Sup-100%"),
        (CO_PLAIN, GROUP_NORM),
        (CO_PLAIN, "Sup-100%"),
        (CO_PLAIN, "VIVI-Ex(4)-Co(100%)"),
        ("VIVI-Ex(4)", GROUP_NORM),
    ),
    "AutoAugment on top": tuple(
        (f"{row}-AA", row) for row in ("Ex-YT-F", "Ex-YT-S", "VIVI-Ex(4)", "VIVI-Ex(4)-Big", "Rot-YT-F", "VIVI-Rot(4)")
    ),
    "Width on top": (
        ("VIVI-Ex(4)-Big", "VIVI-Ex(4)"),
        ("VIVI-Ex(4)-Big-AA", "VIVI-Ex(4)-AA"),
        ("VIVI-Ex(4)-Co(100%)-Big", "VIVI-Ex(4)-Co(100%)"),
    ),
    "Anything learned at all": tuple(
        (row, RANDOM) for row in ("Ex-YT-F", "Ex-YT-S", "VIVI-Ex(4)", "Rot-YT-F", "VIVI-Rot(4)", "Ex-ImageNet")
    ),
}
"""Pairs (better, worse) as the paper has them (sections 5.1 and 5.2, Tables 1 and 2, Figure 3)."""


def check_rows(names: list[str]) -> tuple[str, ...]:
    """Those rows in the order of ROWS; all of them for no names.

    Raises:
        ConfigError: no such row.
    """
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise ConfigError(f"--presets {unknown[0]!r}: there is no such row; legal: {', '.join(ROWS)}")
    return tuple(row for row in ROWS if row in names) if names else ROWS


def experiment_of(row: str, *, classes: int, seed: int, steps: int) -> Experiment:
    """The tiny experiment of a row, with a classifier for so many classes."""
    base = OURS[row]() if row in OURS else find(row)
    base = dataclasses.replace(base, name=row)
    return changed(tiny(for_classes(base, classes)), assignments=[f"seed={seed}", *AFTER.get(row, ())], steps=steps)


def plain_frames() -> Experiment:
    """With the augmentation of Ex-YT-S, so that the two differ in the frames alone."""
    return dataclasses.replace(find("Ex-YT-F"), augmentation=find("Ex-YT-S").augmentation)


def with_group_norm() -> Experiment:
    """With the norm of the co-trained models."""
    return override(find("VIVI-Ex(4)"), ["encoder.norm=GroupNormWS", "norm_group=1"])


def co_without_noise() -> Experiment:
    """With the colours of VIVI-Ex(4)."""
    experiment, colour = find("VIVI-Ex(4)-Co(100%)"), find("VIVI-Ex(4)").augmentation.colour
    assert experiment.labelled is not None
    augmentation = dataclasses.replace(experiment.augmentation, colour=colour)
    labelled = dataclasses.replace(experiment.labelled, augmentation=augmentation)
    return dataclasses.replace(experiment, augmentation=augmentation, labelled=labelled)


def co_with_batch_norm() -> Experiment:
    """With the colours and the norm of VIVI-Ex(4)."""
    group = find("VIVI-Ex(4)").norm_group
    changes = ["encoder.norm=BatchNorm", f"norm_group={group}", f"labelled.norm_group={group}"]
    return override(co_without_noise(), changes)


OURS: dict[str, Callable[[], Experiment]] = {
    PLAIN: plain_frames,
    GROUP_NORM: with_group_norm,
    CO_PLAIN: co_without_noise,
    LITTLE: partial(find, "VIVI-Ex(4)"),
    CO_BATCH_NORM: co_with_batch_norm,
}
"""Rows that the paper does not have: each differs from its neighbours in one thing."""
AFTER: dict[str, tuple[str, ...]] = {LITTLE: ("video_levels.0.weight=0.2",)}
"""Of these rows, what is changed in the tiny form."""


def network_of(experiment: Experiment) -> str:
    """The kind of network, by which random twins are told apart."""
    assert isinstance(experiment.encoder, ResNetV2)
    return f"{type(experiment.encoder.norm).__name__}, width {experiment.encoder.width:g}"


def work_of(experiment: Experiment) -> float:
    """About how much a step costs: pictures that are encoded; three times the width was measured to cost 5.3 times."""
    assert isinstance(experiment.encoder, ResNetV2)
    frames = experiment.frames_per_step * (4 if _turns(experiment.frame_levels) else 1)
    images = experiment.images_per_step * (4 if _turns(experiment.image_levels) else 1)
    return (frames + images) * float(experiment.encoder.width**1.5)


def _turns(levels: tuple[Level, ...]) -> bool:
    return any(isinstance(level.objective, Rotation) for level in levels)


assert set(ROWS) == {*PRESETS, *OURS}, "a preset has no row"
