"""Kinds of presets, and of places in them, whose values come from elsewhere than usual."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vivi.data.clips import RepeatedFrame, SingleImages
from vivi.experiment import Experiment, Level
from vivi.nn.norm import GroupNormWS
from vivi.nn.resnet_v2_slim import SlimResNetV2
from vivi.objectives.exemplar import Exemplar
from vivi.objectives.exemplar_hard import BatchHardExemplar
from vivi.objectives.infonce import InfoNCE
from vivi.objectives.patches import PatchTask
from vivi.objectives.rotation import Rotation


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands."""

    preset: Experiment
    """In full size, as the name means it."""
    now: Experiment
    """The experiment that is explained."""
    path: str
    """As --set takes it."""
    owner: Any
    """The configuration that holds the value."""


@dataclass(frozen=True, slots=True)
class Case:
    """A condition, and what to call it."""

    words: str
    holds: Callable[[Place], bool]


def _baseline(preset: Experiment) -> bool:
    return isinstance(preset.sampling, RepeatedFrame | SingleImages) and not preset.image_levels


def _share(preset: Experiment) -> float:
    return 1.0 if preset.labelled is None else preset.labelled.share


def _semi(preset: Experiment) -> bool:
    return preset.uses_videos and bool(preset.image_levels) and isinstance(preset.sampling, SingleImages)


def _co(preset: Experiment) -> bool:
    return preset.uses_videos and bool(preset.image_levels) and not _semi(preset)


def _has(preset: Experiment, kind: type) -> bool:
    return any(isinstance(level.objective, kind) for level in preset.frame_levels)


def _compares_rows(place: Place) -> bool:
    assert isinstance(place.owner, Level)
    return isinstance(place.owner.objective, Exemplar | BatchHardExemplar | InfoNCE)


BASELINE = Case("Ex- and Rot-ImageNet, -YT-F", lambda place: _baseline(place.preset))
ROTATED_BASELINE = Case("Rot-ImageNet, -YT-F", lambda place: _baseline(place.preset) and _has(place.preset, Rotation))
ROTATION = Case("rotation", lambda place: _has(place.preset, Rotation))
PATCHES = Case("jigsaw, patches", lambda place: _has(place.preset, PatchTask))
CO = Case("co-trained", lambda place: _co(place.preset))
CO_SHARE = Case("co-trained, a share of the labels", lambda place: _co(place.preset) and _share(place.preset) < 1)
SEMI = Case("Semi-Ex-10%", lambda place: _semi(place.preset))
LABELS_ALONE = Case("labels alone", lambda place: not place.preset.uses_videos)
SUP_SHARE = Case("Sup-10%", lambda place: not place.preset.uses_videos and _share(place.preset) < 1)
TENTH = Case("Sup-10%, Semi-Ex-10%", lambda place: SEMI.holds(place) or SUP_SHARE.holds(place))
SUP_ROT = Case("Sup-Rot-100%", lambda place: not place.preset.uses_videos and len(place.preset.image_levels) > 1)
NO_VIDEO_LEVEL = Case("no video level", lambda place: not place.now.video_levels)
GROUP_NORM = Case("group norm", lambda place: isinstance(getattr(place.now.encoder, "norm", None), GroupNormWS))
SLIM = Case("SlimResNetV2", lambda place: isinstance(place.now.encoder, SlimResNetV2))
MEAN_OVER_ROWS = Case("a mean over rows", lambda place: not _compares_rows(place))
