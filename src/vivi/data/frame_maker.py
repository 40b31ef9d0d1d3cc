"""What becomes of the frames of a sample that was drawn: where their pixels are decoded, cropped and kept."""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vivi.data.crop import Crop, Cropper
from vivi.data.frame_source import Video
from vivi.data.jpeg import RowDecoder
from vivi.data.slots import Slots

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class DrawnSample:
    """Which frames of a video a sample shows, and which part of each."""

    video: Video
    numbers_KL: list[list[int]]
    """Of the frames, counted in the stored frames of the video."""
    crops_KL: list[list[Crop]]


class FrameMaker(ABC, Generic[M]):
    """Makes the pixels of whole batches, sample by sample, in the memory M of each batch. Several threads use it."""

    @abstractmethod
    def take(self) -> M:
        """Memory for one batch."""

    @abstractmethod
    def fill(self, memory: M, index: int, *, sample: DrawnSample, stop: threading.Event) -> bool:
        """Write one sample to its place of the memory; False if it was stopped.

        Raises:
            ViviError: a frame cannot be read or decoded; the text names it.
        """

    @abstractmethod
    def deliver(self, memory: M) -> Tensor:
        """A filled batch on the device, complete when this returns; may be called in any thread."""

    @abstractmethod
    def hand_over(self, batch: Tensor) -> Tensor:
        """Tell the allocator that the caller's stream uses a delivered batch."""


AnyFrameMaker = FrameMaker[Any]


class _Tools(threading.local):
    """What each thread has for itself."""

    def __init__(self, size: int) -> None:
        self.decoder, self.cropper = RowDecoder(), Cropper(size)


class CPUFrameMaker(FrameMaker[NDArray[np.uint8]]):
    """Threads decode each frame no farther down than its crop needs, crop it, and the whole batch is copied.

    Args:
        slots: of batches of the shape N, K, L, 3, S, S.
        size: S, pixels of a side.
    """

    def __init__(self, slots: Slots, *, size: int) -> None:
        self._slots, self._tools = slots, _Tools(size)

    def take(self) -> NDArray[np.uint8]:
        """See `Slots.take`."""
        return self._slots.take()

    def deliver(self, memory: NDArray[np.uint8]) -> Tensor:
        """See `Slots.deliver`."""
        return self._slots.deliver(memory)

    def hand_over(self, batch: Tensor) -> Tensor:
        """See `Slots.hand_over`."""
        return self._slots.hand_over(batch)

    def fill(self, memory: NDArray[np.uint8], index: int, *, sample: DrawnSample, stop: threading.Event) -> bool:
        """See `FrameMaker.fill`; a frame that is shown several times is decoded once."""
        for numbers, crops, out_LCHW in zip(sample.numbers_KL, sample.crops_KL, memory[index], strict=True):
            first = min(numbers)
            frames = sample.video.read(first=first, count=max(numbers) - first + 1)
            for number in dict.fromkeys(numbers):
                if stop.is_set():
                    return False
                members = [place for place, each in enumerate(numbers) if each == number]
                rows = max(crops[place].bottom for place in members)
                image_HWC = frames[number - first].decode(self._tools.decoder, rows=rows)
                for place in members:
                    self._tools.cropper.cut(image_HWC, crop=crops[place], out_CSS=out_LCHW[place])
        return True
