"""Labelled images for training and judging: in the memory of the device, or streamed from their files."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.transfer.task import Examples
from vivi.transfer.vtab.pixels import PixelBatch, Squash, in_order, named, read_ahead

RESIDENT = 2000
"""So many examples at most live decoded on the device; larger sets are read again for every pass."""


class ImageSet(ABC):
    """Labelled images of one size, with an account of those that cannot be read."""

    @property
    @abstractmethod
    def total(self) -> int:
        """All examples, the unreadable ones too."""

    @property
    @abstractmethod
    def count(self) -> int:
        """Examples to draw from while training."""

    @property
    @abstractmethod
    def unreadable(self) -> list[tuple[str, str]]:
        """Name and reason of what could not be read so far."""

    @abstractmethod
    def drawn(self, batches: Iterable[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
        """images_BCSS (uint8) and labels_B (int64), on the device, of batches of positions below `count`."""

    @abstractmethod
    def once(self, *, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The same of every readable example, once and in order."""


@dataclass(frozen=True, slots=True)
class ResidentImages(ImageSet):
    """Decoded images on the device."""

    images_NCSS: Tensor
    labels_N: Tensor
    broken: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, examples: Examples, *, squash: Squash, threads: int, device: torch.device) -> "ResidentImages":
        """Decode all examples; those that cannot be read are left out and named."""
        parts = list(read_ahead(examples, in_order(len(examples), batch=64), squash=squash, threads=threads))
        kept_N = np.concatenate([np.empty(0, dtype=np.int64), *(part.positions_B for part in parts)])
        empty = torch.empty((0, 3, squash.size, squash.size), dtype=torch.uint8)
        return cls(
            images_NCSS=torch.cat([empty, *(part.images_BCSS for part in parts)]).to(device),
            labels_N=torch.from_numpy(examples.labels_N[kept_N]).to(device),
            broken=tuple(named(examples, (each for part in parts for each in part.broken))),
        )

    @property
    def total(self) -> int:
        """Those that were asked for."""
        return len(self.labels_N) + len(self.broken)

    @property
    def count(self) -> int:
        """The readable ones."""
        return len(self.labels_N)

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """See `ImageSet.unreadable`."""
        return list(self.broken)

    def drawn(self, batches: Iterable[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
        """See `ImageSet.drawn`."""
        for positions_B in batches:
            rows_B = torch.from_numpy(positions_B).to(self.labels_N.device, non_blocking=True)
            yield self.images_NCSS[rows_B], self.labels_N[rows_B]

    def once(self, *, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See `ImageSet.once`."""
        yield from zip(self.images_NCSS.split(batch), self.labels_N.split(batch), strict=True)


@dataclass(frozen=True, slots=True)
class StreamedImages(ImageSet):
    """Images that are decoded by threads whenever they are asked for.

    Which ones cannot be read shows only on the way. In a batch to learn from, the readable one that follows takes the
    place of an unreadable one, so that batches keep their size.
    """

    examples: Examples
    squash: Squash
    threads: int
    device: torch.device
    broken: dict[int, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All."""
        return len(self.examples)

    @property
    def count(self) -> int:
        """All."""
        return len(self.examples)

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """See `ImageSet.unreadable`."""
        return named(self.examples, sorted(self.broken.items()))

    def drawn(self, batches: Iterable[NDArray[np.int64]]) -> Iterator[tuple[Tensor, Tensor]]:
        """See `ImageSet.drawn`.

        Raises:
            ViviError: no image of a batch can be read.
        """
        for wanted, part in _paired(batches, self.examples, squash=self.squash, threads=self.threads):
            self.broken.update(part.broken)
            if part.broken:
                part = _filled(part, wanted_B=wanted, examples=self.examples)
            yield self._on_device(part)

    def once(self, *, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See `ImageSet.once`."""
        order = in_order(len(self.examples), batch=batch)
        for part in read_ahead(self.examples, order, squash=self.squash, threads=self.threads):
            self.broken.update(part.broken)
            if len(part.positions_B):
                yield self._on_device(part)

    def _on_device(self, part: PixelBatch) -> tuple[Tensor, Tensor]:
        images_BCSS, labels_B = part.images_BCSS, torch.from_numpy(self.examples.labels_N[part.positions_B])
        if self.device.type == "cuda":
            images_BCSS = images_BCSS.pin_memory()
        return images_BCSS.to(self.device, non_blocking=True), labels_B.to(self.device)


def require_readable(judged: ImageSet) -> None:
    """See, before or after judging, that not every image to judge on is unreadable: such a run would have no result.

    Raises:
        ViviError: all are, as far as it is known; the text names the first.
    """
    unreadable = judged.unreadable
    if len(unreadable) >= judged.total:
        name, reason = unreadable[0] if unreadable else ("none", "the list is empty")
        raise ViviError(f"none of {judged.total} images to judge on can be read; the first, {name}: {reason}")


def image_set(
    examples: Examples, *, squash: Squash, threads: int, device: torch.device, resident: int = RESIDENT
) -> ImageSet:
    """The examples in memory where they are few, streamed where they are many."""
    if len(examples) <= resident:
        return ResidentImages.read(examples, squash=squash, threads=threads, device=device)
    return StreamedImages(examples, squash, threads, device)


def _paired(
    batches: Iterable[NDArray[np.int64]], examples: Examples, *, squash: Squash, threads: int
) -> Iterator[tuple[NDArray[np.int64], PixelBatch]]:
    """What was asked for beside what was read."""
    asked: list[NDArray[np.int64]] = []

    def noted() -> Iterator[NDArray[np.int64]]:
        for positions_B in batches:
            asked.append(positions_B)
            yield positions_B

    for part in read_ahead(examples, noted(), squash=squash, threads=threads):
        yield asked.pop(0), part


def _filled(part: PixelBatch, *, wanted_B: NDArray[np.int64], examples: Examples) -> PixelBatch:
    """The batch at its full size: in the place of an unreadable image the next readable one of the batch."""
    if not len(part.positions_B):
        at, reason = part.broken[0]
        raise ViviError(f"no image of a batch of {len(wanted_B)} can be read; the first, {examples.name(at)}: {reason}")
    bad = {at for at, _ in part.broken}
    is_good_B = np.array([int(at) not in bad for at in wanted_B])
    rows_B = (np.cumsum(is_good_B) - is_good_B) % len(part.positions_B)
    return PixelBatch(part.positions_B[rows_B], part.images_BCSS[torch.from_numpy(rows_B)], part.broken)
