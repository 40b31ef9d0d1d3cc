"""A folder of labelled images: imported as a fixture by the rooms that learn from them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vivi.core.seeds import rng

CLASSES = ("ant", "bee", "cat", "dog")
TRAIN, TEST = 10, 3
ENDINGS = (".jpg", ".png", ".webp")


@pytest.fixture(scope="session")
def tiny_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/CLASS and val/CLASS with 10 and 3 images of each of 4 classes: a colour, noise, sizes of 33 to 52 pixels.

    File names say class and number, so a bare name is unique, as in ImageNet.
    """
    root = tmp_path_factory.mktemp("tiny") / "images"
    for split, count in (("train", TRAIN), ("val", TEST)):
        for label, name in enumerate(CLASSES):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                path = root / split / name / f"{name}_{split}_{number}{ENDINGS[number % len(ENDINGS)]}"
                Image.fromarray(_pixels(label, sample=100 * (split == "val") + number)).save(path)
    return root


def _pixels(label: int, *, sample: int) -> np.ndarray:
    random = rng(label, step=0, purpose="tiny images", sample=sample)
    height, width = random.integers(33, 53, size=2).tolist()
    colour = np.array([(200, 60, 60), (60, 200, 60), (60, 60, 200), (190, 190, 50)][label])
    noise = random.integers(-40, 40, size=(-(-height // 4), -(-width // 4), 3)).repeat(4, axis=0).repeat(4, axis=1)
    return np.clip(colour + noise[:height, :width], 0, 255).astype(np.uint8)
