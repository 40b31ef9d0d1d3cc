"""Small pictures as text, for a page that needs no other file."""

import base64

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray


def shrunk(image_HWC: NDArray[np.uint8], *, height: int) -> NDArray[np.uint8]:
    """The RGB image at a given height, aspect kept, at most four times as wide as high; never enlarged."""
    rows, columns = image_HWC.shape[:2]
    scale = min(1.0, height / rows)
    size = (max(1, min(round(columns * scale), 4 * height)), max(1, round(rows * scale)))
    return np.asarray(cv2.resize(image_HWC, size, interpolation=cv2.INTER_AREA), np.uint8)


def data_uri(image_HWC: NDArray[np.uint8], *, quality: int = 75) -> str:
    """An RGB image as a JPEG in a data: address."""
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(image_HWC), quality=quality, colorsubsampling="420")
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def jpeg_thumbnail(jpeg: bytes, *, height: int) -> str:
    """A JPEG file as a smaller JPEG in a data: address."""
    return data_uri(shrunk(simplejpeg.decode_jpeg(jpeg), height=height))
