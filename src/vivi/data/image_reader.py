"""Read many image files in order, by threads, one batch ahead of the consumer."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError, load_image


@dataclass(frozen=True, slots=True)
class ImageBatchRead:
    """Some images of a list, in its order, without those that could not be read."""

    positions_B: list[int]
    """Where each image stands in the list."""
    images_BCHW: Tensor
    """uint8, RGB."""
    broken: list[tuple[int, str]]
    """Position and reason of each file that gave no image."""


def read_batches(
    files: Sequence[Path], *, size: int, batch: int = 64, threads: int | None = None
) -> Iterator[ImageBatchRead]:
    """Read and squash images in the order of `files`, one batch ahead of the consumer.

    Args:
        files: image files.
        size: S, pixels of a side; see `load_image`.
        batch: files of one batch.
        threads: None for one per core, at most 16.

    Yields:
        Batches whose positions and broken files together cover `files`.

    Raises:
        ViviError: batch is below 1.
    """
    if batch < 1:
        raise ViviError(f"batch is {batch}: it must be at least 1")
    workers = threads or min(16, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="images")
    waiting: deque[list[tuple[int, Future[NDArray[np.uint8] | ImageError]]]] = deque()
    try:
        for start in range(0, len(files), batch):
            chunk = enumerate(files[start : start + batch], start)
            waiting.append([(at, pool.submit(_try_load, file, size)) for at, file in chunk])
            if len(waiting) > 1:
                yield _collect(waiting.popleft(), size)
        while waiting:
            yield _collect(waiting.popleft(), size)
    finally:
        pool.shutdown(cancel_futures=True)


def _try_load(file: Path, size: int) -> NDArray[np.uint8] | ImageError:
    try:
        return load_image(file, size)
    except ImageError as error:
        return error


def _collect(chunk: list[tuple[int, Future[NDArray[np.uint8] | ImageError]]], size: int) -> ImageBatchRead:
    results = [(at, future.result()) for at, future in chunk]
    broken = [(at, result.reason) for at, result in results if isinstance(result, ImageError)]
    good = [(at, result) for at, result in results if not isinstance(result, ImageError)]
    images_BCHW = np.stack([pixels for _, pixels in good]) if good else np.zeros((0, 3, size, size), dtype=np.uint8)
    return ImageBatchRead(positions_B=[at for at, _ in good], images_BCHW=torch.from_numpy(images_BCHW), broken=broken)
