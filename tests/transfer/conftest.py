"""Fixtures of the evaluation: a tiny encoder folder and small folders of labelled images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vivi.core.seeds import torch_generator
from vivi.nn.export import save_encoder
from vivi.nn.resnet_v2 import ResNetV2

COLOURS = {"red": (220, 60, 60), "green": (60, 220, 60), "blue": (60, 60, 220)}


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = ResNetV2(depth=18, width=0.125)
    folder = tmp_path_factory.mktemp("encoders") / "tiny"
    module = config.build(generator=torch_generator(1, step=0, purpose="test"))
    save_encoder(folder, module, encoder=config, image_size=24, name="Tiny", card="For tests.", details={})
    return folder


@pytest.fixture
def paint() -> Callable[[Path, str, int], None]:
    """Writes a noisy image of one colour: paint(file, colour, number)."""

    def painted(file: Path, colour: str, number: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(-40, 40, size=(20, 30, 3))
        Image.fromarray(np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)).save(file)

    return painted


@pytest.fixture
def colours(tmp_path: Path, paint: Callable[[Path, str, int], None]) -> Path:
    """Three classes of 12 images without a given split."""
    for colour in COLOURS:
        for number in range(12):
            paint(tmp_path / "colours" / colour / f"{number:02}.png", colour, number)
    return tmp_path / "colours"
