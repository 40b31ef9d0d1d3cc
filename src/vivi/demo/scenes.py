"""Scenes of the demo world: textured things that move, turn and grow before a background, under changing light."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vivi.demo.motion import Light, Path, between, draw_camera
from vivi.demo.surfaces import SPRITE, Image, draw_background, draw_sprite


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
        zoom, angle = between(self.camera.radius, moment), between(self.camera.angle, moment)
        source = (between(self.camera.x, moment) * columns, between(self.camera.y, moment) * rows)
        return _similarity(source, (self.width / 2, self.height / 2), scale=zoom, angle=angle)

    def _placed(self, path: Path, moment: float) -> Image:
        target = (between(path.x, moment) * self.width, between(path.y, moment) * self.height)
        scale = 2 * between(path.radius, moment) * self.height / SPRITE
        return _similarity((SPRITE / 2, SPRITE / 2), target, scale=scale, angle=between(path.angle, moment))


def draw_scene(
    draw: np.random.Generator,
    *,
    kind: str,
    ground: str,
    paths: tuple[Path, ...],
    light: Light,
    height: int,
    width: int,
    background_HW3: Image | None = None,
) -> Scene:
    """A scene whose things are of one kind; its background is drawn unless given."""
    if background_HW3 is None:
        background_HW3 = draw_background(draw, ground=ground, height=height, width=width)
    sprites = tuple(draw_sprite(draw, kind=kind) for _ in paths)
    return Scene(
        background_HW3=background_HW3, camera=draw_camera(draw), sprites_THW4=sprites, paths=paths, light=light,
        height=height, width=width,
    )  # fmt: skip


def _similarity(source: tuple[float, float], target: tuple[float, float], *, scale: float, angle: float) -> Image:
    """The 2x3 matrix that turns and scales about `source` and moves it to `target`."""
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    x, y = source
    return np.array([[a, -b, target[0] - a * x + b * y], [b, a, target[1] - b * x - a * y]], np.float32)


def _warp(image: Image, matrix: Image, height: int, width: int) -> Image:
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR), np.float32)
