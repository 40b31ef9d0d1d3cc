"""Small video files with known shots, made here."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, RATE = 64, 48, 5


def write_film(path: Path, *, colours: Sequence[tuple[int, int, int]], seconds: int = 4) -> Path:
    """A film with a shot of `seconds` for each colour; every picture has a texture of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for colour in colours:
            for _ in range(seconds * RATE):
                noise_HWC = random.integers(-15, 15, (HEIGHT // 8, WIDTH // 8, 3)).repeat(8, 0).repeat(8, 1)
                picture_HWC = np.clip(np.array(colour) + noise_HWC, 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture_HWC, format="rgb24")))
        container.mux(stream.encode())
    return path
