"""What travels between rooms: shots, the table of all shots of a store, and batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # ingest reads these records too and need not wait for torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of consecutive stored frames of one video."""

    video: int
    """Number of the video in its store."""
    index: int
    """Position of the shot in its video."""
    first: int
    """Number of its first frame, counted in the stored frames of the video."""
    length: int
    """Number of frames."""


@dataclass(frozen=True, slots=True)
class ShotTable:
    """All shots of a store, video after video: V videos, S shots."""

    video_start_V1: NDArray[np.int64]
    """Number of the first shot of each video, and S at the end."""
    first_S: NDArray[np.int64]
    """Number of each shot's first frame, counted in its video's stored frames."""
    length_S: NDArray[np.int64]
    """Frames of each shot."""

    @property
    def num_videos(self) -> int:
        """V."""
        return len(self.video_start_V1) - 1

    def shots(self, video: int) -> tuple[Shot, ...]:
        """The shots of one video, in order."""
        start, end = int(self.video_start_V1[video]), int(self.video_start_V1[video + 1])
        spans = zip(self.first_S[start:end].tolist(), self.length_S[start:end].tolist(), strict=True)
        return tuple(Shot(video=video, index=index, first=a, length=n) for index, (a, n) in enumerate(spans))


@dataclass(frozen=True, slots=True)
class VideoBatch:
    """This rank's slice of one step: N samples of K shots of L frames."""

    step: int
    frames_NKLCHW: Tensor
    """uint8, RGB, cropped and flipped."""
    sample_ids_N: Tensor
    """int64: numbers of the samples in the store (videos, or shots where shots are taken singly)."""


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """This rank's slice of the labelled images of one step: B images, V views of each."""

    step: int
    images_BVCHW: Tensor
    """uint8, RGB, cropped and flipped."""
    labels_B: Tensor
    """int64: position of each image's class in `LabelledSet.classes`."""
