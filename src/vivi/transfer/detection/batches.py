"""Batches for the detector: images of their own sizes with their boxes, made by threads ahead of the step.

Which images a step sees and which of them are mirrored are functions of (seed, step) alone.
"""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.errors import ConfigError
from vivi.core.seeds import rng
from vivi.data.order import batch_ids
from vivi.transfer.detection.annotation import Annotation
from vivi.transfer.detection.pictures import load_pixels
from vivi.transfer.detection.recipe import Recipe
from vivi.transfer.detection.voc import VocImage, VocList

AHEAD = 2
"""Batches that are made ahead."""


@dataclass(frozen=True, slots=True)
class Target:
    """The O objects of an image, as the detector learns or is measured on them."""

    boxes_O4: Tensor
    """float32: x0, y0, x1, y1 in pixels of the stored image."""
    labels_O: Tensor
    """int64, classes from 1: 0 is the background."""
    difficult_O: Tensor
    """bool."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and its objects."""

    image_CHW: Tensor
    """uint8, RGB."""
    target: Target


def target_of(annotation: Annotation, *, classes: Sequence[str]) -> Target:
    """The objects of an annotation; a class is its position in `classes` plus 1."""
    number_of = {name: number for number, name in enumerate(classes, start=1)}
    return Target(
        boxes_O4=torch.from_numpy(annotation.boxes_O4),
        labels_O=torch.tensor([number_of[name] for name in annotation.names], dtype=torch.int64),
        difficult_O=torch.from_numpy(annotation.difficult_O),
    )


def without_difficult(target: Target) -> Target:
    """The objects that are not difficult."""
    kept = ~target.difficult_O
    return Target(target.boxes_O4[kept], labels_O=target.labels_O[kept], difficult_O=target.difficult_O[kept])


def mirrored(sample: Sample) -> Sample:
    """Left and right exchanged: a box from x0 to x1 in an image of width W goes from W - x1 to W - x0."""
    width = sample.image_CHW.shape[2]
    x0, y0, x1, y1 = sample.target.boxes_O4.unbind(dim=1)
    boxes_O4 = torch.stack([width - x1, y0, width - x0, y1], dim=1)
    target = Target(boxes_O4, labels_O=sample.target.labels_O, difficult_O=sample.target.difficult_O)
    return Sample(image_CHW=sample.image_CHW.flip(2), target=target)


class TrainingOrder:
    """Which images a step sees, and which of them are mirrored."""

    def __init__(self, count: int, *, recipe: Recipe) -> None:
        """Order `count` images.

        Raises:
            ConfigError: fewer images than a step takes.
        """
        if count < recipe.batch:
            raise ConfigError(f"batch: a step takes {recipe.batch} images, there are {count}: --set batch={count}")
        self._all, self._recipe = np.arange(count), recipe

    def images(self, step: int) -> NDArray[np.int64]:
        """Positions of the images of a step: permutations of all, cut into batches; what is left over is dropped."""
        return batch_ids(self._all, seed=self._recipe.seed, step=step, size=self._recipe.batch, field="batch")

    def mirrored(self, step: int) -> NDArray[np.bool_]:
        """For each image of a step whether it is mirrored."""
        drawn = rng(self._recipe.seed, step=step, purpose="detection flip").random(self._recipe.batch)
        return drawn < self._recipe.flip


def training_batches(
    found: VocList, *, classes: Sequence[str], recipe: Recipe, first: int, workers: int
) -> Generator[list[Sample]]:
    """The batches of the steps from `first` to the end of the schedule, in order.

    Args:
        found: the training list.
        classes: see `target_of`.
        recipe: says order, flips, and whether difficult objects are among the targets.
        first: the first step.
        workers: threads that decode.

    Raises:
        ConfigError: fewer images than a step takes.
        ImageError: an image cannot be read.
    """
    order = TrainingOrder(len(found.images), recipe=recipe)

    def load(picture: VocImage, mirror: bool) -> Sample:
        image_CHW = torch.from_numpy(np.ascontiguousarray(load_pixels(picture).transpose(2, 0, 1)))
        target = target_of(picture.annotation, classes=classes)
        sample = Sample(image_CHW, target if recipe.learn_difficult else without_difficult(target))
        return mirrored(sample) if mirror else sample

    def begin(step: int) -> list[Future[Sample]]:
        jobs = zip(order.images(step).tolist(), order.mirrored(step).tolist(), strict=True)
        return [pool.submit(load, found.images[at], mirror) for at, mirror in jobs]

    pool = ThreadPoolExecutor(workers, thread_name_prefix="detection")
    waiting: deque[list[Future[Sample]]] = deque()
    try:
        for step in range(first, recipe.schedule.steps):
            while len(waiting) <= AHEAD and step + len(waiting) < recipe.schedule.steps:
                waiting.append(begin(step + len(waiting)))
            yield [each.result() for each in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)
