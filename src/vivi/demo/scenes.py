"""Scenes of the demo world: textured things that move, turn and grow before a background, under changing light."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivi.demo.shapes import silhouette

Image = NDArray[np.float32]

PATTERNS = ("bands", "checks", "dots", "marble")
"""Surface patterns; the two colours of a pattern are drawn anew for every scene."""
PAINTS_P3 = np.array(
    [[214, 62, 50], [236, 178, 40], [64, 150, 76], [52, 96, 190], [232, 230, 224], [34, 34, 40]], np.float32
)
"""Colours of things, before a little noise. There are few, so that colours alone tell little about a video."""
GROUNDS_G3 = np.array([[126, 116, 100], [104, 120, 108], [106, 112, 130], [136, 118, 120]], np.float32)
"""Colours of backgrounds, before a little noise."""
_SPRITE = 64
_MARGIN = 1.5
"""The background is this much larger than the view, so that the camera has room to pan and zoom."""


@dataclass(frozen=True, slots=True)
class Path:
    """How a thing moves while its shot lasts; every pair is (at the start, at the end)."""

    x: tuple[float, float]
    """Centre, in [0, 1] of the view's width."""
    y: tuple[float, float]
    """Centre, in [0, 1] of the view's height."""
    radius: tuple[float, float]
    """In view heights."""
    angle: tuple[float, float]
    """In radians."""


@dataclass(frozen=True, slots=True)
class Light:
    """Light that swells and fades, and may be switched at one moment."""

    colour_3: Image
    """Gain of red, green and blue."""
    swell: float
    """Largest relative change."""
    phase: float
    switch_at: float
    """Moment in [0, 1] of a sudden change; above 1 it never comes."""
    switch_gain: float

    def gain(self, moment: float) -> Image:
        """Gain of the three channels at a moment in [0, 1]."""
        slow = 1 + self.swell * np.sin(self.phase + np.pi * moment)
        return np.asarray(self.colour_3 * slow * (self.switch_gain if moment >= self.switch_at else 1.0), np.float32)


@dataclass(frozen=True, slots=True)
class Scene:
    """One shot: background_HW3, camera, things with their paths, and light."""

    background_HW3: Image
    camera: Path
    sprites_THW4: tuple[Image, ...]
    """Colour times coverage, and coverage, of every thing."""
    paths: tuple[Path, ...]
    light: Light
    height: int
    width: int

    def frame(self, moment: float) -> NDArray[np.uint8]:
        """The view_HW3 (uint8, RGB) at a moment in [0, 1] of the shot."""
        view = _warp(self.background_HW3, self._camera(moment), self.height, self.width)
        for sprite, path in zip(self.sprites_THW4, self.paths, strict=True):
            drawn = _warp(sprite, self._placed(path, moment), self.height, self.width)
            view = view * (1 - drawn[..., 3:]) + drawn[..., :3]
        return np.asarray(np.clip(view * self.light.gain(moment), 0, 255), np.uint8)

    def _camera(self, moment: float) -> Image:
        rows, columns = self.background_HW3.shape[:2]
        zoom, angle = _between(self.camera.radius, moment), _between(self.camera.angle, moment)
        source = (_between(self.camera.x, moment) * columns, _between(self.camera.y, moment) * rows)
        return _similarity(source, (self.width / 2, self.height / 2), scale=zoom, angle=angle)

    def _placed(self, path: Path, moment: float) -> Image:
        target = (_between(path.x, moment) * self.width, _between(path.y, moment) * self.height)
        scale = 2 * _between(path.radius, moment) * self.height / _SPRITE
        return _similarity((_SPRITE / 2, _SPRITE / 2), target, scale=scale, angle=_between(path.angle, moment))


def _between(ends: tuple[float, float], moment: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * moment


def _similarity(source: tuple[float, float], target: tuple[float, float], *, scale: float, angle: float) -> Image:
    """The 2x3 matrix that turns and scales about `source` and moves it to `target`."""
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    x, y = source
    return np.array([[a, -b, target[0] - a * x + b * y], [b, a, target[1] - b * x - a * y]], np.float32)


def _warp(image: Image, matrix: Image, height: int, width: int) -> Image:
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR), np.float32)


def draw_background(draw: np.random.Generator, *, height: int, width: int) -> Image:
    """A background_HW3 in [0, 255]: clouds of one muted colour, with irregular clutter of similar colours on it."""
    rows, columns = round(height * _MARGIN), round(width * _MARGIN)
    colour_3 = GROUNDS_G3[draw.integers(len(GROUNDS_G3))] + draw.uniform(-22, 22, 3).astype(np.float32)
    broad, fine = (clouds(draw, cells=cells, height=rows, width=columns)[..., None] for cells in (3, 11))
    ground = colour_3 + 44 * (broad - 0.5) + 30 * (fine - 0.5)
    for _ in range(int(draw.integers(6, 14))):
        colour = np.clip(colour_3 + draw.normal(0, 24, 3), 0, 255)
        cv2.fillPoly(ground, [_clutter(draw, rows, columns)], colour.tolist(), lineType=cv2.LINE_AA)
    return np.asarray(np.clip(ground + draw.normal(0, 3, ground.shape), 0, 255), np.float32)


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


def draw_sprite(draw: np.random.Generator, *, kind: str, pattern: str) -> Image:
    """A sprite_HW4 of one kind, painted with a pattern of two colours."""
    mask_HW = silhouette(kind, size=_SPRITE)
    weight_HW1 = _pattern(draw, pattern)[..., None]
    first, second = PAINTS_P3[draw.permutation(len(PAINTS_P3))[:2]] + draw.uniform(-16, 16, (2, 3)).astype(np.float32)
    rise = np.linspace(1.15, 0.8, _SPRITE, dtype=np.float32)[:, None, None]
    colour_HW3 = np.clip((first * weight_HW1 + second * (1 - weight_HW1)) * rise, 0, 255)
    return np.concatenate([colour_HW3 * mask_HW[..., None], mask_HW[..., None]], axis=2).astype(np.float32)


def _pattern(draw: np.random.Generator, pattern: str) -> Image:
    """How much of the first colour there is: weight_HW in [0, 1]."""
    if pattern == "marble":
        return clouds(draw, cells=6, height=_SPRITE, width=_SPRITE)
    turn, pitch = draw.uniform(0, np.pi), draw.uniform(9, 16)
    along, across = np.meshgrid(np.arange(_SPRITE), np.arange(_SPRITE))
    u = np.cos(2 * np.pi * (along * np.cos(turn) + across * np.sin(turn)) / pitch)
    v = np.cos(2 * np.pi * (across * np.cos(turn) - along * np.sin(turn)) / pitch)
    wave = {"bands": u, "checks": u * v * 2, "dots": u + v - 0.6}[pattern]
    return np.asarray(np.clip(wave * 2 + 0.5, 0, 1), np.float32)


def draw_scene(
    draw: np.random.Generator,
    *,
    kind: str,
    pattern: str,
    paths: tuple[Path, ...],
    light: Light,
    height: int,
    width: int,
    background_HW3: Image | None = None,
) -> Scene:
    """A scene in which all things are of one kind and one pattern; background and camera are drawn unless given."""
    ground = draw_background(draw, height=height, width=width) if background_HW3 is None else background_HW3
    sprites = tuple(draw_sprite(draw, kind=kind, pattern=pattern) for _ in paths)
    return Scene(
        background_HW3=ground, camera=_draw_camera(draw), sprites_THW4=sprites, paths=paths, light=light,
        height=height, width=width,
    )  # fmt: skip


def _draw_camera(draw: np.random.Generator) -> Path:
    """A camera that pans, zooms and rolls a little and never leaves the background."""
    x, y, zoom, roll = (draw.uniform(*ends, 2) for ends in ((0.46, 0.54), (0.46, 0.54), (1.05, 1.5), (-0.12, 0.12)))
    return Path(x=_pair(x), y=_pair(y), radius=_pair(zoom), angle=_pair(roll))


def draw_paths(
    draw: np.random.Generator, *, centres_T2: NDArray[np.float64], largest: float, restless: float
) -> tuple[Path, ...]:
    """Paths of things that start at given centres.

    Args:
        draw: the generator.
        centres_T2: x and y in [0, 1].
        largest: largest radius, in view heights; the smallest is half of it.
        restless: 0 for things that stand still, 1 for a walk of up to a quarter of the view and a quarter turn.
    """
    paths = []
    for x, y in centres_T2:
        radius, turn = draw.uniform(0.55, 1) * largest, draw.uniform(-np.pi, np.pi)
        walk = restless * draw.uniform(-0.25, 0.25, 2)
        end = np.clip((x + walk[0], y + walk[1]), 0.1, 0.9) if restless else (x, y)
        grown = float(np.clip(radius * (1 + restless * draw.uniform(-0.3, 0.3)), largest / 2, largest))
        paths.append(Path(
            x=(float(x), float(end[0])), y=(float(y), float(end[1])), radius=(radius, grown),
            angle=(turn, turn + restless * draw.uniform(-np.pi / 2, np.pi / 2)),
        ))  # fmt: skip
    return tuple(paths)


def draw_centres(draw: np.random.Generator, *, count: int) -> NDArray[np.float64]:
    """Centres_T2 in [0.2, 0.8] that keep their distance from one another."""
    best, most = np.empty((count, 2)), -1.0
    for _ in range(30):
        centres = draw.uniform(0.2, 0.8, (count, 2))
        apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) + 9 * np.eye(count)
        if apart.min() > most:
            best, most = centres, float(apart.min())
    return best


def draw_light(draw: np.random.Generator, *, switches: float) -> Light:
    """Light of a slight colour that swells a little; with probability `switches` it jumps once."""
    comes = draw.uniform() < switches
    return Light(
        colour_3=draw.uniform(0.82, 1.12, 3).astype(np.float32),
        swell=float(draw.uniform(0, 0.08)),
        phase=float(draw.uniform(0, 2 * np.pi)),
        switch_at=float(draw.uniform(0.3, 0.7)) if comes else 2.0,
        switch_gain=float(draw.choice([0.65, 1.35])),
    )


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
