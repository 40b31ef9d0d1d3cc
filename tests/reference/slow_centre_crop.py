"""The centre crop, pixel by pixel in float64: the shorter side to 8/7 of the crop's, bilinear, the middle of that."""

import math

import numpy as np


def slow_centre_crop(pixels_HWC, size):
    """float64, not rounded."""
    height, width, channels = pixels_HWC.shape
    shorter = round(size * 256 / 224)
    if height <= width:
        resized_height, resized_width = shorter, round(width * shorter / height)
    else:
        resized_height, resized_width = round(height * shorter / width), shorter
    crop = np.zeros((size, size, channels))
    for row in range(size):
        for column in range(size):
            y = ((resized_height - size) // 2 + row + 0.5) * height / resized_height - 0.5
            x = ((resized_width - size) // 2 + column + 0.5) * width / resized_width - 0.5
            crop[row, column] = _bilinear(pixels_HWC, y, x)
    return crop


def _bilinear(pixels_HWC, y, x):
    """The mean of the four pixels around a point, weighted by nearness; beyond the border its pixels are repeated."""
    value = np.zeros(pixels_HWC.shape[2])
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            inside = min(max(row, 0), len(pixels_HWC) - 1), min(max(column, 0), pixels_HWC.shape[1] - 1)
            value += weight * pixels_HWC[inside]
    return value
