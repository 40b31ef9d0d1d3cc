"""Shot boundaries found from frames at 1 Hz against annotated ones, beside PySceneDetect at the full frame rate.

    VIVI_REAL_DATA=DATA python benchmarks/shots.py            # DATA/shots/annotations.json
    python benchmarks/shots.py --videos FILM --cuts FILM/cuts.csv --fps 4
    VIVI_REAL_DATA=DATA python benchmarks/shots.py --write cuts.json    # of DATA/shots, for vivi doctor --cuts

A boundary is the number of the sample that begins a shot. A true cut at frame c lies at that frame's own timestamp and
its boundary is the first sample at or behind it; several cuts between two samples are one boundary, and a gradual
transition counts at its middle. Cuts that PySceneDetect finds frame by frame are brought to samples in the same way.
Found and true boundaries are matched one to one, at most --tolerance samples apart. Videos whose annotation comes from
PySceneDetect itself are listed but not scored.

PySceneDetect is no dependency of vivi: pip install scenedetect (or the extra vivi[bench]).
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.files import write_json
from vivi.video.boundaries import BoundaryScore, match_boundaries
from vivi.video.container import open_video
from vivi.video.cuts import read_cuts
from vivi.video.decode import sample_frames
from vivi.video.shots import HistogramShots, Signature, first_frames
from vivi.video.timeline import read_timeline

try:
    import scenedetect
except ImportError:
    scenedetect = None

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class Video:
    """A video with its true boundaries and what we need to find ours at any threshold."""

    name: str
    is_scored: bool
    seconds: list[float]
    signatures: list[Signature]
    true: list[int]
    theirs: Mapping[str, list[int]]

    def ours(self, threshold: float) -> list[int]:
        """The boundaries that vivi finds."""
        return HistogramShots(threshold=threshold).boundaries(self.signatures, seconds=self.seconds, video=self.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="folder of the videos that --cuts names")
    parser.add_argument("--cuts", type=Path, help="known cuts: CSV path,seconds or JSON")
    parser.add_argument("--fps", type=float, default=1.0)
    parser.add_argument("--tolerance", type=int, default=1, help="in samples")
    parser.add_argument("--write", type=Path, help="write the cuts of the videos in DATA/shots as JSON and end")
    given = parser.parse_args()
    if given.write:
        shots = real_data() / "shots"
        known = {name: cuts for name, _, cuts, is_scored in annotated(real_data()) if is_scored}
        write_json(given.write, {name: cuts for name, cuts in known.items() if (shots / name).exists()})
        return
    if scenedetect is None:
        print("PySceneDetect: not installed, its columns are left out (pip install scenedetect)")
    entries = cuts_in_seconds(given.videos, given.cuts) if given.cuts else annotated(real_data())
    videos = [read(*entry, fps=given.fps) for entry in entries]
    detectors: dict[str, Callable[[Video], list[int]]] = {
        f"vivi at {given.fps:g} Hz": lambda video: video.ours(HistogramShots().threshold)
    }
    detectors |= {name: lambda video, name=name: video.theirs[name] for name in DETECTORS if scenedetect is not None}  # type: ignore[misc]
    print_table(videos, detectors, tolerance=given.tolerance)
    print("\nvivi at other thresholds, all scored videos:")
    for threshold in THRESHOLDS:
        score = total(videos, lambda video, threshold=threshold: video.ours(threshold), given.tolerance)  # type: ignore[misc]
        print(f"  {threshold:.1f}{' (default)' if threshold == HistogramShots().threshold else '':10}  {shown(score)}")


def print_table(videos: list[Video], detectors: Mapping[str, Callable[[Video], list[int]]], *, tolerance: int) -> None:
    print(f"precision / recall / F1 (found right, found wrong, missed); tolerance {tolerance} sample")
    print(f"{'video':44} {'samples':>7} {'cuts':>4}  " + "  ".join(f"{name:>30}" for name in detectors))
    for video in videos:
        scores = [match_boundaries(found(video), video.true, tolerance=tolerance) for found in detectors.values()]
        cells = "  ".join(f"{shown(score):>30}" for score in scores)
        name = video.name if video.is_scored else f"({video.name}: not scored)"
        print(f"{name[-44:]:44} {len(video.seconds):7} {len(video.true):4}  {cells}")
    cells = "  ".join(f"{shown(total(videos, found, tolerance)):>30}" for found in detectors.values())
    scored = [video for video in videos if video.is_scored]
    counts = f"{sum(len(video.seconds) for video in scored):7} {sum(len(video.true) for video in scored):4}"
    print(f"{'all scored videos':44} {counts}  {cells}")


def total(videos: list[Video], found: Callable[[Video], list[int]], tolerance: int) -> BoundaryScore:
    scores = [match_boundaries(found(video), video.true, tolerance=tolerance) for video in videos if video.is_scored]
    return sum(scores, start=BoundaryScore())


def shown(score: BoundaryScore) -> str:
    counts = f"({score.true_positives}, {score.false_positives}, {score.false_negatives})"
    return f"{score.precision:.2f} / {score.recall:.2f} / {score.f1:.2f} {counts:>12}"


def read(name: str, file: Path, cuts: list[float], is_scored: bool, *, fps: float) -> Video:
    method = HistogramShots()
    seconds: list[float] = []
    signatures: list[Signature] = []
    for second, image_HWC in sample_frames(file, fps=fps, short_side=256):
        seconds.append(second)
        signatures.append(method.signature(image_HWC))
    theirs = {} if scenedetect is None else {key: pyscenedetect(file, make()) for key, make in DETECTORS.items()}
    return Video(
        name=name,
        is_scored=is_scored,
        seconds=seconds,
        signatures=signatures,
        true=first_frames(seconds, cuts=cuts),
        theirs={key: first_frames(seconds, cuts=found) for key, found in theirs.items()},
    )


DETECTORS: dict[str, Callable[[], Any]] = {
    "PySceneDetect histogram": lambda: scenedetect.HistogramDetector(),
    "PySceneDetect content": lambda: scenedetect.ContentDetector(),
}


def pyscenedetect(file: Path, detector: Any) -> list[float]:
    """Seconds, since the first frame, at which scenes begin that PySceneDetect finds at the full frame rate."""
    video = scenedetect.open_video(str(file), backend="pyav", suppress_output=True)
    manager = scenedetect.SceneManager()
    manager.add_detector(detector)
    manager.detect_scenes(video)
    scenes = manager.get_scene_list(start_in_scene=True)
    return [start.seconds - scenes[0][0].seconds for start, _ in scenes[1:]]


def real_data() -> Path:
    folder = os.environ.get("VIVI_REAL_DATA")
    if folder is None:
        raise SystemExit(
            "set VIVI_REAL_DATA to the folder that holds shots/annotations.json, or give --videos and --cuts"
        )
    return Path(folder)


def cuts_in_seconds(videos: Path | None, cuts: Path) -> list[tuple[str, Path, list[float], bool]]:
    folder = videos or cuts.parent
    return [(name, folder / name, list(times), True) for name, times in read_cuts(cuts).items()]


def annotated(data: Path) -> list[tuple[str, Path, list[float], bool]]:
    """The videos of annotations.json: name, file, seconds of the cuts, whether a person labelled or checked them."""
    notes = json.loads((data / "shots" / "annotations.json").read_text())
    return [
        (name.split("/", 1)[1], data / name, seconds_of_cuts(note, data / name), "PySceneDetect" not in note["source"])
        for name, note in notes.items()
        if name != "_readme"
    ]


def seconds_of_cuts(note: dict[str, Any], file: Path) -> list[float]:
    """From frame numbers to the timestamps of those frames; "window" limits what was annotated and is not used here."""
    if "cuts_seconds" in note:
        return list(note["cuts_seconds"])
    with open_video(file) as video:
        timeline = read_timeline(video, file)
        unit = float(video.stream.time_base or 1)
    shown = sorted(time for time, hidden in zip(timeline.times, timeline.hidden, strict=True) if not hidden)
    numbers = note.get("cuts", note.get("scene_boundaries", [])[1:])
    numbers = [*numbers, *((first + last) // 2 for first, last in note.get("gradual", []))]
    return [(shown[number] - shown[0]) * unit for number in sorted(numbers)]


if __name__ == "__main__":
    main()
