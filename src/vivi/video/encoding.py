"""Sampled frames to JPEG, and what is remembered of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import simplejpeg

from vivi.video.decode import TimedFrame
from vivi.video.shots import ShotMethod, Signature


@dataclass
class Seen:
    """What remains of the frames that went by."""

    signatures: list[Signature] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    height: int = 0
    width: int = 0


def encoded(frames: Iterable[TimedFrame], *, quality: int, shots: ShotMethod, seen: Seen) -> Iterator[bytes]:
    """The JPEG file of each frame; `seen` takes note of them as they go by.

    Args:
        frames: in order.
        quality: of the JPEG files, 1 to 100; their chroma is 4:2:0.
        shots: what is remembered of a frame is what this method needs.
        seen: empty before.
    """
    for second, image_HWC in frames:
        seen.signatures.append(shots.signature(image_HWC))
        seen.seconds.append(second)
        seen.height, seen.width = image_HWC.shape[:2]
        yield simplejpeg.encode_jpeg(image_HWC, quality=quality, colorspace="RGB", colorsubsampling="420")
