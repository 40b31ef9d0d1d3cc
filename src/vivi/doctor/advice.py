"""What to do about it, in sentences: each with the number it stands on and the flag that changes it."""

from dataclasses import dataclass

from vivi.doctor.duplicates import Duplicates
from vivi.doctor.oddities import Oddities
from vivi.doctor.shapes import Shapes
from vivi.doctor.threshold import Threshold
from vivi.report.ingested import Ingested

SHOTS, FRAMES = 4, 8
"""K and L of the paper."""
_RATES = (1.0, 2.0, 4.0, 8.0, 10.0)
_BATCH = 512
"""Videos in a step of the paper."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Fixed windows in the place of found shots."""

    fps: float
    seconds: float
    videos: int
    """That would then have K windows of L frames."""


def advise(
    *, ingested: Ingested, shapes: Shapes, oddities: Oddities, duplicates: Duplicates, threshold: Threshold, looked: int
) -> tuple[str, ...]:
    """The sentences, the most important first.

    Args:
        ingested: what was stored and skipped.
        shapes: of all videos.
        oddities: of those that were looked at.
        duplicates: among those.
        threshold: what their frames suggest.
        looked: how many they are.
    """
    said = [
        *_about_shots(ingested, shapes),
        *_about_skipped(ingested),
        *_about_duplicates(duplicates, looked),
        *_about_borders(oddities, looked),
        *_about_still(oddities),
        *_about_threshold(threshold),
        *_about_sizes(ingested, shapes),
    ]
    return tuple(said) or ("Nothing stands out: the store can be trained on as it is.",)


def _about_shots(ingested: Ingested, shapes: Shapes) -> list[str]:
    videos = ingested.info.num_videos
    usable = shapes.usable[SHOTS, FRAMES]
    said = []
    if 2 * usable < videos:
        text = (
            f"{usable} of {videos} videos have {SHOTS} consecutive shots of at least {FRAMES} frames, which the "
            f"presets with {SHOTS} shots need; {shapes.one_shot} have one shot alone."
        )
        windows = suggested_windows(shapes, fps=ingested.info.fps)
        if windows is not None and windows.videos > usable:
            rate = "" if windows.fps == ingested.info.fps else f"--fps {windows.fps:g} "
            text += (
                f" Fixed windows would leave about {windows.videos}: vivi ingest {rate}--shots {windows.seconds:g}, "
                "but then neighbouring shots may show the same scene."
            )
        else:
            text += " Longer videos would help; fewer frames do too: --set sampling.frames=4."
        said.append(text)
    if usable and usable < _BATCH:
        said.append(
            f"A step of the paper has {_BATCH} videos and {usable} can be used: the same video would stand in a "
            f"step several times. Take a smaller batch: --set samples_per_step=N."
        )
    longest = shapes.frames_of_shots.largest
    if longest > 20 * max(shapes.frames_of_shots.median, 3):
        said.append(
            f"The longest shot has {longest} frames, the median {shapes.frames_of_shots.median:g}: --max-frames "
            "divides long shots, so that their first and last frames are not taken to show the same."
        )
    return said


def suggested_windows(shapes: Shapes, *, fps: float) -> Windows | None:
    """Fixed windows of L frames at the lowest rate, from that of the store, at which most videos have K of them."""
    if not len(shapes.seconds_V):
        return None
    best: Windows | None = None
    for rate in sorted({fps, *(each for each in _RATES if each > fps)}):
        is_long_V = shapes.seconds_V * rate >= SHOTS * FRAMES
        count = int((is_long_V & (shapes.source_fps_V >= rate)).sum())
        if best is None or count > best.videos:
            best = Windows(fps=rate, seconds=FRAMES / rate, videos=count)
        if 2 * count >= len(shapes.seconds_V):
            break
    return best if best is not None and best.videos else None


def _about_skipped(ingested: Ingested) -> list[str]:
    skipped, stored = ingested.info.num_skipped, ingested.info.num_videos
    if 20 * skipped < stored + skipped or not skipped:
        return []
    reasons = ", ".join(f"{reason} {count}" for reason, count in list(ingested.reasons.items())[:4])
    return [f"{skipped} of {stored + skipped} inputs were left out ({reasons}): skipped.csv names each of them."]


def _about_duplicates(duplicates: Duplicates, looked: int) -> list[str]:
    groups = duplicates.groups
    if not groups:
        return []
    surplus = sum(len(group) - 1 for group in groups)
    return [
        f"{surplus} of {looked} videos show what another one shows too ({len(duplicates.pairs)} pairs): InfoNCE would "
        "take them for different videos. Keep one of each group and ingest again; the JSON has their paths."
    ]


def _about_borders(oddities: Oddities, looked: int) -> list[str]:
    if 50 * len(oddities.bordered) < looked or not oddities.bordered:
        return []
    return [
        f"{len(oddities.bordered)} of {looked} videos have black borders: vivi ingest --crop-borders cuts them off, "
        "so that crops do not show the border alone."
    ]


def _about_still(oddities: Oddities) -> list[str]:
    said = []
    if oddities.static_shots:
        said.append(
            f"{len(oddities.static_shots)} shots stand still: their frames teach no invariance that cropping does not."
        )
    if oddities.black_shots:
        said.append(f"{len(oddities.black_shots)} shots are black from end to end.")
    return said


def _about_threshold(threshold: Threshold) -> list[str]:
    suggested = threshold.suggested
    if suggested is None or threshold.now is None or abs(suggested - threshold.now) < 0.1:
        return []
    why = "the known cuts" if threshold.fitted is not None else "the distances between frames"
    return [f"By {why} the threshold would be {suggested:.2f}, not {threshold.now:g}: --threshold {suggested:.2f}."]


def _about_sizes(ingested: Ingested, shapes: Shapes) -> list[str]:
    if 4 * shapes.smaller < ingested.info.num_videos:
        return []
    return [
        f"{shapes.smaller} of {ingested.info.num_videos} videos are smaller than {ingested.info.short_side} pixels; "
        "they were not enlarged."
    ]
