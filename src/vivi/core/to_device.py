"""Small tensors on their way to the device: the host does not wait for what the device still has to do."""

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on `device`, in the order of its stream; the caller goes on at once.

    A plain copy from ordinary memory waits until a GPU has done all that it was asked before. So it goes through pinned
    memory, which PyTorch's allocator keeps until the copy is done.
    """
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
