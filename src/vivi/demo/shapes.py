"""The kinds of things of the demo world: eight silhouettes that differ in shape and in nothing else."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_DRAWN = 256
"""Silhouettes are drawn this large and then averaged down, which gives smooth edges."""


def _turned(radii: Points, *, start: float = 0.0) -> Points:
    """A closed outline at equal angles: radii_P -> points_P2, inside the unit circle."""
    angles = start + 2 * np.pi * np.arange(len(radii)) / len(radii)
    return np.asarray(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1))


def _circle(*, radius: float, x: float = 0.0, y: float = 0.0) -> Points:
    return np.asarray(_turned(np.full(48, radius)) + np.array([x, y]))


def _star() -> tuple[list[Points], list[Points]]:
    return [_turned(np.tile([0.95, 0.4], 5), start=-np.pi / 2)], []


def _ring() -> tuple[list[Points], list[Points]]:
    return [_circle(radius=0.9)], [_circle(radius=0.52)]


def _cross() -> tuple[list[Points], list[Points]]:
    bar = np.array([[-0.9, -0.28], [0.9, -0.28], [0.9, 0.28], [-0.9, 0.28]])
    return [bar, bar[:, ::-1]], []


def _crescent() -> tuple[list[Points], list[Points]]:
    return [_circle(radius=0.92)], [_circle(radius=0.74, x=0.42)]


def _gear() -> tuple[list[Points], list[Points]]:
    return [_turned(np.tile([0.95, 0.95, 0.66, 0.66], 8))], [_circle(radius=0.26)]


def _arrow() -> tuple[list[Points], list[Points]]:
    shaft = np.array([[-0.9, -0.2], [0.2, -0.2], [0.2, 0.2], [-0.9, 0.2]])
    head = np.array([[0.0, -0.7], [0.92, 0.0], [0.0, 0.7]])
    return [shaft, head], []


def _house() -> tuple[list[Points], list[Points]]:
    wall = np.array([[-0.6, -0.1], [0.6, -0.1], [0.6, 0.8], [-0.6, 0.8]])
    roof = np.array([[-0.9, -0.05], [0.0, -0.9], [0.9, -0.05]])
    door = np.array([[-0.16, 0.3], [0.16, 0.3], [0.16, 0.81], [-0.16, 0.81]])
    return [wall, roof], [door]


def _fish() -> tuple[list[Points], list[Points]]:
    body = _circle(radius=1.0) * np.array([0.68, 0.46]) + np.array([0.22, 0.0])
    tail = np.array([[-0.25, 0.0], [-0.92, -0.55], [-0.92, 0.55]])
    return [body, tail], [_circle(radius=0.1, x=0.58, y=-0.12)]


_OUTLINES: dict[str, Callable[[], tuple[list[Points], list[Points]]]] = {
    "arrow": _arrow,
    "crescent": _crescent,
    "cross": _cross,
    "fish": _fish,
    "gear": _gear,
    "house": _house,
    "ring": _ring,
    "star": _star,
}
KINDS = tuple(_OUTLINES)
"""Names of the kinds, in alphabetical order."""


def silhouette(kind: str, *, size: int) -> NDArray[np.float32]:
    """Coverage mask_HW in [0, 1] of one kind, upright, in a square of `size` pixels."""
    parts, holes = _OUTLINES[kind]()
    mask = np.zeros((_DRAWN, _DRAWN), np.uint8)
    for outlines, value in ((parts, 255), (holes, 0)):
        for outline in outlines:
            pixels = np.rint((outline + 1) * (_DRAWN - 1) / 2).astype(np.int32)
            cv2.fillPoly(mask, [pixels], (value,))
    small = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)
