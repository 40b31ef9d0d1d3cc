"""Labelled images to learn from: how many a step, which share of a folder, and their batches."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from vivi.core.config import config
from vivi.core.errors import ConfigError, ViviError
from vivi.core.to_device import to_device
from vivi.data.augment import Augmentation
from vivi.data.clips import SingleImages
from vivi.data.delivery import Delivery
from vivi.data.file_list import images_of_list
from vivi.data.image_source import ImageSource
from vivi.data.images import ImageFolder, LabelledImage, names_digest, some_of_each_class
from vivi.data.pipeline import Pipeline
from vivi.data.records import ImageBatch

STREAM = "images/"
"""Prefix of the purposes of all random numbers of labelled images, so that videos beside them have other ones."""
SPLIT_SEED = 0
"""Splits a folder that has no given split, as `vivi evaluate` does unless told otherwise."""


@config
class LabelledImages:
    """The labelled images of a step (paper, section 3.1: the supervised loss of co-training)."""

    images_per_step: Annotated[int, Field(ge=1)] = 256
    """Images of the whole batch, over all devices."""
    views: Annotated[int, Field(ge=1)] = 1
    """V: how many times each image is shown, each time cropped and coloured anew."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Class-balanced share of the training images; 1 takes all of them as they are."""
    norm_group: Annotated[int, Field(ge=1)] = 128
    """Images that share batch statistics."""
    augmentation: Augmentation = Augmentation()


@dataclass(frozen=True)
class LabelledSet:
    """Labelled images of one folder, none of which is held out for testing."""

    root: Path
    classes: tuple[str, ...]
    """Names of the classes, sorted."""
    images: tuple[LabelledImage, ...]
    """Sorted by class and path, which is relative to `root`."""

    @classmethod
    def open(cls, folder: Path, *, share: float = 1.0, seed: int, file_list: Path | None = None) -> "LabelledSet":
        """The training images of a folder (see `ImageFolder.open`), a balanced share of them, or those of a list.

        A share below 1 takes round(share * images / classes) images of each class: at least one, and all where a class
        has fewer. Less is a subset of more.

        Args:
            folder: with the layout SPLIT/CLASS/... or CLASS/...; of the latter the quarter that `vivi evaluate` tests
                on by default is left out.
            share: 0 < share <= 1.
            seed: decides which images of a class make up the share.
            file_list: names of exactly the images to take, see `images_of_list`; they must be about that share.

        Raises:
            ViviError: not such a folder, a share out of range, or a list whose names are unknown, ambiguous,
                all of one class, or another share of the images.
        """
        if not 0 < share <= 1:
            raise ViviError(f"labelled.share is {share}: it must be above 0 and at most 1")
        found = ImageFolder.open(folder, seed=SPLIT_SEED)
        images = found.train
        if file_list is not None:
            images = images_of_list(found, file_list)
            _check_share(len(images), of=found, share=share, file_list=file_list)
            _check_every_class(images, of=found, file_list=file_list)
        elif share < 1:
            count = max(1, round(share * len(images) / len(found.classes)))
            images = some_of_each_class(images, count=count, seed=seed, purpose=f"{STREAM}share")
        return cls(root=folder, classes=found.classes, images=images)

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with the set of images and their labels, not with what is in a file."""
        marked = ((image.path, f"{image.label} {self.classes[image.label]}") for image in self.images)
        return names_digest(marked)


def _check_share(count: int, *, of: ImageFolder, share: float, file_list: Path) -> None:
    """A list stands for the share that the experiment's name says, up to a twentieth or an image of each class."""
    expected = share * len(of.train)
    if abs(count - expected) > max(len(of.classes), expected / 20):
        found = count / len(of.train)
        raise ViviError(
            f"{file_list} names {count} of the {len(of.train)} training images of {of.root}, a share of {found:.3g}, "
            f"but labelled.share is {share:g}: take a list or a preset that fits, or --set labelled.share={found:.3g}"
        )


def _check_every_class(images: Sequence[LabelledImage], *, of: ImageFolder, file_list: Path) -> None:
    seen = {image.label for image in images}
    missing = [name for label, name in enumerate(of.classes) if label not in seen]
    if missing:
        raise ViviError(
            f"{file_list} names no image of {len(missing)} of the {len(of.classes)} classes of {of.root}, such as "
            f"{missing[0]!r}: add some, or give a folder without these classes"
        )


class ImageLoader:
    """Makes a rank's part of each step's labelled images, ahead of time, with threads; see `Pipeline`.

    An epoch shows no image twice. The random numbers are others than those of videos with the same seed.

    Args:
        labelled: the images.
        settings: how many a step, and how they are cropped.
        delivery: for whom, how far ahead, and with what.

    Raises:
        ConfigError: fewer images than a step needs.
        ValueError: the ranks cannot share such a batch equally.
    """

    def __init__(self, labelled: LabelledSet, *, settings: LabelledImages, delivery: Delivery) -> None:
        count = len(labelled.images)
        if count < settings.images_per_step and settings.share < 1:
            raise ConfigError(
                f"a share of {settings.share:g} of the labelled images are {count}, and a step needs "
                f"{settings.images_per_step} different ones: give more images (or a longer --label-list), a larger "
                f"--set labelled.share, or --set labelled.images_per_step={count} (labelled.norm_group must divide it)"
            )
        self._labels_V = np.array([image.label for image in labelled.images], dtype=np.int64)
        self._pipeline = Pipeline(
            ImageSource(labelled.root, [image.path for image in labelled.images]),
            sampling=SingleImages(frames=settings.views),
            crop=settings.augmentation.crop,
            samples_per_step=settings.images_per_step,
            field="labelled.images_per_step",
            stream=STREAM,
            delivery=delivery,
        )

    def batches(self, first_step: int, last_step: int) -> Generator[ImageBatch]:
        """Batches of the steps first_step, ..., last_step - 1, in order; threads make them while the generator lives.

        Yields:
            images_BVCHW uint8 and labels_B on the device, B being this rank's images; the memory is reused only after
            every tensor over it is gone.

        Raises:
            ViviError: an image cannot be read or decoded; the text names its file.
        """
        return self._pipeline.batches(first_step, last_step, make=self._batch)

    def _batch(self, step: int, frames_NKLCHW: Tensor, ids_N: NDArray[np.int64]) -> ImageBatch:
        labels_B = to_device(torch.from_numpy(self._labels_V[ids_N]), frames_NKLCHW.device)
        return ImageBatch(step, frames_NKLCHW[:, 0], labels_B)
