"""Threads that read, decode and crop whole batches ahead of the training step."""

import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vivi.core.errors import StoreError
from vivi.core.seeds import rng
from vivi.data.augment import Augmentation
from vivi.data.clips import Sampling
from vivi.data.crop import Cropper
from vivi.data.jpeg import RowDecoder
from vivi.data.order import batch_ids
from vivi.data.records import ShotTable, VideoBatch
from vivi.data.slots import Pending, Slots


class FrameSource(Protocol):
    """What the loader needs of a shot store. Several threads call it at once."""

    @property
    def table(self) -> ShotTable:
        """All shots."""

    def video_path(self, video: int) -> str:
        """Name of a video, for messages."""

    def frame_size(self, video: int) -> tuple[int, int]:
        """Height and width of a video's stored frames."""

    def read_frames(self, video: int, *, first: int, count: int) -> Sequence[bytes]:
        """Consecutive stored frames as JPEG files, their checksums verified."""


class _Tools(threading.local):
    """What each thread has for itself."""

    def __init__(self, size: int) -> None:
        self.decoder, self.cropper = RowDecoder(), Cropper(size)


class VideoLoader:
    """Makes a rank's part of each step's batch, ahead of time, with threads.

    A batch is a pure function of (store, settings, seed, step): neither workers nor ranks nor the step where
    reading begins change a pixel.

    Args:
        store: where the frames come from.
        sampling: which frames a sample shows.
        augmentation: its crop is done here.
        samples_per_step: N, samples of the whole batch over all ranks.
        seed: the experiment's seed.
        rank: takes the samples rank * N / ranks up to (rank + 1) * N / ranks.
        ranks: must divide N.
        workers: threads; one per core is right.
        device: where batches are delivered; pinned memory and a copy stream of its own are used on CUDA.
        prefetch: batches made ahead.

    Raises:
        ConfigError: too few samples in the store for one batch.
        ValueError: a number out of range.
    """

    def __init__(
        self,
        store: FrameSource,
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
    ) -> None:
        if workers < 1 or prefetch < 1 or not 0 <= rank < ranks or samples_per_step < 1 or samples_per_step % ranks:
            raise ValueError("workers and prefetch must be positive, rank below ranks, ranks a divisor of the batch")
        self._store, self._sampling, self._crop = store, sampling, augmentation.crop
        self._size, self._seed, self._workers, self._prefetch = samples_per_step, seed, workers, prefetch
        self._eligible = sampling.eligible(store.table)
        batch_ids(self._eligible, seed=seed, step=0, size=samples_per_step)
        share = samples_per_step // ranks
        self._positions = range(rank * share, (rank + 1) * share)
        side = augmentation.crop.size
        self._tools = _Tools(augmentation.crop.size)
        self._slots = Slots((share, sampling.shots, sampling.frames, 3, side, side), device=device)

    def batches(self, first_step: int, last_step: int) -> Generator[VideoBatch]:
        """Batches of the steps first_step, ..., last_step - 1, in order.

        The threads live as long as the generator: they end when it is exhausted, closed, collected or fails.
        OpenCV's own threads are switched off for the process, since the loader's threads fill the cores.

        Yields:
            frames_NKLCHW uint8 on the device, N being this rank's samples; the memory is reused only after every
            tensor over it is gone.

        Raises:
            StoreError: a frame cannot be read or decoded; the text names video and frame.
        """
        cv2.setNumThreads(1)
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="vivi-loader")
        waiting: deque[Pending] = deque()
        try:
            for step in range(first_step, last_step):
                while len(waiting) <= self._prefetch and step + len(waiting) < last_step:
                    waiting.append(self._begin(step + len(waiting), pool, stop))
                yield self._finish(waiting.popleft())
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self, step: int, pool: ThreadPoolExecutor, stop: threading.Event) -> Pending:
        ids = batch_ids(self._eligible, seed=self._seed, step=step, size=self._size)
        pending = Pending(self._slots, step=step, ids_N=ids[self._positions.start : self._positions.stop])
        for index in range(len(self._positions)):
            pool.submit(self._work, pending, index, stop)
        return pending

    def _finish(self, pending: Pending) -> VideoBatch:
        frames_NKLCHW = self._slots.hand_over(pending.delivered.result())
        return VideoBatch(pending.step, frames_NKLCHW, torch.from_numpy(pending.ids_N).to(frames_NKLCHW.device))

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
        clip = self._sampling.draw(sample, self._store.table, seed=self._seed, step=step)
        height, width = self._store.frame_size(clip.video)
        generator = rng(self._seed, step=step, purpose="crop", sample=position)
        crops = self._crop.draw(generator, height=height, width=width, count=clip.frame_numbers_KL.size)
        for shot, (numbers, out_LCHW) in enumerate(zip(clip.frame_numbers_KL.tolist(), out_KLCHW, strict=True)):
            shot_crops = crops[shot * len(numbers) : (shot + 1) * len(numbers)]
            first = min(numbers)
            files = self._store.read_frames(clip.video, first=first, count=max(numbers) - first + 1)
            for number in dict.fromkeys(numbers):
                if stop.is_set():
                    return False
                members = [index for index, each in enumerate(numbers) if each == number]
                rows = max(shot_crops[index].bottom for index in members)
                image_HWC = self._decode(files[number - first], clip.video, number, (height, width), rows)
                for index in members:
                    self._tools.cropper.cut(image_HWC, crop=shot_crops[index], out_CSS=out_LCHW[index])
        return True

    def _decode(self, data: bytes, video: int, number: int, size: tuple[int, int], rows: int) -> NDArray[np.uint8]:
        height, width = size
        try:
            return self._tools.decoder.decode(data, height=height, width=width, rows=rows)
        except ValueError as error:
            name = self._store.video_path(video)
            raise StoreError(
                f"frame {number} of video {name!r} in the store cannot be decoded ({error}): "
                "the store is damaged, ingest the videos again"
            ) from error
