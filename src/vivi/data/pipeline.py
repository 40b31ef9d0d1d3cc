"""Threads that read, decode and crop whole batches ahead of the training step, from any source of frames."""

import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.errors import StoreError
from vivi.core.seeds import rng
from vivi.data.clips import Clip, Sampling
from vivi.data.crop import InceptionCrop
from vivi.data.damage import TooManyDamagedError, damaged_records, sample_instead
from vivi.data.delivery import Delivery
from vivi.data.device_frames import DeviceFrameMaker
from vivi.data.frame_maker import AnyFrameMaker, CPUFrameMaker, DrawnSample
from vivi.data.frame_source import FrameSource
from vivi.data.image_file import ImageError
from vivi.data.order import batch_ids
from vivi.data.pending import Pending
from vivi.data.slots import Slots

B = TypeVar("B")
Make = Callable[[int, Tensor, NDArray[np.int64]], B]
"""Makes a batch of a step, its frames_NKLCHW on the device, and its ids_N."""


class Pipeline:
    """Makes a rank's part of each step's batch, ahead of time, with threads.

    A batch is a pure function of (source, settings, seed, step): neither workers nor ranks nor the step where
    reading begins change a pixel.

    Args:
        source: where the frames come from.
        sampling: which frames a sample shows.
        crop: how each frame is cropped.
        samples_per_step: N, samples of the whole batch over all ranks.
        field: the experiment's field with that number, for messages.
        stream: prefix of the purposes of all random numbers here.
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
        crop: InceptionCrop,
        samples_per_step: int,
        field: str,
        stream: str,
        delivery: Delivery,
    ) -> None:
        self._source, self._sampling, self._crop = source, sampling, crop
        self._size, self._field, self._stream = samples_per_step, field, stream
        self._seed, self._damage = delivery.seed, delivery.damage
        self._workers, self._prefetch = delivery.workers, delivery.prefetch
        self._positions = delivery.positions(samples_per_step)
        self._eligible = sampling.eligible(source.table)
        self._ids(0)  # there are enough
        shape = (len(self._positions), sampling.shots, sampling.frames, 3, crop.size, crop.size)
        self._frames: AnyFrameMaker = (
            CPUFrameMaker(Slots(shape, device=delivery.device), size=crop.size)
            if delivery.decode is None
            else DeviceFrameMaker(shape, decode=delivery.decode, device=delivery.device)
        )

    def batches(self, first_step: int, last_step: int, *, make: Make[B]) -> Generator[B]:
        """Batches of the steps first_step, ..., last_step - 1, in order.

        The threads live as long as the generator: they end when it is exhausted, closed, collected or fails.
        OpenCV's own threads are switched off for the process, since the threads here fill the cores.

        Args:
            first_step: where reading begins.
            last_step: where it ends.
            make: called with step, frames_NKLCHW (uint8 on the device, N being this rank's samples) and ids_N; the
                memory is reused only after every tensor over it is gone.

        Raises:
            ViviError: a frame cannot be read or decoded, or more of them than the limit; the text names it.
        """
        cv2.setNumThreads(1)
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="vivi-loader")
        waiting: deque[Pending] = deque()
        try:
            for step in range(first_step, last_step):
                while len(waiting) <= self._prefetch and step + len(waiting) < last_step:
                    waiting.append(self._begin(step + len(waiting), pool, stop))
                yield self._finish(waiting.popleft(), make)
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _ids(self, step: int) -> NDArray[np.int64]:
        return batch_ids(
            self._eligible,
            seed=self._seed,
            step=step,
            size=self._size,
            stream=self._stream,
            field=self._field,
            noun=self._sampling.unit,
        )

    def _begin(self, step: int, pool: ThreadPoolExecutor, stop: threading.Event) -> Pending:
        ids_N = self._ids(step)[self._positions.start : self._positions.stop]
        pending = Pending(self._frames, step=step, ids_N=ids_N)
        for index in range(len(self._positions)):
            pool.submit(self._work, pending, index, stop)
        return pending

    def _finish(self, pending: Pending, make: Make[B]) -> B:
        try:
            delivered = pending.delivered.result()
        finally:
            self._damage.add(pending.step, pending.all_damaged())
        return make(pending.step, self._frames.hand_over(delivered), pending.ids_N)

    def _work(self, pending: Pending, index: int, stop: threading.Event) -> None:
        memory = pending.memory
        if memory is None or pending.delivered.done():
            return
        try:
            if self._fill(memory, index, pending=pending, stop=stop):
                del memory
                pending.sample_done()
        except BaseException as error:
            pending.fail(error)

    def _fill(self, memory: Any, index: int, *, pending: Pending, stop: threading.Event) -> bool:
        """Write one sample, or the first one instead of it that is whole; False if it was stopped."""
        damaged, attempt = pending.damaged[index], 0
        while True:
            clip = self._sampling.draw(
                int(pending.ids_N[index]), self._source.table, seed=self._seed, step=pending.step
            )
            try:
                sample = self._drawn(clip, position=self._positions[index], step=pending.step)
                return self._frames.fill(memory, index, sample=sample, stop=stop)
            except (StoreError, ImageError) as error:
                found = damaged_records(self._source, clip) if self._damage.limit else []
                damaged += found
                if len(damaged) > self._damage.limit > 0:
                    raise TooManyDamagedError(len(damaged), limit=self._damage.limit, example=damaged[-1]) from error
                other = self._instead(index, attempt=attempt, step=pending.step) if found else None
                if other is None:
                    raise
                pending.ids_N[index], attempt = other, attempt + 1

    def _drawn(self, clip: Clip, *, position: int, step: int) -> DrawnSample:
        """The sample of a clip at a place of the whole batch, which decides the crops."""
        video = self._source.video(clip.video)
        generator = rng(self._seed, step=step, purpose=f"{self._stream}crop", sample=position)
        numbers_KL = clip.frame_numbers_KL
        crops = self._crop.draw(generator, height=video.height, width=video.width, count=numbers_KL.size)
        frames = numbers_KL.shape[1]
        crops_KL = [crops[first : first + frames] for first in range(0, len(crops), frames)]
        return DrawnSample(video, numbers_KL.tolist(), crops_KL)

    def _instead(self, index: int, *, attempt: int, step: int) -> int | None:
        return sample_instead(
            self._positions[index],
            attempt=attempt,
            eligible=self._eligible,
            ids_N=self._ids(step),
            seed=self._seed,
            step=step,
            stream=self._stream,
        )
