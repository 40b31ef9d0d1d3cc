"""The memory of batches, with a GPU that copies as late as it may: nothing is used again before it was copied."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import torch

from vivi.data import slots as module
from vivi.data.slots import Slots

SHAPE = (2, 1, 1, 3, 4, 4)
CUDA = torch.device("cuda", 1)


class LateStream:
    """Copies only when somebody waits for it."""

    def __init__(self, device):
        assert device == CUDA
        self.asked = []

    def synchronize(self):
        for copy in self.asked:
            copy()
        self.asked.clear()


class OnDevice:
    """A batch on the GPU: what the copy found in the host's memory when it was made."""

    def __init__(self, host):
        self.host, self.found, self.used_by = host, None, []

    def copy(self):
        self.found, self.host = self.host.clone(), None

    def record_stream(self, stream):
        self.used_by.append(stream)


class OnHost:
    """A batch in the host's memory."""

    def __init__(self, gpu, memory):
        self.gpu, self.memory = gpu, memory

    def to(self, device, *, non_blocking):
        assert device == CUDA and non_blocking and self.gpu.current is not None, "on a stream of its own"
        batch = OnDevice(self.memory)
        self.gpu.current.asked.append(batch.copy)
        return batch


class LateGPU:
    """Stands for `torch` in the file of the slots."""

    uint8 = torch.uint8

    def __init__(self):
        self.pinned, self.current = [], None
        self.cuda = SimpleNamespace(
            Stream=LateStream, stream=self.on, current_stream=lambda device: f"main of {device}"
        )

    def empty(self, size, *, dtype, pin_memory):
        self.pinned.append(pin_memory)
        return torch.empty(size, dtype=dtype)

    def from_numpy(self, array):
        return OnHost(self, torch.from_numpy(array))

    @contextmanager
    def on(self, stream):
        self.current = stream
        try:
            yield
        finally:
            self.current = None


def test_memory_is_filled_again_only_when_it_is_copied(monkeypatch):
    gpu = LateGPU()
    monkeypatch.setattr(module, "torch", gpu)
    slots, delivered = Slots(SHAPE, device=CUDA), []
    for number in range(4):
        memory = slots.take()
        memory[:] = number
        delivered.append(slots.hand_over(slots.deliver(memory)))
        del memory
    assert gpu.pinned == [True], "one piece of pinned memory does for all"
    for number, batch in enumerate(delivered):
        assert bool((batch.found == number).all())
        assert batch.used_by == ["main of cuda:1"], "the allocator knows who reads it"


def test_memory_that_is_looked_at_is_not_handed_out():
    slots = Slots(SHAPE, device=torch.device("cpu"))
    batch = slots.deliver(_filled(slots, 1))
    other = slots.deliver(_filled(slots, 2))
    view = batch[0, 0]
    address = batch.data_ptr()
    del batch
    third = slots.deliver(_filled(slots, 3))
    assert bool((view == 1).all()) and bool((other == 2).all()) and bool((third == 3).all())
    del view
    assert slots.deliver(_filled(slots, 4)).data_ptr() == address


def _filled(slots: Slots, value: int) -> np.ndarray:
    memory = slots.take()
    memory[:] = value
    return memory
