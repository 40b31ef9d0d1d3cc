"""AP, AP50 and AP75 of boxes, as COCO defines them, by torchmetrics with pycocotools.

AP is the area under the precision over 101 places of recall, the mean over ten overlaps from 0.5 to 0.95; AP50 and AP75
are at one overlap; all are means over the classes that have objects. Difficult objects are given as COCO's crowds:
neither found nor missed, and a box that lies in one is no error.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivi.transfer.detection.batches import Target
from vivi.transfer.detection.library import mean_average_precision
from vivi.transfer.detection.step import Found

OVERLAPS = tuple(round(0.5 + 0.05 * number, 2) for number in range(10))
"""Intersection over union from which on a box counts as found."""
RECALLS = tuple(np.linspace(0, 1, 101).tolist())
MOST = 100
"""Boxes of an image and class that are counted, the best ones."""


@dataclass(frozen=True, slots=True)
class Precision:
    """How precise boxes are: 0 to 1, or None where there is no object to find."""

    ap: float | None
    ap50: float | None
    ap75: float | None


@dataclass(frozen=True, slots=True)
class ClassPrecision:
    """The same for one class."""

    name: str
    objects: int
    """In the test images, without the difficult ones."""
    precision: Precision


@dataclass(frozen=True, slots=True)
class Measured:
    """The precision of a detector."""

    mean: Precision
    """Over the classes that have objects."""
    classes: tuple[ClassPrecision, ...]


def measure(pairs: Iterable[tuple[Found, Target]], *, classes: Sequence[str]) -> Measured:
    """Compare the boxes that were found in each image with its objects.

    Args:
        pairs: for each image.
        classes: names; class number 1 is the first.

    Raises:
        ViviError: torchmetrics or pycocotools is missing.
    """
    metric = mean_average_precision()(
        iou_type="bbox",
        iou_thresholds=list(OVERLAPS),
        rec_thresholds=list(RECALLS),
        max_detection_thresholds=[1, 10, MOST],
        extended_summary=True,
        backend="pycocotools",
    )
    metric.warn_on_many_detections = False
    objects_C = torch.zeros(len(classes) + 1, dtype=torch.int64)
    for found, target in pairs:
        objects_C += target.labels_O[~target.difficult_O].bincount(minlength=len(objects_C))
        truth = {"boxes": target.boxes_O4, "labels": target.labels_O, "iscrowd": target.difficult_O.long()}
        given = {"boxes": found.boxes_D4, "labels": found.labels_D, "scores": found.scores_D}
        metric.update([given], [truth])
    precision_of = _precisions(metric.compute())
    counted = [
        ClassPrecision(name, objects=int(objects_C[number]), precision=precision_of.get(number, _NONE))
        for number, name in enumerate(classes, start=1)
    ]
    return Measured(mean=_mean([each.precision for each in counted]), classes=tuple(counted))


_NONE = Precision(ap=None, ap50=None, ap75=None)


def _precisions(result: dict[str, Tensor]) -> dict[int, Precision]:
    """The precision of each class that torchmetrics saw, by number."""
    if "precision" not in result:  # there was neither a box nor an object
        return {}
    precision_TRK = result["precision"][..., 0, -1]  # objects of all sizes, most boxes
    numbers = result["classes"].reshape(-1).tolist()
    return {number: _precision(precision_TRK[..., at]) for at, number in enumerate(numbers)}


def _precision(precision_TR: Tensor) -> Precision:
    if bool((precision_TR < 0).any()):  # the class has no object
        return _NONE
    values = precision_TR.mean(dim=1).tolist()
    return Precision(ap=sum(values) / len(values), ap50=values[OVERLAPS.index(0.5)], ap75=values[OVERLAPS.index(0.75)])


def _mean(parts: Sequence[Precision]) -> Precision:
    def over(values: Iterable[float | None]) -> float | None:
        there = [value for value in values if value is not None]
        return sum(there) / len(there) if there else None

    return Precision(
        ap=over(each.ap for each in parts),
        ap50=over(each.ap50 for each in parts),
        ap75=over(each.ap75 for each in parts),
    )
