"""How stable a classifier's answers are from frame to frame: ImageNet-Vid-Robust (paper, section 5.2, Table 3)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import vivi
from vivi.core.errors import ViviError
from vivi.core.files import check_output, locked, sha256_file, write_json
from vivi.data.image_file import ImageError, decode_rgb, exif_orientation, judged_image, printable, upright
from vivi.data.image_reader import load_ahead, stacked
from vivi.transfer.pictures import centre_crop
from vivi.transfer.robust.benchmark import ANCHORS, Benchmark, Outcome, read_benchmark, score
from vivi.transfer.robust.classes import Columns, match_classes, predicted_classes
from vivi.transfer.robust.frame_classifiers import FrameClassifier, open_classifier
from vivi.transfer.robust.frame_log import FrameLog
from vivi.transfer.robust.predictions_file import ENDINGS, read_predictions

FORMAT, VERSION = "vivi-robustness", 1
CHUNK = 256
"""Frames whose predictions are written together; what an interruption can cost."""
Progress = Callable[[int, int], None]
"""Called with the number of frames done and the number of all."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """What one classifier is worth on the benchmark; `as_json` is what stands in the result file."""

    encoder: dict[str, Any]
    """Name, source, fingerprint, preprocessing, and how its classes were matched."""
    benchmark: Benchmark
    outcome: Outcome
    unanswered: tuple[dict[str, str], ...]
    """Path and reason of every frame without a prediction."""
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON values, with the name and version of the format."""
        frames, outcome = len(self.benchmark.frames), self.outcome
        return {
            "format": FORMAT,
            "version": VERSION,
            "vivi": vivi.__version__,
            "encoder": self.encoder,
            "data": {
                "path": printable(str(self.benchmark.root.resolve())),
                "fingerprint": self.benchmark.fingerprint,
                "anchors": len(self.benchmark.neighbours),
                "frames": frames,
                "is_official": self.benchmark.is_whole,
            },
            "pm0": outcome.pm0.as_json(),
            "pm10": outcome.pm10.as_json(),
            "delta": outcome.delta,
            "unanswered": {
                "frames": len(self.unanswered),
                "anchors": outcome.unanswered_anchors,
                "sets": outcome.unanswered_sets,
                "each": list(self.unanswered),
            },
            "remarks": list(self.remarks),
        }


def judge(
    source: str,
    *,
    data: Path,
    out: Path,
    batch: int = 64,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Robustness:
    """Score a classifier of ImageNet's classes, or predictions that were made elsewhere, and write the result.

    Every frame goes through ImageNet's evaluation transform: shorter side to 256 pixels, centre crop of 224, and in
    proportion for classifiers of another size. Predictions are written to a folder beside the result as they come;
    the same call goes on after an interruption, and tries frames that gave no image again. A frame without a
    prediction counts as wrong and is named in the result.

    Args:
        source: a file of predictions (see `predictions_file`), or a classifier (see `open_classifier`).
        data: the benchmark's folder, see `vid_robust`; a file of predictions needs only its JSON files.
        out: the result, JSON; OUT.frames is the folder of predictions.
        batch: frames at a time.
        device: where to compute.
        progress: called after each batch.

    Raises:
        ViviError: no usable classifier, benchmark or predictions, or not a single frame could be answered.
    """
    check_output(out)
    benchmark = read_benchmark(data)
    if Path(source).suffix.lower() in ENDINGS and not Path(source).is_dir():
        result = _of_file(Path(source), benchmark)
    else:
        classifier = open_classifier(source, device=device)
        folder = out.with_name(f"{out.name}.frames")
        with locked(folder):
            result = _of_classifier(classifier, benchmark, folder=folder, batch=batch, progress=progress)
    write_json(out, result.as_json())
    return result


def _of_file(path: Path, benchmark: Benchmark) -> Robustness:
    predictions, matched = read_predictions(path, groups=benchmark.groups)
    frames = set(benchmark.frames)
    if not frames & set(predictions):
        raise ViviError(
            f"{path} has a prediction for none of the {len(frames)} frames: it names {next(iter(predictions))!r}, the "
            f"benchmark {min(frames)!r}"
        )
    encoder = {
        "name": path.stem,
        "source": printable(str(path.resolve())),
        "fingerprint": sha256_file(path)[:12],
        "preprocessing": "not known: predictions of a file",
        "matched": matched,
    }
    broken = dict.fromkeys(frames - set(predictions), "no prediction in the file")
    return _result(encoder, benchmark, predictions, broken)


def _of_classifier(
    classifier: FrameClassifier, benchmark: Benchmark, *, folder: Path, batch: int, progress: Progress | None
) -> Robustness:
    columns = match_classes(
        benchmark.groups, classes=classifier.classes, outputs=classifier.outputs, whose=classifier.name
    )
    encoder = {
        **{name: getattr(classifier, name) for name in ("name", "source", "fingerprint", "image_size")},
        "preprocessing": classifier.preprocessing,
        "matched": columns.matched,
    }
    of = {"benchmark": benchmark.fingerprint, **{name: value for name, value in encoder.items() if name != "source"}}
    log = FrameLog.open(folder, of=of)
    done, frames = log.read(), benchmark.frames
    todo = [frame for frame in frames if frame not in done]
    broken: dict[str, str] = {}
    fresh: dict[str, int] = {}
    for predicted, failed in _predicted(classifier, columns, root=benchmark.root, frames=todo, batch=batch):
        fresh |= predicted
        broken |= failed
        answered = len(done) + len(fresh) + len(broken)
        if len(fresh) >= CHUNK or (fresh and answered == len(frames)):
            log.append(fresh)
            done, fresh = done | fresh, {}
        if progress is not None:
            progress(answered, len(frames))
    if not done:
        first, reason = min(broken.items())
        raise ViviError(f"{benchmark.root}: none of {len(broken)} frames can be read; the first, {first}: {reason}")
    return _result(encoder, benchmark, done, broken)


def _predicted(
    classifier: FrameClassifier, columns: Columns, *, root: Path, frames: Sequence[str], batch: int
) -> Iterator[tuple[dict[str, int], dict[str, str]]]:
    """For each batch the predicted classes, and the reasons of frames that gave no image."""
    size = classifier.image_size
    files = [root / frame for frame in frames]
    for start, loaded in load_ahead(files, lambda _, file: load_centre(file, size), batch=batch):
        named = dict(zip(frames[start : start + len(loaded)], loaded, strict=True))
        images = {frame: each for frame, each in named.items() if not isinstance(each, ImageError)}
        predicted: dict[str, int] = {}
        if images:
            logits_BC = classifier.logits(stacked(list(images.values()), size=size))
            classes_B = predicted_classes(logits_BC.numpy(), columns)
            predicted = dict(zip(images, classes_B.tolist(), strict=True))
        yield predicted, {frame: each.reason for frame, each in named.items() if isinstance(each, ImageError)}


def load_centre(path: Path, size: int) -> NDArray[np.uint8]:
    """The centre crop of an image file, see `centre_crop`: uint8, RGB, [3, S, S].

    Raises:
        ImageError: the file gives no image.
    """
    with judged_image(path) as (image, data):
        pixels_HWC = decode_rgb(image, data, path=path)
        orientation = exif_orientation(image)
    return np.ascontiguousarray(centre_crop(upright(pixels_HWC, orientation), size).transpose(2, 0, 1))


def _result(
    encoder: dict[str, Any], benchmark: Benchmark, predictions: dict[str, int], broken: dict[str, str]
) -> Robustness:
    outcome = score(benchmark, predictions)
    return Robustness(
        encoder=encoder,
        benchmark=benchmark,
        outcome=outcome,
        unanswered=tuple({"path": printable(frame), "reason": reason} for frame, reason in sorted(broken.items())),
        remarks=tuple(_remarks(benchmark, outcome, unanswered=len(broken))),
    )


def _remarks(benchmark: Benchmark, outcome: Outcome, *, unanswered: int) -> Iterator[str]:
    if not benchmark.is_whole:
        yield f"Not the published benchmark: it has {len(benchmark.neighbours)} anchors here, there {ANCHORS}"
    if unanswered:
        yield (
            f"{unanswered} of {len(benchmark.frames)} frames have no prediction and count as wrong: "
            f"{outcome.unanswered_anchors} anchors in pm-0, {outcome.unanswered_sets} in pm-10"
        )
