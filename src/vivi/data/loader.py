"""Batches of videos, made ahead of the training step: from a shot store, or from images taken for short videos."""

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.to_device import to_device
from vivi.data.augment import Augmentation
from vivi.data.clips import Sampling
from vivi.data.delivery import Delivery
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
        delivery: for whom, how far ahead, and with what.

    Raises:
        ConfigError: too few samples in the source for one batch.
        ValueError: the ranks cannot share such a batch equally.
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        sampling: Sampling,
        augmentation: Augmentation,
        samples_per_step: int,
        delivery: Delivery,
    ) -> None:
        self._pipeline = Pipeline(
            source,
            sampling=sampling,
            crop=augmentation.crop,
            samples_per_step=samples_per_step,
            field="samples_per_step",
            stream="",
            delivery=delivery,
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
