"""Where a run's batches come from: a shot store or a folder of images, labelled images, or both."""

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from torch import Tensor

from vivi.core.errors import ConfigError, StoreError, ViviError
from vivi.core.world import World
from vivi.data.clips import SingleImages
from vivi.data.damage import Damage
from vivi.data.delivery import Delivery
from vivi.data.device_frames import JPEGDecoder
from vivi.data.image_source import ImageSource
from vivi.data.labelled import ImageLoader, LabelledSet
from vivi.data.loader import VideoLoader
from vivi.data.nvjpeg import check_nvjpeg, nvjpeg
from vivi.data.records import ImageBatch, VideoBatch
from vivi.data.store import ShotStore
from vivi.data.store.format import MANIFEST
from vivi.experiment import Experiment
from vivi.objectives.supervised import Supervised


@dataclass(frozen=True, slots=True)
class StepInput:
    """This rank's part of one step."""

    videos: VideoBatch | None
    images: ImageBatch | None

    def pictures(self, count: int) -> Tensor:
        """Some of its pictures, uint8 BCHW."""
        if self.videos is not None:
            return self.videos.frames_NKLCHW.flatten(0, 2)[:count]
        assert self.images is not None
        return self.images.images_BVCHW.flatten(0, 1)[:count]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The opened sources of a run; `Inputs.open` sees that they are what the experiment needs."""

    experiment: Experiment
    source: ShotStore | ImageSource | None
    labelled: LabelledSet | None
    damage: Damage = field(default_factory=Damage)
    """How many damaged records are borne, and which were found in the batches so far."""
    decode: JPEGDecoder | None = None
    """Decodes on the device; None: threads decode."""

    @classmethod
    def open(
        cls,
        experiment: Experiment,
        *,
        data: Path | None,
        labels: Path | None,
        label_list: Path | None,
        bad_records: int = 0,
        gpu_decode: bool = False,
    ) -> "Inputs":
        """Open what the experiment learns from.

        Args:
            experiment: says what it needs.
            data: a shot store, or a folder of images for a method that learns from single images.
            labels: a folder of labelled images for the image levels.
            label_list: names of those to use; None: the share that the experiment says.
            bad_records: how many damaged records are replaced by others; 0: the first one is an error.
            gpu_decode: whether a GPU decodes.

        Raises:
            ViviError: something is missing, not needed, or does not fit; the text names the flag.
        """
        _check_flags(experiment, data=data, labels=labels, label_list=label_list)
        source = None if data is None else _open_source(data, experiment)
        labelled = None
        if labels is not None and experiment.labelled is not None:
            labelled = LabelledSet.open(
                labels, share=experiment.labelled.share, seed=experiment.seed, file_list=label_list
            )
            _check_classes(experiment, labelled)
        return cls(experiment, source, labelled, Damage(bad_records), nvjpeg if gpu_decode else None)

    def identity(self) -> dict[str, str]:
        """Fingerprints that change with the data, and what decodes it where that is not the CPU."""
        found = {"data": self.source, "labels": self.labelled}
        decode = {} if self.decode is None else {"decode": "device"}
        return {name: each.digest for name, each in found.items() if each is not None} | decode

    def facts(self) -> dict[str, Any]:
        """What was learned from, in numbers, for the model card."""
        facts: dict[str, Any] = {} if self.source is None else dict(self.source.facts)
        if self.labelled is not None:
            facts |= {"labelled images": len(self.labelled.images), "classes": len(self.labelled.classes)}
        return facts

    def check(self, *, world: World, workers: int) -> None:
        """See that there is enough for one batch, and what is to decode it, before anything is written.

        Raises:
            ViviError: there is not.
        """
        if self.decode is nvjpeg:
            check_nvjpeg(world.device)
        self.batches(0, 0, world=world, workers=workers).close()

    def batches(self, first_step: int, last_step: int, *, world: World, workers: int) -> Generator[StepInput]:
        """The batches of the steps first_step, ..., last_step - 1, made ahead by threads.

        Raises:
            ConfigError: there is too little data for one batch.
            ViviError: a frame or an image cannot be read, or more of them than are borne.
        """
        delivery = Delivery(
            seed=self.experiment.seed,
            rank=world.rank,
            ranks=world.size,
            workers=workers,
            device=world.device,
            damage=self.damage,
            decode=self.decode,
        )
        videos = None if self.source is None else _video_loader(self.experiment, self.source, delivery)
        images = None
        if self.labelled is not None and self.experiment.labelled is not None:
            images = ImageLoader(self.labelled, settings=self.experiment.labelled, delivery=delivery)
        return _zipped(videos, images, first_step, last_step)


def _zipped(
    videos: VideoLoader | None, images: ImageLoader | None, first_step: int, last_step: int
) -> Generator[StepInput]:
    with ExitStack() as stack:
        of_videos = None if videos is None else stack.enter_context(closing(videos.batches(first_step, last_step)))
        of_images = None if images is None else stack.enter_context(closing(images.batches(first_step, last_step)))
        for _, one, other in zip(
            range(first_step, last_step), of_videos or repeat(None), of_images or repeat(None), strict=False
        ):
            yield StepInput(one, other)


def _video_loader(experiment: Experiment, source: ShotStore | ImageSource, delivery: Delivery) -> VideoLoader:
    return VideoLoader(
        source,
        sampling=experiment.sampling,
        augmentation=experiment.augmentation,
        samples_per_step=experiment.samples_per_step,
        delivery=delivery,
    )


def _check_flags(experiment: Experiment, *, data: Path | None, labels: Path | None, label_list: Path | None) -> None:
    name = experiment.name
    if experiment.uses_videos and data is None:
        single = isinstance(experiment.sampling, SingleImages)
        what = "a folder of images" if single else "a store that `vivi ingest` wrote"
        raise ConfigError(f"--data is missing: {name} learns from {what}")
    if data is not None and not experiment.uses_videos:
        raise ConfigError(f"--data {data}: {name} learns from labelled images alone; leave it out, give --labels")
    if experiment.image_levels and labels is None:
        raise ConfigError(f"--labels is missing: {name} learns from labelled images; give a folder CLASS/IMAGE")
    if labels is not None and not experiment.image_levels:
        raise ConfigError(f"--labels {labels}: {name} learns without labels; leave it out, or take a -Co preset")
    if label_list is not None and labels is None:
        raise ConfigError("--label-list: it names images of a folder, give that with --labels")


def _open_source(data: Path, experiment: Experiment) -> ShotStore | ImageSource:
    """A folder of images for a method that learns from single images, else a store."""
    is_store = (data / MANIFEST).exists()
    if not isinstance(experiment.sampling, SingleImages):
        if data.is_dir() and not is_store and _has_images(data):
            raise StoreError(
                f"--data {data} is a folder of images, {experiment.name} learns from videos: give a store that "
                "`vivi ingest` wrote, or take Ex-ImageNet or Rot-ImageNet"
            )
        return ShotStore.open(data)
    if is_store:
        raise StoreError(
            f"--data {data} is a store of shots, {experiment.name} learns from a folder of images: give one, or take "
            "Ex-YT-F or Rot-YT-F, which learn from single frames of videos"
        )
    return ImageSource.open(data)


def _has_images(folder: Path) -> bool:
    try:
        return len(ImageSource.open(folder).paths) > 0
    except ViviError:
        return False


def _check_classes(experiment: Experiment, labelled: LabelledSet) -> None:
    found = len(labelled.classes)
    for number, level in enumerate(experiment.image_levels):
        if isinstance(level.objective, Supervised) and level.objective.classes != found:
            field = f"image_levels.{number}.objective.classes"
            raise ConfigError(
                f"{field} is {level.objective.classes}, {labelled.root} has {found} classes: --set {field}={found}"
            )
