"""Stored frames as a small film that a web browser plays."""

import io
from collections.abc import Iterable

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

_CODEC = "libx264"
_OPTIONS = {"preset": "veryfast", "crf": "23"}
_WEBP_QUALITY = 70


def has_h264() -> bool:
    """Whether the FFmpeg of PyAV encodes H.264."""
    return _CODEC in av.codecs_available


def mp4(images: Iterable[NDArray[np.uint8]], *, rate: int) -> bytes:
    """H.264 in MP4, 4:2:0; an odd row or column is left out, as this form has none.

    Args:
        images: image_HWC, RGB, at least one, all of one size and no side below 2 pixels.
        rate: frames a second.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: VideoStream = container.add_stream("libx264", rate=rate, options=_OPTIONS)
        stream.pix_fmt = "yuv420p"
        for number, image_HWC in enumerate(images):
            even_HWC = np.ascontiguousarray(image_HWC[: image_HWC.shape[0] // 2 * 2, : image_HWC.shape[1] // 2 * 2])
            if number == 0:
                stream.height, stream.width, _ = even_HWC.shape
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even_HWC, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def webp(images: Iterable[NDArray[np.uint8]], *, rate: int) -> bytes:
    """An animated WebP that begins again at its end.

    Args:
        images: image_HWC, RGB, at least one, all of one size.
        rate: frames a second.
    """
    first, *others = map(Image.fromarray, images)
    file = io.BytesIO()
    shown = {"duration": round(1000 / rate), "loop": 0}
    first.save(file, format="WEBP", save_all=True, append_images=others, quality=_WEBP_QUALITY, method=2, **shown)
    return file.getvalue()
