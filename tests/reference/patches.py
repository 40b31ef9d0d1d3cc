"""Frames whose pixels say where they are, and patches cut one by one."""

import numpy as np
import torch


def located_frames(shots: int, length: int, *, height: int, width: int) -> torch.Tensor:
    """frames_SLCHW: channel 0 holds the row of each pixel, channel 1 the column, channel 2 the number of the frame."""
    frames = torch.empty(shots, length, 3, height, width)
    frames[:, :, 0] = torch.arange(height, dtype=torch.float32)[:, None]
    frames[:, :, 1] = torch.arange(width, dtype=torch.float32)
    frames[:, :, 2] = torch.arange(shots * length, dtype=torch.float32).view(shots, length, 1, 1)
    return frames


def corner(view_CHW: torch.Tensor, *, side: int, frame: int) -> tuple[int, int]:
    """Row and column of the upper left corner of a patch of located frames; its other pixels must follow from it."""
    top, left = int(view_CHW[0, 0, 0]), int(view_CHW[1, 0, 0])
    assert view_CHW.shape == (3, side, side)
    for row in range(side):
        for column in range(side):
            assert view_CHW[:, row, column].tolist() == [top + row, left + column, frame]
    return top, left


def slow_standardised(image: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1 over all numbers, the deviation at least 1 / sqrt(numbers), by the definition."""
    numbers = [float(value) for value in image.flatten()]
    mean = sum(numbers) / len(numbers)
    deviation = (sum((value - mean) ** 2 for value in numbers) / len(numbers)) ** 0.5
    return (image.astype(np.float64) - mean) / max(deviation, len(numbers) ** -0.5)
