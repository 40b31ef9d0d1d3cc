"""The diagnosis for programs: one JSON file."""

from pathlib import Path
from typing import Any

from vivi import __version__
from vivi.core.files import write_json
from vivi.core.remote import address
from vivi.data.store import ShotStore
from vivi.doctor.examine import Diagnosis
from vivi.doctor.oddities import Oddities, OddShot
from vivi.doctor.shapes import Shapes, Spread
from vivi.doctor.threshold import Threshold
from vivi.video.boundaries import BoundaryScore

FORMAT = "vivi-doctor"
VERSION = 1


def write_record(out: Path, *, diagnosis: Diagnosis) -> None:
    """Write `as_json` to a file.

    Raises:
        ViviError: the disk is full.
    """
    write_json(out, as_json(diagnosis))


def as_json(found: Diagnosis) -> dict[str, Any]:
    """Everything that was found, every path included."""
    store, info = ShotStore.open(found.store), found.ingested.info
    return {
        "format": FORMAT,
        "version": VERSION,
        "vivi": __version__,
        "store": {"path": address(found.store) or str(found.store.resolve()), "digest": found.digest},
        "advice": list(found.advice),
        "videos": {
            "stored": info.num_videos,
            "skipped": info.num_skipped,
            "skipped by reason": found.ingested.reasons,
            "looked at": found.looked,
            "minutes": info.seconds / 60,
            "fps": info.fps,
            "short side": info.short_side,
        },
        "shapes": _shapes(found.shapes),
        "oddities": _oddities(found.oddities),
        "duplicates": {
            "pairs": [
                {
                    "first": store.video_path(pair.first),
                    "second": store.video_path(pair.second),
                    "similarity": round(pair.similarity, 4),
                    "shift seconds": pair.shift / info.fps,
                    "frames matched": pair.matched,
                    "frames compared": pair.compared,
                    "bits different": round(pair.bits, 2),
                }
                for pair in found.duplicates.pairs
            ],
            "groups": [[store.video_path(video) for video in group] for group in found.duplicates.groups],
            "frames in crowded buckets": found.duplicates.crowded,
        },
        "threshold": _threshold(found.threshold),
        "known cuts of the store": None if found.shots.agreement is None else _score(found.shots.agreement.score),
        "estimates": [each.as_json() for each in found.estimates],
    }


def _shapes(shapes: Shapes) -> dict[str, Any]:
    return {
        "shots of a video": _spread(shapes.shots_of_videos),
        "frames of a shot": _spread(shapes.frames_of_shots),
        "videos of one shot": shapes.one_shot,
        "videos left": [{"K": k, "L": n, "videos": count} for (k, n), count in shapes.usable.items()],
        "codecs": dict(shapes.codecs),
        "containers": dict(shapes.containers),
        "sizes": dict(shapes.sizes),
        "frames a second": dict(shapes.rates),
        "smaller than the short side": shapes.smaller,
    }


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "smallest": spread.smallest,
        "median": spread.median,
        "largest": spread.largest,
        "counts": dict(spread.bars),
    }


def _oddities(oddities: Oddities) -> dict[str, Any]:
    return {
        "frames looked at": oddities.frames,
        "black frames": oddities.black_frames,
        "frames like the one before": oddities.still_frames,
        "black shots": [_shot(each) for each in oddities.black_shots],
        "static shots": [_shot(each) for each in oddities.static_shots],
        "borders": [
            {
                "path": each.path,
                "share": round(each.borders.share, 4),
                **{side: getattr(each.borders, side) for side in each.borders.__slots__},
            }
            for each in oddities.bordered
        ],
    }


def _shot(odd: OddShot) -> dict[str, Any]:
    return {"path": odd.path, "shot": odd.shot.index, "start": odd.start, "end": odd.end}


def _threshold(threshold: Threshold) -> dict[str, Any]:
    found, fitted = threshold.split, threshold.fitted
    return {
        "of the store": threshold.now,
        "suggested": threshold.suggested,
        "distances": len(threshold.distances),
        "from distances": None if found is None else {
            "threshold": found.threshold, "separation": found.separation, "above": found.above,
            "trusted": threshold.is_trusted,
        },
        "from known cuts": None if fitted is None else {
            "threshold": fitted.threshold, "videos": threshold.known, **_score(fitted.score),
        },
        "known cuts now": None if threshold.score_now is None else _score(threshold.score_now),
    }  # fmt: skip


def _score(score: BoundaryScore) -> dict[str, float]:
    return {"precision": score.precision, "recall": score.recall, "f1": score.f1}
