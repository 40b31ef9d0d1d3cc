"""A small encoder folder and images for it."""

import pytest
import torch
from tests.reference.encoder_folder import save


@pytest.fixture
def saved(tmp_path):
    save(tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.fixture
def images():
    return torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
