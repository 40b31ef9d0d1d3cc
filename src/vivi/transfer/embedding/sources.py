"""What embeddings are made of: images as they lie in folders. Videos and stores stand beside this file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.data.image_file import image_extensions, printable
from vivi.data.image_reader import read_batches
from vivi.data.images import find_images
from vivi.transfer.embedding.rows import Broken, Rows

Encode = Callable[[Tensor], NDArray[np.float32]]
"""uint8 RGB images_BCHW -> features_BD."""
Per = Literal["frame", "shot", "video"]
"""What a row is of: a frame, or the mean over a shot or over a video."""
GROUP_ROWS = 1024
"""Rows of a part of images, and of a group of rows in a file: what is held in memory."""


class Source(Protocol):
    """Inputs in a fixed order, in parts that are worked off one by one."""

    @property
    def unit(self) -> str:
        """What an input is called: images or videos."""

    @property
    def count(self) -> int:
        """Number of inputs."""

    @property
    def parts(self) -> Sequence[range]:
        """The inputs of each part; together all of them, in order."""

    @property
    def about(self) -> dict[str, Any]:
        """JSON values: what kind of inputs these are, and what is made of them."""

    @property
    def state(self) -> Any:
        """JSON values that change with the inputs."""

    @property
    def refused(self) -> Sequence[Broken]:
        """What lies there and is no input."""

    def rows(self, inputs: range, encode: Encode) -> tuple[Rows, list[Broken]]:
        """The rows of some inputs, and those that gave none."""


@dataclass(frozen=True, slots=True)
class Images:
    """An image, or all images of a folder: a row for each, with its path."""

    root: Path
    paths: tuple[str, ...]
    size: int
    """Pixels of a side."""
    batch: int
    unit: str = "images"
    refused: tuple[Broken, ...] = ()

    @classmethod
    def find(cls, images: Path, *, size: int, batch: int) -> "Images":
        """List the images.

        Raises:
            ViviError: there is none, or `batch` is below 1.
        """
        if batch < 1:
            raise ViviError(f"batch is {batch}: it must be at least 1")
        if images.is_dir():
            paths = find_images(images)
            if not paths:
                endings = " ".join(sorted(image_extensions()))
                raise ViviError(
                    f"{images} holds no images: give a folder with files whose names end in one of {endings}"
                )
            return cls(root=images, paths=tuple(paths), size=size, batch=batch)
        if not images.exists():
            raise ViviError(f"{images} does not exist: give an image or a folder of images")
        return cls(root=images.parent, paths=(images.name,), size=size, batch=batch)

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.paths)

    @property
    def parts(self) -> list[range]:
        """Whole batches, about GROUP_ROWS images."""
        step = self.batch * -(-GROUP_ROWS // self.batch)
        return [range(start, min(start + step, self.count)) for start in range(0, self.count, step)]

    @property
    def about(self) -> dict[str, Any]:
        """The kind."""
        return {"kind": "images"}

    @property
    def state(self) -> Any:
        """Paths, sizes and times of the last change."""
        return [[printable(path), *_state(self.root / path)] for path in self.paths]

    def rows(self, inputs: range, encode: Encode) -> tuple[Rows, list[Broken]]:
        """A row for each image that can be read."""
        paths = self.paths[inputs.start : inputs.stop]
        vectors: list[NDArray[np.float32]] = []
        names: list[str] = []
        broken: list[Broken] = []
        for group in read_batches([self.root / path for path in paths], size=self.size, batch=self.batch):
            broken += [(printable(paths[at]), reason) for at, reason in group.broken]
            names += [printable(paths[at]) for at in group.positions_B]
            if group.positions_B:
                vectors.append(encode(group.images_BCHW))
        return Rows(columns={"path": np.array(names, dtype=np.str_)}, vectors_RD=joined(vectors)), broken


def joined(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Blocks of rows as one; [0, 0] where there are none."""
    return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
