"""Read many image files in order, by threads, one batch ahead of the consumer."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError, load_image

T = TypeVar("T")


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
    for start, loaded in load_ahead(files, lambda _, file: load_image(file, size), batch=batch, threads=threads):
        good = {at: each for at, each in enumerate(loaded, start) if not isinstance(each, ImageError)}
        yield ImageBatchRead(
            positions_B=list(good),
            images_BCHW=stacked(list(good.values()), size=size),
            broken=[(at, each.reason) for at, each in enumerate(loaded, start) if isinstance(each, ImageError)],
        )


def load_ahead(
    files: Sequence[Path], load: Callable[[int, Path], T], *, batch: int, threads: int | None = None
) -> Iterator[tuple[int, list[T | ImageError]]]:
    """Call `load` with each file and its position, by threads, one batch ahead of the consumer.

    Yields:
        Position of the first file of a batch, and what became of each of its files.

    Raises:
        ViviError: batch is below 1.
    """
    if batch < 1:
        raise ViviError(f"batch is {batch}: it must be at least 1")
    pool = ThreadPoolExecutor(threads or min(16, os.cpu_count() or 1), thread_name_prefix="images")
    waiting: deque[tuple[int, list[Future[T | ImageError]]]] = deque()
    try:
        for start in range(0, len(files), batch):
            jobs = enumerate(files[start : start + batch], start)
            waiting.append((start, [pool.submit(_try_load, load, at, file) for at, file in jobs]))
            if len(waiting) > 1:
                yield _results(*waiting.popleft())
        while waiting:
            yield _results(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def stacked(images: Sequence[NDArray[np.uint8]], *, size: int) -> Tensor:
    """images_BCHW of S x S pixels; an empty tensor of that shape where there are none."""
    return torch.from_numpy(np.stack(images) if images else np.zeros((0, 3, size, size), dtype=np.uint8))


def _try_load(load: Callable[[int, Path], T], at: int, file: Path) -> T | ImageError:
    try:
        return load(at, file)
    except ImageError as error:
        return error


def _results(start: int, futures: list[Future[T | ImageError]]) -> tuple[int, list[T | ImageError]]:
    return start, [each.result() for each in futures]
