"""What an encoder says: which frames are alike, and which shots of a video."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vivi.browse.library import small_jpeg
from vivi.browse.nearest import Hit, Search
from vivi.browse.vectors import Vectors, embedded
from vivi.data.image_file import decode_image
from vivi.data.records import Shot
from vivi.nn.export import LoadedEncoder

FOUND = 24
"""Videos that a search shows."""
COMPARED = 40
"""Shots of a video that are compared with one another."""
_DROPPED = 16
"""Dropped pictures that are remembered, in memory alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """A picture that somebody dropped on the page."""

    thumbnail: bytes
    """JPEG."""
    vector_D: NDArray[np.float32]


class Opinion:
    """An encoder and the embeddings of all frames. Any number of threads may ask at once."""

    def __init__(
        self, encoder: LoadedEncoder, *, vectors: Vectors, search: Search, device: torch.device | str = "cpu"
    ) -> None:
        self.name: str = encoder.name
        self.is_exact: bool = search.is_exact
        self._encoder, self._vectors, self._search, self._device = encoder, vectors, search, device
        self._dropped: OrderedDict[str, Dropped] = OrderedDict()
        self._lock, self._alone = threading.Lock(), threading.Lock()

    def like_frame(self, video: int, frame: int) -> list[Hit]:
        """The nearest frames of other videos, one of each.

        Raises:
            IndexError: there is no such frame.
        """
        return self._search.nearest(self._vectors.frame(video, frame), count=FOUND, without=video)

    def like(self, dropped: Dropped) -> list[Hit]:
        """The frames nearest to a picture, one of each video."""
        return self._search.nearest(dropped.vector_D, count=FOUND)

    def shots_alike(self, video: int, shots: tuple[Shot, ...]) -> NDArray[np.float32]:
        """Cosines of the mean embeddings of the first COMPARED shots of a video: cosine_SS."""
        return self._vectors.alike(video, shots[:COMPARED])

    def take(self, data: bytes) -> str:
        """Look at the bytes of an image file; gives the key under which it is remembered for a while.

        One at a time: a picture may need some hundred megabytes while it is decoded.

        Raises:
            ImageError: they are no image, or one that is too large.
        """
        with self._alone:
            image_HWC = decode_image(data, name="the picture")
            side = self._encoder.image_size
            squashed_HWC = cv2.resize(image_HWC, (side, side), interpolation=cv2.INTER_LINEAR)
            image_BCHW = torch.from_numpy(np.ascontiguousarray(squashed_HWC.transpose(2, 0, 1)))[None]
            found = Dropped(
                thumbnail=small_jpeg(image_HWC),
                vector_D=embedded(self._encoder, image_BCHW, device=self._device)[0],
            )
        key = secrets.token_hex(8)
        with self._lock:
            self._dropped[key] = found
            while len(self._dropped) > _DROPPED:
                self._dropped.popitem(last=False)
        return key

    def dropped(self, key: str) -> Dropped:
        """A remembered picture.

        Raises:
            KeyError: it was forgotten.
        """
        with self._lock:
            return self._dropped[key]
