"""Batches of videos, made ahead of the training step: from a shot store, or from images taken for short videos."""

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.to_device import to_device
from vivi.data.augment import Augmentation
from vivi.data.clips import Sampling
from vivi.data.damage import Damage
from vivi.data.device_frames import JPEGDecoder
from vivi.data.frame_source import FrameSource
from vivi.data.pipeline import Pipeline
from vivi.data.records import VideoBatch


class VideoLoader:
    """Makes a rank's part of each step's batch, ahead of time, with threads; see `Pipeline`.

    Args:
        source: where the frames come from.
        sampling: which frames a sample shows.
        augmentation: its crop is done here.
        samples_per_step: N, samples of the whole batch over all ranks.
        seed: the experiment's seed.
        rank: takes the samples rank * N / ranks up to (rank + 1) * N / ranks.
        ranks: must divide N.
        workers: threads; one per core is right.
        device: where batches are delivered.
        prefetch: batches made ahead.
        damage: how many damaged records are borne, and where they are noted.
        decode: decodes on the device; None: the threads decode.

    Raises:
        ConfigError: too few samples in the source for one batch.
        ValueError: a number out of range.
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        sampling: Sampling,
        augmentation: Augmentation,
        samples_per_step: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        workers: int,
        device: torch.device,
        prefetch: int = 2,
        damage: Damage | None = None,
        decode: JPEGDecoder | None = None,
    ) -> None:
        self._pipeline = Pipeline(
            source,
            sampling=sampling,
            crop=augmentation.crop,
            samples_per_step=samples_per_step,
            field="samples_per_step",
            stream="",
            seed=seed,
            rank=rank,
            ranks=ranks,
            workers=workers,
            device=device,
            prefetch=prefetch,
            damage=damage,
            decode=decode,
        )

    def batches(self, first_step: int, last_step: int) -> Generator[VideoBatch]:
        """Batches of the steps first_step, ..., last_step - 1, in order; threads make them while the generator lives.

        Yields:
            frames_NKLCHW uint8 on the device, N being this rank's samples; the memory is reused only after every
            tensor over it is gone.

        Raises:
            ViviError: a frame cannot be read or decoded; the text names it.
        """
        return self._pipeline.batches(first_step, last_step, make=_video_batch)


def _video_batch(step: int, frames_NKLCHW: Tensor, ids_N: NDArray[np.int64]) -> VideoBatch:
    return VideoBatch(step, frames_NKLCHW, to_device(torch.from_numpy(ids_N), frames_NKLCHW.device))
