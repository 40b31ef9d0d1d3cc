"""Threads that read, decode and crop whole batches ahead of the training step, from any source of frames."""

import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.seeds import rng
from vivi.data.clips import Sampling
from vivi.data.crop import Cropper, InceptionCrop
from vivi.data.frame_source import FrameSource
from vivi.data.jpeg import RowDecoder
from vivi.data.order import batch_ids
from vivi.data.slots import Pending, Slots

B = TypeVar("B")
Make = Callable[[int, Tensor, NDArray[np.int64]], B]
"""Makes a batch of a step, its frames_NKLCHW on the device, and its ids_N."""


class _Tools(threading.local):
    """What each thread has for itself."""

    def __init__(self, size: int) -> None:
        self.decoder, self.cropper = RowDecoder(), Cropper(size)


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
        seed: the experiment's seed.
        rank: takes the samples rank * N / ranks up to (rank + 1) * N / ranks.
        ranks: must divide N.
        workers: threads; one per core is right.
        device: where batches are delivered; pinned memory and a copy stream of its own are used on CUDA.
        prefetch: batches made ahead.

    Raises:
        ConfigError: too few samples in the source for one batch.
        ValueError: a number out of range.
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
        seed: int,
        rank: int,
        ranks: int,
        workers: int,
        device: torch.device,
        prefetch: int,
    ) -> None:
        if workers < 1 or prefetch < 1 or not 0 <= rank < ranks or samples_per_step < 1 or samples_per_step % ranks:
            raise ValueError("workers and prefetch must be positive, rank below ranks, ranks a divisor of the batch")
        self._source, self._sampling, self._crop = source, sampling, crop
        self._size, self._field, self._stream, self._seed = samples_per_step, field, stream, seed
        self._workers, self._prefetch = workers, prefetch
        self._eligible = sampling.eligible(source.table)
        self._ids(0)  # there are enough
        share = samples_per_step // ranks
        self._positions = range(rank * share, (rank + 1) * share)
        self._tools = _Tools(crop.size)
        self._slots = Slots((share, sampling.shots, sampling.frames, 3, crop.size, crop.size), device=device)

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
            ViviError: a frame cannot be read or decoded; the text names it.
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
        pending = Pending(self._slots, step=step, ids_N=ids_N)
        for index in range(len(self._positions)):
            pool.submit(self._work, pending, index, stop)
        return pending

    def _finish(self, pending: Pending, make: Make[B]) -> B:
        return make(pending.step, self._slots.hand_over(pending.delivered.result()), pending.ids_N)

    def _work(self, pending: Pending, index: int, stop: threading.Event) -> None:
        memory = pending.memory
        if memory is None or pending.delivered.done():
            return
        try:
            if self._fill(memory[index], int(pending.ids_N[index]), self._positions[index], pending.step, stop):
                del memory
                pending.sample_done()
        except BaseException as error:
            pending.fail(error)

    def _fill(self, out_KLCHW: NDArray[np.uint8], sample: int, position: int, step: int, stop: threading.Event) -> bool:
        """Write one sample; False if it was stopped. `position` is the sample's place in the whole batch."""
        clip = self._sampling.draw(sample, self._source.table, seed=self._seed, step=step)
        video = self._source.video(clip.video)
        generator = rng(self._seed, step=step, purpose=f"{self._stream}crop", sample=position)
        count = clip.frame_numbers_KL.size
        crops = self._crop.draw(generator, height=video.height, width=video.width, count=count)
        for shot, (numbers, out_LCHW) in enumerate(zip(clip.frame_numbers_KL.tolist(), out_KLCHW, strict=True)):
            shot_crops = crops[shot * len(numbers) : (shot + 1) * len(numbers)]
            first = min(numbers)
            frames = video.read(first=first, count=max(numbers) - first + 1)
            for number in dict.fromkeys(numbers):
                if stop.is_set():
                    return False
                members = [index for index, each in enumerate(numbers) if each == number]
                rows = max(shot_crops[index].bottom for index in members)
                image_HWC = frames[number - first].decode(self._tools.decoder, rows=rows)
                for index in members:
                    self._tools.cropper.cut(image_HWC, crop=shot_crops[index], out_CSS=out_LCHW[index])
        return True
