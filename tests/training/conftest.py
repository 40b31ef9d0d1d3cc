"""A whole experiment so small that a step takes milliseconds."""

import pytest
import torch
from tests.reference.tiny_images import tiny_images  # noqa: F401 (a fixture)
from tests.reference.tiny_store import tiny_store  # noqa: F401 (a fixture)

from vivi.core.config import override
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.presets import find, tiny

SMALL = (
    "samples_per_step=4",
    "sampling.frames=2",
    "augmentation.crop.size=32",
    "encoder.width=0.125",
    "norm_group=4",
    "frame_levels.0.group=4",
    "schedule.steps=6",
    "schedule.warmup=1",
    "schedule.decays=[4,5]",
)


@pytest.fixture(scope="session")
def small_run() -> Experiment:
    """VIVI-Ex(4) with N=4, K=4, L=2, width-8 ResNet-18 at 32 pixels, 6 steps."""
    return override(tiny(find("VIVI-Ex(4)")), SMALL)


@pytest.fixture
def small(small_run: Experiment) -> Experiment:
    """The same."""
    return small_run


@pytest.fixture
def batch(small: Experiment) -> VideoBatch:
    """Random frames for the first step of `small`."""
    shape = (4, 4, 2, 3, 32, 32)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return VideoBatch(step=0, frames_NKLCHW=frames, sample_ids_N=torch.arange(4))
