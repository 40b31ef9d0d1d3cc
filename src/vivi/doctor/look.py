"""One look at every stored frame of a store: what all findings are made of, a few numbers a frame."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vivi.core.errors import StoreError
from vivi.data.store import ShotStore
from vivi.doctor.hashes import frame_hash, thumbnail
from vivi.video.borders import Borders, BorderSearch
from vivi.video.shots import HistogramShots, colour_histogram, half_l1

BLACK_PIXEL, BLACK_SHARE = 25, 0.98
"""A frame is black when this share of its pixels is at most this bright, as FFmpeg's blackdetect has it by default."""
_BATCH = 64
"""Frames read at once."""


@dataclass(frozen=True, slots=True)
class VideoLook:
    """The numbers of one video of N stored frames."""

    video: int
    distances: NDArray[np.float32]
    """N-1: of the colour histograms of neighbouring frames, 0 to 1."""
    changes: NDArray[np.float32]
    """N-1: mean difference of the brightness of neighbouring frames at 32 x 32, of 255."""
    is_black: NDArray[np.bool_]
    """N."""
    hashes: NDArray[np.uint64]
    """N; 0 for frames that show next to nothing."""
    brightness: NDArray[np.float32]
    """N: mean, of 255."""
    borders: Borders | None


def look_at(
    store: ShotStore,
    *,
    videos: Sequence[int],
    threads: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[VideoLook]:
    """Look at every frame of these videos, in their order.

    Args:
        store: where they are.
        videos: their numbers.
        threads: that decode.
        progress: called with videos done and in all.

    Raises:
        StoreError: a frame is damaged; the text names it.
    """
    bits = HistogramShots().bits
    looks: list[VideoLook] = []
    with ThreadPoolExecutor(threads) as pool:
        numbers = iter(videos)
        waiting = [pool.submit(look_at_one, store, video, bits=bits) for video in islice(numbers, 4 * threads)]
        while waiting:
            looks.append(waiting.pop(0).result())
            waiting += [pool.submit(look_at_one, store, video, bits=bits) for video in islice(numbers, 1)]
            progress(len(looks), len(videos))
    return looks


def look_at_one(store: ShotStore, video: int, *, bits: int) -> VideoLook:
    """Look at every frame of one video."""
    search = BorderSearch()
    count = store.num_frames(video)
    for_borders = {number * (count - 1) // (search.frames - 1) for number in range(search.frames)}
    images_for_borders: list[NDArray[np.uint8]] = []
    seen, before, thumbnail_before = _Numbers(), None, None
    for number, image_HWC in enumerate(frames(store, video)):
        if number in for_borders:
            images_for_borders.append(image_HWC)
        grey_HW = np.asarray(cv2.cvtColor(image_HWC, cv2.COLOR_RGB2GRAY), np.uint8)
        histogram, small = colour_histogram(image_HWC, bits=bits), thumbnail(grey_HW)
        seen.black.append(bool((grey_HW <= BLACK_PIXEL).mean() >= BLACK_SHARE))
        seen.hashes.append(frame_hash(small))
        seen.brightness.append(float(small.mean()))
        if before is not None and thumbnail_before is not None:
            seen.distances.append(half_l1(before, histogram))
            seen.changes.append(float(np.abs(small - thumbnail_before).mean()))
        before, thumbnail_before = histogram, small
    return seen.look(video, borders=search.find(images_for_borders))


def frames(store: ShotStore, video: int) -> Iterator[NDArray[np.uint8]]:
    """The stored frames of a video, RGB.

    Raises:
        StoreError: a frame is damaged, or is no JPEG.
    """
    count = store.num_frames(video)
    for first in range(0, count, _BATCH):
        for jpeg in store.read_frames(video, first=first, count=min(_BATCH, count - first)):
            try:
                yield simplejpeg.decode_jpeg(jpeg, fastdct=False)
            except ValueError as error:
                raise StoreError(
                    f"{store.path}: a frame of {store.video_path(video)} is no picture ({error}): run vivi ingest again"
                ) from error


class _Numbers:
    """The numbers of a video in the making."""

    def __init__(self) -> None:
        self.distances: list[float] = []
        self.changes: list[float] = []
        self.black: list[bool] = []
        self.hashes: list[np.uint64] = []
        self.brightness: list[float] = []

    def look(self, video: int, *, borders: Borders | None) -> VideoLook:
        """As arrays."""
        return VideoLook(
            video=video,
            distances=np.array(self.distances, np.float32),
            changes=np.array(self.changes, np.float32),
            is_black=np.array(self.black, np.bool_),
            hashes=np.array(self.hashes, np.uint64),
            brightness=np.array(self.brightness, np.float32),
            borders=borders,
        )
