"""One annotation file of PASCAL VOC's format: the objects of an image, every box checked.

VOC counts pixels from 1 and a box holds both its borders, so xmin = 1 and xmax = W span the whole width W. Here a box
is a range of coordinates from 0 to W: one is taken from xmin and ymin, nothing from xmax and ymax, as in
facebookresearch/detectron2 detectron2/data/datasets/pascal_voc.py.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.data.image_file import printable
from vivi.transfer.detection.markup import read_markup

MAX_SIDE = 2**16
MAX_NAME = 200
SLACK = 1.0
"""By how many pixels a border may lie outside the image, as tools write it that count from 0; it is clipped."""
_BORDERS = ("xmin", "ymin", "xmax", "ymax")
_WHOLE = re.compile(r"[0-9]{1,9}")
"""Not longer: Python refuses to read very long numbers."""


class AnnotationError(ViviError):
    """An annotation that cannot be used; the text names the file and the object."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{printable(str(path))}: {reason}")


@dataclass(frozen=True, slots=True)
class Annotation:
    """The O objects of one image, in the order of the file."""

    width: int
    height: int
    boxes_O4: NDArray[np.float32]
    """x0, y0, x1, y1 in pixels from the upper left corner; 0 <= x0 < x1 <= width, 0 <= y0 < y1 <= height."""
    names: tuple[str, ...]
    """The class of each object."""
    difficult_O: NDArray[np.bool_]
    """Objects that VOC does not count, neither found nor missed."""
    clipped: int
    """Boxes that reached outside by at most SLACK."""


def read_annotation(path: Path) -> Annotation:
    """Read `Annotations/NAME.xml`; parts of objects, poses and segmentations are passed over.

    Raises:
        MarkupError: no file, or no XML that is read here; see `read_markup`.
        AnnotationError: no annotation, or an object with a bad box, name or flag; the text names it.
    """
    root = read_markup(path)
    if root.tag != "annotation":
        raise AnnotationError(path, f"the root element is <{_short(root.tag)}>, not <annotation>: not VOC's format")
    width, height = (_side(root, which, path=path) for which in ("width", "height"))
    objects = [
        _object(each, path=path, number=number, size=(width, height))
        for number, each in enumerate(root.findall("object"), start=1)
    ]
    return Annotation(
        width=width,
        height=height,
        boxes_O4=np.array([each.box for each in objects], dtype=np.float32).reshape(-1, 4),
        names=tuple(each.name for each in objects),
        difficult_O=np.array([each.is_difficult for each in objects], dtype=np.bool_),
        clipped=sum(each.was_clipped for each in objects),
    )


@dataclass(frozen=True, slots=True)
class _Object:
    name: str
    box: tuple[float, ...]
    is_difficult: bool
    was_clipped: bool


def _side(root: Element, which: str, *, path: Path) -> int:
    text = (root.findtext(f"size/{which}") or "").strip()
    if not (_WHOLE.fullmatch(text) and 1 <= int(text) <= MAX_SIDE):
        raise AnnotationError(
            path, f"size/{which} is {_short(text)!r}: must be the image's {which}, a whole number from 1 to {MAX_SIDE}"
        )
    return int(text)


def _object(element: Element, *, path: Path, number: int, size: tuple[int, int]) -> _Object:
    name = " ".join((element.findtext("name") or "").split())
    where = f"object {number}" + (f" ({_short(name)})" if name else "")
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise AnnotationError(path, f"{where} has no usable <name>: must have 1 to {MAX_NAME} printable characters")
    flag = (element.findtext("difficult") or "0").strip()
    if flag not in ("0", "1"):
        raise AnnotationError(path, f"{where}: <difficult> is {_short(flag)!r}: must be 0 or 1")
    box, was_clipped = _box(element, path=path, where=where, size=size)
    return _Object(name=name, box=box, is_difficult=flag == "1", was_clipped=was_clipped)


def _box(element: Element, *, path: Path, where: str, size: tuple[int, int]) -> tuple[tuple[float, ...], bool]:
    xmin, ymin, xmax, ymax = (_border(element, border, path=path, where=where) for border in _BORDERS)
    asked = (xmin - 1, ymin - 1, xmax, ymax)
    inside = tuple(min(max(value, 0.0), float(limit)) for value, limit in zip(asked, size * 2, strict=True))
    outside = max(abs(value - kept) for value, kept in zip(asked, inside, strict=True))
    if outside > SLACK:
        raise AnnotationError(
            path, f"{where}: box {_written(element)} leaves the image of {size[0]} x {size[1]} pixels: correct it"
        )
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        raise AnnotationError(
            path, f"{where}: box {_written(element)} has no area: xmin <= xmax and ymin <= ymax must hold"
        )
    return inside, outside > 0


def _border(element: Element, border: str, *, path: Path, where: str) -> float:
    text = element.findtext(f"bndbox/{border}")
    try:
        value = math.nan if text is None else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        found = "is missing" if text is None else f"is {_short(text)!r}"
        raise AnnotationError(path, f"{where}: <bndbox> {border} {found}: must be a number of pixels, counted from 1")
    return value


def _written(element: Element) -> str:
    return ", ".join(f"{border} {_short(element.findtext(f'bndbox/{border}') or '')}" for border in _BORDERS)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:40]}..."
