"""The memory of batches: used again as soon as nobody looks at it, and copied to the device ahead of time."""

import weakref
from collections import deque
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Slots:
    """Host memory for batches of one shape. Fresh pages are slow, so memory that was given up is handed out again.

    Args:
        shape: of a batch.
        device: where batches are delivered; on CUDA the host memory is pinned and a stream of its own copies.
    """

    def __init__(self, shape: tuple[int, ...], *, device: torch.device) -> None:
        self._shape, self._device = shape, device
        self._free: deque[Tensor] = deque()
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def take(self) -> NDArray[np.uint8]:
        """Memory for one batch, uint8. It is free again when this array and all tensors made of it are gone."""
        try:
            memory = self._free.popleft()
        except IndexError:
            memory = torch.empty(prod(self._shape), dtype=torch.uint8, pin_memory=self._stream is not None)
        array: NDArray[np.uint8] = memory.numpy().reshape(self._shape)
        weakref.finalize(array, self._free.append, memory).atexit = False
        return array

    def deliver(self, array: NDArray[np.uint8]) -> Tensor:
        """The batch on the device, complete when this returns; may be called in any thread."""
        host = torch.from_numpy(array)
        if self._stream is None:
            return host.to(self._device)
        with torch.cuda.stream(self._stream):
            copy = host.to(self._device, non_blocking=True)
        self._stream.synchronize()
        return copy

    def hand_over(self, batch: Tensor) -> Tensor:
        """Tell the allocator that the caller's stream uses a delivered batch."""
        if self._stream is not None:
            batch.record_stream(torch.cuda.current_stream(self._device))
        return batch
