"""Labelled examples as uint8 pixels of one size, read by threads ahead of their consumer.

An image that does not decode is named with its reason and never lost without a word.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.data.crop import Crop, Cropper
from vivi.data.image_file import ImageError, printable
from vivi.transfer.task import Examples

AHEAD = 2
"""Batches that are read ahead."""
_LONGEST = 2**15 - 2
"""Pixels of a side that OpenCV's warp takes."""
_OWN = threading.local()


@dataclass(frozen=True, slots=True)
class Squash:
    """An image becomes a square, whatever its aspect ratio (google-research/task_adaptation, data_loader.py).

    Bilinear, sampled as TensorFlow 1 does: pixel d of S lies at d * (side / S), beyond the last pixel that one counts.
    """

    size: int
    """S, pixels of a side."""
    antialias: bool = False
    """Average over all pixels that a pixel of the result covers, as Pillow's bilinear filter; VTAB does not."""

    @property
    def about(self) -> str:
        """In words for results."""
        kernel = "antialiased, as by Pillow" if self.antialias else "TensorFlow 1 sampling, no antialias"
        return f"squashed to {self.size} x {self.size}, bilinear, {kernel}"

    def __call__(self, pixels_HWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 RGB of any size -> pixels_CSS, uint8; safe to call from threads."""
        if self.antialias:
            image = Image.fromarray(pixels_HWC).resize((self.size, self.size), Image.Resampling.BILINEAR)
            return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
        height, width, _ = pixels_HWC.shape
        if max(height, width) > _LONGEST:
            return _sampled(pixels_HWC, size=self.size)
        out_CSS = np.empty((3, self.size, self.size), dtype=np.uint8)
        image_HWC = np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels_HWC), cv2.COLOR_RGB2RGBA), dtype=np.uint8)
        _cropper(self.size).cut(image_HWC, crop=Crop(0, 0, height, width, flip=False), out_CSS=out_CSS)
        return out_CSS


def _cropper(size: int) -> Cropper:
    """This thread's own."""
    kept: dict[int, Cropper] = _OWN.__dict__.setdefault("croppers", {})
    return kept.setdefault(size, Cropper(size))


def _sampled(pixels_HWC: NDArray[np.uint8], *, size: int) -> NDArray[np.uint8]:
    """The same sampling for sides that OpenCV does not take."""
    height, width, _ = pixels_HWC.shape
    top_S, bottom_S, down_S = _taps(height, size=size)
    left_S, right_S, across_S = _taps(width, size=size)
    upper, lower = (
        pixels_HWC[rows_S[:, None], left_S] * (1 - across_S[:, None])
        + pixels_HWC[rows_S[:, None], right_S] * across_S[:, None]
        for rows_S in (top_S, bottom_S)
    )
    mixed_SSC = upper * (1 - down_S[:, None, None]) + lower * down_S[:, None, None]
    return np.ascontiguousarray(np.rint(mixed_SSC).astype(np.uint8).transpose(2, 0, 1))


def _taps(length: int, *, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """For each of `size` pixels: its two neighbours among `length`, and the weight of the second."""
    at_S = np.arange(size) * (length / size)
    first_S = np.floor(at_S).astype(np.int64)
    return first_S, np.minimum(first_S + 1, length - 1), (at_S - first_S).astype(np.float32)


@dataclass(frozen=True, slots=True)
class PixelBatch:
    """Some examples, in the order asked for, without those that could not be read."""

    positions_B: NDArray[np.int64]
    images_BCSS: Tensor
    """uint8, RGB, on the CPU."""
    broken: list[tuple[int, str]]
    """Position and reason of each example that gave no image."""


def read_ahead(
    examples: Examples, batches: Iterable[NDArray[np.int64]], *, squash: Squash, threads: int
) -> Iterator[PixelBatch]:
    """Read batches of positions by threads, `AHEAD` batches ahead of the consumer.

    Args:
        examples: what the positions count.
        batches: positions_B of each batch; the same one may occur again.
        squash: what is done to an image.
        threads: that decode.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="pixels")
    waiting: deque[tuple[NDArray[np.int64], list[Future[NDArray[np.uint8] | str]]]] = deque()
    try:
        for positions_B in batches:
            waiting.append((positions_B, [pool.submit(_read, examples, int(at), squash) for at in positions_B]))
            if len(waiting) > AHEAD:
                yield _gathered(*waiting.popleft(), size=squash.size)
        while waiting:
            yield _gathered(*waiting.popleft(), size=squash.size)
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(count: int, *, batch: int) -> Iterator[NDArray[np.int64]]:
    """Positions 0 to count - 1, `batch` at a time; the last batch may be smaller."""
    for start in range(0, count, batch):
        yield np.arange(start, min(start + batch, count))


def named(examples: Examples, broken: Iterable[tuple[int, str]]) -> list[tuple[str, str]]:
    """Name and reason, for results."""
    return [(printable(examples.name(at)), reason) for at, reason in broken]


def _read(examples: Examples, at: int, squash: Squash) -> NDArray[np.uint8] | str:
    """Pixels, or why there are none."""
    try:
        return squash(examples.read(at))
    except ImageError as error:
        return error.reason
    except (ViviError, OSError) as error:
        return " ".join(str(error).split()) or type(error).__name__


def _gathered(
    positions_B: NDArray[np.int64], futures: list[Future[NDArray[np.uint8] | str]], *, size: int
) -> PixelBatch:
    found = [(int(at), future.result()) for at, future in zip(positions_B, futures, strict=True)]
    good = [(at, pixels) for at, pixels in found if not isinstance(pixels, str)]
    stacked = np.stack([pixels for _, pixels in good]) if good else np.empty((0, 3, size, size), dtype=np.uint8)
    return PixelBatch(
        positions_B=np.array([at for at, _ in good], dtype=np.int64),
        images_BCSS=torch.from_numpy(stacked),
        broken=[(at, reason) for at, reason in found if isinstance(reason, str)],
    )
