"""The geometric half of Inception preprocessing: random crop, resize and flip of frames on the CPU, while loading."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vivi.core.config import config

_FEW = 8
"""Attempts that nearly always hold a legal one; the others are looked at only if these do not."""
_INVERSE_BILINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


class Crop(NamedTuple):
    """Where one frame is cropped, in pixels, and whether left and right are swapped."""

    top: int
    left: int
    height: int
    width: int
    flip: bool

    @property
    def bottom(self) -> int:
        """The first row below the crop."""
        return self.top + self.height


@config
class InceptionCrop:
    """TensorFlow's `sample_distorted_bounding_box` with the whole image as the box, bilinear resize, random flip.

    The sampler follows tensorflow/core/kernels/sample_distorted_bounding_box_op.cc: aspect (width / height) uniform,
    then an integer height uniform between its limits. So the area is not uniform, and since a crop must cover
    `min_covered` of the image, areas below that share are drawn again. Numbers: Inception preprocessing as used by
    google/revisiting-self-supervised and google-research/s4l.
    """

    size: int = 224
    """Height and width of the result."""
    min_area: float = 0.05
    max_area: float = 1.0
    """Limits of the area, as shares of the image."""
    min_aspect: float = 0.75
    max_aspect: float = 1.33
    """Limits of width / height."""
    min_covered: float = 0.1
    """Least share of the image that a crop must cover."""
    attempts: int = 100
    """After so many illegal draws the whole image is taken."""
    flip: bool = True
    """Swap left and right with probability 1/2."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("size: must be at least 1")
        if not 0 < self.min_area <= self.max_area <= 1:
            raise ValueError("min_area: 0 < min_area <= max_area <= 1 must hold")
        if not 0 < self.min_aspect <= self.max_aspect:
            raise ValueError("min_aspect: 0 < min_aspect <= max_aspect must hold")
        if not 0 <= self.min_covered <= 1:
            raise ValueError("min_covered: must be between 0 and 1")
        if self.attempts < 1:
            raise ValueError("attempts: must be at least 1")

    def draw(self, generator: np.random.Generator, *, height: int, width: int, count: int) -> list[Crop]:
        """Crops for `count` frames of `height` x `width` pixels, independent of one another."""
        uniform_4FA = generator.random((4, count, self.attempts))
        flips_F = generator.random(count) < (0.5 if self.flip else 0.0)
        for tried in (min(_FEW, self.attempts), self.attempts):
            boxes_FA4, legal_FA = self._attempt(uniform_4FA[:, :, :tried], height=height, width=width)
            if legal_FA.any(axis=1).all():
                break
        boxes_F4 = boxes_FA4[np.arange(count), legal_FA.argmax(axis=1)]
        boxes_F4[~legal_FA.any(axis=1)] = (0, 0, height, width)
        rows = zip(*boxes_F4.T.tolist(), flips_F.tolist(), strict=True)
        return [Crop(*row) for row in rows]

    def _attempt(
        self, uniform_4FA: NDArray[np.float64], *, height: int, width: int
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """All attempts at once: boxes_FA4 and whether each is legal. 32-bit floats, as in TensorFlow."""
        min_area, max_area = np.float32(self.min_area * height * width), np.float32(self.max_area * height * width)
        aspect = (self.min_aspect + uniform_4FA[0] * (self.max_aspect - self.min_aspect)).astype(np.float32)
        highest = np.rint(np.sqrt(max_area / aspect)).astype(np.float64)
        fitting = np.floor((width + 0.5 - 1e-7) / aspect.astype(np.float64))
        highest = np.minimum(np.where(_widths(highest, aspect) > width, fitting, highest), height)
        highest -= _widths(highest, aspect) > width
        lowest = np.minimum(np.rint(np.sqrt(min_area / aspect)), highest)
        box_height = lowest + np.floor(uniform_4FA[1] * (highest - lowest + 1))
        box_height += box_height * _widths(box_height, aspect) < min_area
        box_height -= box_height * _widths(box_height, aspect) > max_area
        box_width = _widths(box_height, aspect)
        area = box_height * box_width
        legal = (area >= min_area) & (area <= max_area) & (area >= self.min_covered * height * width)
        legal &= (box_height <= height) & (box_width <= width) & (box_height > 0) & (box_width > 0)
        top = np.floor(uniform_4FA[2] * (height - box_height))
        left = np.floor(uniform_4FA[3] * (width - box_width))
        return np.stack([top, left, box_height, box_width], axis=-1).astype(np.int64), legal


def _widths(heights: NDArray[np.float64], aspect: NDArray[np.float32]) -> NDArray[np.float64]:
    """Whole widths of boxes of these heights; the product is rounded as a 32-bit float, which decides ties."""
    rounded: NDArray[np.float64] = np.rint(heights.astype(np.float32) * aspect).astype(np.float64)
    return rounded


class Cropper:
    """Cuts crops out of frames and resizes them to S x S. It has memory of its own: each thread needs one.

    The sampling is that of TensorFlow 1's `resize_bilinear` (align_corners False, no half-pixel centres, no
    antialias): pixel d of the result lies at d * (crop / S) of the crop; beyond the crop its last pixel counts.
    OpenCV's `resize` uses half-pixel centres, so this is `warpAffine`, which is twice as fast with four channels as
    with three. OpenCV 5 is exact to rounding; OpenCV 4 rounds the position to 1/32 pixel.
    """

    def __init__(self, size: int) -> None:
        self._warped_SS4 = np.empty((size, size, 4), dtype=np.uint8)
        self._fourth_SS = np.empty((size, size), dtype=np.uint8)

    def cut(self, image_HWC: NDArray[np.uint8], *, crop: Crop, out_CSS: NDArray[np.uint8]) -> None:
        """Write the crop of an RGBX image, resized and perhaps flipped, to `out_CSS` as RGB planes."""
        size = len(self._fourth_SS)
        step_x, step_y = crop.width / size, crop.height / size
        across = (-step_x, step_x * (size - 1)) if crop.flip else (step_x, 0.0)
        cv2.warpAffine(
            image_HWC[crop.top : crop.bottom, crop.left : crop.left + crop.width],
            np.array([[across[0], 0.0, across[1]], [0.0, step_y, 0.0]]),
            (size, size),
            dst=self._warped_SS4,
            flags=_INVERSE_BILINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        cv2.split(self._warped_SS4, [*out_CSS, self._fourth_SS])
