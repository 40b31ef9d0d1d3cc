"""What `--shots` and the flags beside it mean."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from vivi.core.config import build
from vivi.core.errors import ConfigError
from vivi.core.files import sha256_file
from vivi.video.amended import Corrected, EvenlyDivided
from vivi.video.cuts import read_cuts
from vivi.video.every_frame import FullRateShots
from vivi.video.scene_detectors import (
    AdaptiveScenes,
    ContentScenes,
    FadeScenes,
    HashScenes,
    HistogramScenes,
    SceneDetector,
    scenedetect_version,
)
from vivi.video.shots import FixedWindows, HistogramShots, KnownCuts, ShotMethod, WholeVideo

_SCENES: dict[str, type[SceneDetector]] = {
    "content": ContentScenes,
    "adaptive": AdaptiveScenes,
    "threshold": FadeScenes,
    "hash": HashScenes,
    "hist": HistogramScenes,
}
"""PySceneDetect's detectors by the names that its own program has for them."""
_PREFIX = "scenedetect:"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShotFlags:
    """The flags beside `--shots`; None where they are not given."""

    threshold: float | None = None
    """For hist, full and scenedetect: over which a cut is seen."""
    min_frames: int | None = None
    """For hist: the shortest shot."""
    max_frames: int | None = None
    """For any method: the longest shot."""
    corrections: Path | None = None
    """Cuts of some videos that hold whatever the method finds."""


def shot_method(text: str, *, flags: ShotFlags | None = None) -> ShotMethod:
    """What `--shots` says, with the flags beside it.

    Args:
        text: "hist", "full", "none", a number of seconds, "scenedetect:" and a detector, or a file of known cuts.
        flags: those that were given.

    Raises:
        ViviError: none of these, flags that do not go together, or a file that cannot be read.
    """
    flags = flags or ShotFlags()
    method = _method(text, flags)
    if flags.max_frames is not None:
        _check_lengths(flags)
        values = {"method": method, "max_frames": flags.max_frames}
        method = build(EvenlyDivided, values, source=f"--max-frames {flags.max_frames}")
    if flags.corrections is not None:
        read_cuts(flags.corrections)
        method = Corrected(method=method, file=str(flags.corrections), sha256=sha256_file(flags.corrections))
    return method


def _method(text: str, flags: ShotFlags) -> ShotMethod:
    thresholds = {} if flags.threshold is None else {"threshold": flags.threshold}
    if text == "hist":
        shortest = {} if flags.min_frames is None else {"min_frames": flags.min_frames}
        return build(HistogramShots, thresholds | shortest, source=_given(flags))
    if flags.min_frames is not None:
        raise ConfigError(f"--min-frames {flags.min_frames} goes with --shots hist alone, not with --shots {text}")
    if text == "full":
        return build(FullRateShots, thresholds, source=_given(flags))
    if text.startswith(_PREFIX):
        return _scenes(text.removeprefix(_PREFIX), thresholds, source=_given(flags))
    if flags.threshold is not None:
        raise ConfigError(
            f"--threshold {flags.threshold} goes with --shots hist, full or scenedetect alone, not with --shots {text}"
        )
    if text == "none":
        return WholeVideo()
    if (seconds := _number(text)) is not None:
        if not 0 < seconds < math.inf:
            raise ConfigError(f"--shots {text}: a window lasts more than 0 seconds, for example --shots 8")
        return FixedWindows(seconds=seconds)
    return _known(text)


def _scenes(name: str, values: dict[str, Any], *, source: str) -> ShotMethod:
    if name not in _SCENES:
        legal = ", ".join(_PREFIX + each for each in _SCENES)
        raise ConfigError(f"--shots {_PREFIX}{name}: PySceneDetect has no such detector; legal: {legal}")
    return build(_SCENES[name], values | {"version": scenedetect_version()}, source=source)


def _known(text: str) -> KnownCuts:
    if not Path(text).is_file():
        raise ConfigError(
            f"--shots {text!r} is no file; legal: hist (find cuts), full (find cuts at the full frame rate), none (one "
            "shot a video), a number of seconds (fixed windows), scenedetect:content and others, or a file of known "
            "cuts (CSV path,seconds or JSON)"
        )
    read_cuts(Path(text))
    return KnownCuts(file=text, sha256=sha256_file(Path(text)))


def _check_lengths(flags: ShotFlags) -> None:
    """A shot one frame too long becomes two halves, which must not be too short."""
    shortest, longest = flags.min_frames or 1, flags.max_frames or 1
    if longest < 2 * shortest - 1:
        raise ConfigError(
            f"--max-frames {longest} with --min-frames {shortest}: halves of a shot of {longest + 1} frames would be "
            f"too short; give at least --max-frames {2 * shortest - 1}"
        )


def _given(flags: ShotFlags) -> str:
    given = [("threshold", flags.threshold), ("min-frames", flags.min_frames)]
    return " ".join(f"--{name} {value}" for name, value in given if value is not None) or "--shots"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
