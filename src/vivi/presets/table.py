"""All presets by name, in the order of the paper's tables, with a line and a place each."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from vivi.core.errors import ConfigError
from vivi.experiment import Experiment
from vivi.presets.methods import (
    ex_imagenet,
    ex_yt_f,
    ex_yt_s,
    rot_imagenet,
    rot_yt_f,
    semi_ex_10,
    sup_10,
    sup_100,
    sup_rot_100,
    vivi_ex_2,
    vivi_ex_2_order,
    vivi_ex_4,
    vivi_jigsaw_4,
    vivi_patch_4,
    vivi_rot,
)
from vivi.presets.modifiers import autoaugment, big, co


@dataclass(frozen=True, slots=True)
class Preset:
    """One row."""

    build: Callable[[], Experiment]
    about: str
    """What it learns from, in a line."""
    where: str
    """Where the paper names it."""


_AA = "with AutoAugment for Inception's colour"
_PRESETS: tuple[Preset, ...] = (
    Preset(ex_imagenet, "exemplars: an image of a folder, augmented 8 times", "Table 1, Figure 3"),
    Preset(rot_imagenet, "rotation of the images of a folder", "Figure 3"),
    Preset(ex_yt_f, "exemplars: one frame a video, augmented 8 times", "Table 2, Figure 2"),
    Preset(rot_yt_f, "rotation of one frame a video", "Table 2, section 5.1"),
    Preset(ex_yt_s, "exemplars of a shot, no video level", "Table 2, Figure 2"),
    Preset(vivi_ex_2_order, "exemplars of a shot; order of 2 shots", "section 5.1"),
    Preset(vivi_ex_2, "exemplars of a shot; InfoNCE (MLPs), 2 shots", "section 5.1"),
    Preset(vivi_ex_4, "exemplars of a shot; InfoNCE (LSTM), 4 shots", "Tables 1 and 2"),
    Preset(lambda: big(vivi_ex_4()), "VIVI-Ex(4), three times as wide", "Tables 1 and 2"),
    Preset(lambda: vivi_rot(2, order=True), "rotation in a shot; order of 2 shots", "section 5.1"),
    Preset(lambda: vivi_rot(4, order=True), "rotation in a shot; order of 4 shots", "section 5.1"),
    Preset(lambda: vivi_rot(2), "rotation in a shot; InfoNCE (MLPs), 2 shots", "section 5.1"),
    Preset(lambda: vivi_rot(4), "rotation in a shot; InfoNCE (LSTM), 4 shots", "Table 2"),
    Preset(lambda: autoaugment(ex_yt_f()), f"Ex-YT-F {_AA}", "Table 2"),
    Preset(lambda: autoaugment(ex_yt_s()), f"Ex-YT-S {_AA}", "Table 2"),
    Preset(lambda: autoaugment(vivi_ex_4()), f"VIVI-Ex(4) {_AA}", "Table 2"),
    Preset(lambda: autoaugment(big(vivi_ex_4())), f"VIVI-Ex(4)-Big {_AA}", "Table 2"),
    Preset(lambda: autoaugment(rot_yt_f()), f"Rot-YT-F {_AA}", "Table 2"),
    Preset(lambda: autoaugment(vivi_rot(4)), f"VIVI-Rot(4) {_AA}", "Table 2"),
    Preset(lambda: co(vivi_ex_4(), 10), "VIVI-Ex(4) and a tenth of the labelled images", "Table 1"),
    Preset(lambda: co(vivi_ex_4(), 100), "VIVI-Ex(4) and all labelled images", "Table 1"),
    Preset(
        lambda: big(co(vivi_ex_4(), 100)),
        "the same, 3 x as wide, AutoAugment on images",
        "Table 1",
    ),
    Preset(sup_100, "all labelled images", "Table 1"),
    Preset(sup_10, "a tenth of the labelled images", "reference 68"),
    Preset(sup_rot_100, "all labelled images, and their rotation", "Table 1"),
    Preset(semi_ex_10, "a tenth of the labels, exemplars of all images", "Table 1"),
    Preset(vivi_jigsaw_4, "jigsaw puzzles of frames; InfoNCE (LSTM), 4 shots", "no row; 3.1"),
    Preset(vivi_patch_4, "patch location in frames; InfoNCE (LSTM), 4 shots", "no row; 5.1"),
)
PRESETS: dict[str, Preset] = {preset.build().name: preset for preset in _PRESETS}


def find(name: str) -> Experiment:
    """The experiment of that name, in any case.

    Raises:
        ConfigError: no such preset; the text names the nearest and all legal ones.
    """
    by_lower = {each.lower(): each for each in PRESETS}
    if name.lower() in by_lower:
        return PRESETS[by_lower[name.lower()]].build()
    whole, tiny, _ = name.lower().removesuffix("*").rpartition("-tiny")  # as runs are named
    if tiny and whole in by_lower:
        raise ConfigError(f"{name!r} is no preset: give {by_lower[whole]!r} and, to shrink it, --tiny")
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.4)
    hint = f", did you mean {by_lower[near[0]]!r}?" if near else "."
    raise ConfigError(f"there is no preset {name!r}{hint} `vivi presets` lists all {len(PRESETS)}")
