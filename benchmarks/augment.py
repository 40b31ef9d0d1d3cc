"""Images per second and core of every random change of colour, beside Inception's.

    python benchmarks/augment.py

A batch of frames goes through `Augmentation.on_device` with one transform at a time, on one thread. The transforms run
in turns, several times over, each turn with other random numbers. Speed is images per second of CPU time, so other load
on the machine matters little; the ratio is the median over the turns of (transform / Inception's colour in the same
turn). The frames are drifting textures.
"""

import argparse
import statistics
import time

import cv2
import numpy as np
import torch
from torch import Tensor

from vivi.core.seeds import rng
from vivi.data.augment import Augmentation
from vivi.data.autoaugment import AutoAugmentImageNet, AutoAugmentV0
from vivi.data.grey import GreyScale
from vivi.data.hsv import HSVNoise

INCEPTION = "Inception: brightness, saturation"
CONTENDERS = {
    "only scaling to [-1,1]": Augmentation(colour=()),
    INCEPTION: Augmentation(),
    "grey-scale": Augmentation(colour=(GreyScale(),)),
    "HSV noise": Augmentation(colour=(HSVNoise(),)),
    "AutoAugment, the paper's": Augmentation(colour=(AutoAugmentImageNet(),)),
    "AutoAugment, v0": Augmentation(colour=(AutoAugmentV0(),)),
    "standardisation": Augmentation(colour=(), standardise=True),
}


def textures(count: int, *, side: int) -> Tensor:
    """uint8 frames_BCHW of smooth noise, all different."""
    random = rng(0, step=0, purpose="benchmark")
    canvas = np.full((2 * side, 2 * side, 3), 128, dtype=np.float32)
    for octave in range(2, 7):
        noise = random.normal(size=(2**octave, 2**octave, 3)).astype(np.float32)
        canvas += 110 * 0.6**octave * cv2.resize(noise, canvas.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(canvas, 0, 255).astype(np.uint8)
    corners = random.integers(side, size=(count, 2))
    frames = [pixels[top : top + side, left : left + side].transpose(2, 0, 1) for top, left in corners]
    return torch.from_numpy(np.stack(frames))


def speed(augmentation: Augmentation, frames_BCHW: Tensor, *, step: int, passes: int) -> float:
    """Images per CPU second."""
    total = len(frames_BCHW)
    before = time.process_time()
    for number in range(passes):
        augmentation.on_device(frames_BCHW, seed=number, step=step, first=0, total=total, views=1)
    return passes * total / (time.process_time() - before)


def measure(frames_BCHW: Tensor, *, repeats: int, passes: int) -> dict[str, list[float]]:
    """Images per CPU second of each transform in each turn, after one turn to warm up."""
    speeds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for turn in range(repeats + 1):
        for name, augmentation in CONTENDERS.items():
            found = speed(augmentation, frames_BCHW, step=turn, passes=passes)
            speeds[name] += [found] if turn else []
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[48, 224], help="heights and widths in pixels")
    parser.add_argument("--batch", type=int, default=256, help="images in the batch")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for side in options.sides:
        passes = max(1, 100_000 // (side * side))
        speeds = measure(textures(options.batch, side=side), repeats=options.repeats, passes=passes)
        print(f"{side} pixels, {options.batch} images{'':13}{'images/s/core':>16}{'of Inception':>16}")
        for name, values in speeds.items():
            ratio = statistics.median(a / b for a, b in zip(values, speeds[INCEPTION], strict=True))
            print(f"{name:36}{statistics.median(values):16.0f}{ratio:16.2f}", flush=True)


if __name__ == "__main__":
    main()
