"""Surfaces of the demo world: backgrounds, and things as flat sprites, painted with patterns of few colours."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vivi.demo.shapes import silhouette

Image = NDArray[np.float32]

PAINTS_P3 = np.array(
    [[214, 62, 50], [236, 178, 40], [64, 150, 76], [52, 96, 190], [232, 230, 224], [34, 34, 40]], np.float32
)
"""Colours of things, before a little noise. There are few, so that colours alone tell little about a video."""
GROUNDS_G3 = np.array([[126, 116, 100], [104, 120, 108], [106, 112, 130], [136, 118, 120]], np.float32)
"""Colours of backgrounds, before a little noise."""
GROUNDS = ("meadow", "planks", "sand", "tiles")
"""Kinds of background."""
SPRITE = 64
"""Pixels of a side of a sprite; the thing itself fills most of it."""
_MARGIN = 1.5
"""The background is this much larger than the view, so that the camera has room to pan and zoom."""


def draw_background(draw: np.random.Generator, *, ground: str, height: int, width: int) -> Image:
    """A background_HW3 in [0, 255]: one muted colour with the relief of its ground, and irregular clutter on it."""
    rows, columns = round(height * _MARGIN), round(width * _MARGIN)
    colour_3 = GROUNDS_G3[draw.integers(len(GROUNDS_G3))] + draw.uniform(-22, 22, 3).astype(np.float32)
    broad = clouds(draw, cells=3, height=rows, width=columns)
    relief_HW = 30 * (broad - 0.5) + draw_relief(draw, ground=ground, height=rows, width=columns)
    surface = colour_3 + relief_HW[..., None]
    for _ in range(int(draw.integers(6, 14))):
        colour = np.clip(colour_3 + draw.normal(0, 24, 3), 0, 255)
        cv2.fillPoly(surface, [_clutter(draw, rows, columns)], colour.tolist(), lineType=cv2.LINE_AA)
    return np.asarray(np.clip(surface + draw.normal(0, 3, surface.shape), 0, 255), np.float32)


def draw_relief(draw: np.random.Generator, *, ground: str, height: int, width: int) -> Image:
    """What a kind of ground adds to its brightness: relief_HW."""
    if ground == "meadow":
        return 40 * (clouds(draw, cells=11, height=height, width=width) - 0.5)
    if ground == "sand":
        return 60 * (clouds(draw, cells=70, height=height, width=width) - 0.5)
    pitch, turn, shift = height * draw.uniform(0.1, 0.14), draw.uniform(0, np.pi), draw.uniform(0, 2 * np.pi, 2)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    u = np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / pitch + shift[0])
    v = np.sin(2 * np.pi * (y * np.cos(turn) - x * np.sin(turn)) / pitch + shift[1])
    lines = u if ground == "planks" else np.maximum(u, v)
    return np.asarray(np.where(lines > 0.8, -34, 4), np.float32)


def _clutter(draw: np.random.Generator, rows: int, columns: int) -> NDArray[np.int32]:
    """A small irregular outline somewhere on the ground."""
    corners = int(draw.integers(3, 8))
    angles = np.sort(draw.uniform(0, 2 * np.pi, corners))
    reach = rows * draw.uniform(0.02, 0.09, corners)
    centre = draw.uniform(0, 1, 2) * (columns, rows)
    return np.rint(centre + np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)).astype(np.int32)


def clouds(draw: np.random.Generator, *, cells: int, height: int, width: int) -> Image:
    """Smooth noise_HW in [0, 1] with about `cells` swellings across."""
    coarse = draw.uniform(0, 1, (cells + 1, cells + 1)).astype(np.float32)
    return np.clip(np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)), 0, 1)


def draw_sprite(draw: np.random.Generator, *, kind: str) -> Image:
    """A sprite_HW4 of one kind: its shape, its pattern, and two colours."""
    mask_HW = silhouette(kind, size=SPRITE)
    weight_HW1 = draw_pattern(draw, kind=kind)[..., None]
    first, second = PAINTS_P3[draw.permutation(len(PAINTS_P3))[:2]] + draw.uniform(-16, 16, (2, 3)).astype(np.float32)
    rise = np.linspace(1.15, 0.8, SPRITE, dtype=np.float32)[:, None, None]
    colour_HW3 = np.clip((first * weight_HW1 + second * (1 - weight_HW1)) * rise, 0, 255)
    return np.concatenate([colour_HW3 * mask_HW[..., None], mask_HW[..., None]], axis=2).astype(np.float32)


def draw_pattern(draw: np.random.Generator, *, kind: str) -> Image:
    """How much of the first colour there is on a thing of one kind: weight_HW in [0, 1]."""
    if kind == "house":
        return clouds(draw, cells=6, height=SPRITE, width=SPRITE)
    pitch, shift = SPRITE * draw.uniform(0.26, 0.36), draw.uniform(0, 2 * np.pi, 2)
    x, y = np.meshgrid(np.arange(SPRITE) - SPRITE / 2, np.arange(SPRITE) - SPRITE / 2)
    u, v = 2 * np.pi * x / pitch + shift[0], 2 * np.pi * y / pitch + shift[1]
    return np.asarray(np.clip(_WAVES[kind](u, v) + 0.5, 0, 1), np.float32)


_WAVES: dict[str, Callable[[Any, Any], Any]] = {
    "arrow": lambda u, _: 2 * np.sin(u),
    "crescent": lambda u, v: 3 * (np.sin(u) + np.sin(v) - 0.7),
    "cross": lambda u, v: 8 * np.sin(u) * np.sin(v),
    "fish": lambda u, v: 2 * np.sin(v + 2 * np.arcsin(np.sin(u)) / np.pi * 2),
    "gear": lambda u, v: 2 * np.sin(np.hypot(u - u.mean(), v - v.mean())),
    "ring": lambda _, v: 2 * np.sin(v),
    "star": lambda u, v: 0.18 * (u - u.mean() + v - v.mean()),
}
"""The pattern of each kind, over x and y in units of its pitch; the house's is made of clouds."""
