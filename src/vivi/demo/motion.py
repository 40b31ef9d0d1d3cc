"""How the things, the camera and the light of a shot change while it lasts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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

    colour_3: NDArray[np.float32]
    """Gain of red, green and blue."""
    swell: float
    """Largest relative change."""
    phase: float
    switch_at: float
    """Moment in [0, 1] of a sudden change; above 1 it never comes."""
    switch_gain: float

    def gain(self, moment: float) -> NDArray[np.float32]:
        """Gain of the three channels at a moment in [0, 1]."""
        slow = 1 + self.swell * np.sin(self.phase + np.pi * moment)
        return np.asarray(self.colour_3 * slow * (self.switch_gain if moment >= self.switch_at else 1.0), np.float32)


def between(ends: tuple[float, float], moment: float) -> float:
    """The value at a moment in [0, 1]."""
    return ends[0] + (ends[1] - ends[0]) * moment


def draw_camera(draw: np.random.Generator) -> Path:
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
        radius, turn = draw.uniform(0.6, 1) * largest, draw.uniform(-0.6, 0.6)
        walk = restless * draw.uniform(-0.25, 0.25, 2)
        end = np.clip((x + walk[0], y + walk[1]), 0.1, 0.9) if restless else (x, y)
        grown = float(np.clip(radius * (1 + restless * draw.uniform(-0.3, 0.3)), largest / 2, largest))
        paths.append(Path(
            x=(float(x), float(end[0])), y=(float(y), float(end[1])), radius=(radius, grown),
            angle=(turn, turn + restless * draw.uniform(-0.7, 0.7)),
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
