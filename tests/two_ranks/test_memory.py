"""Measuring a step's memory where one of two ranks has little: both leave the same part out, and choose alike."""

from typing import Any
from unittest.mock import patch

import pytest
import torch
from tests.reference.miniatures import miniature
from tests.reference.ranks import RankPools

from vivi.core.config import override
from vivi.core.world import World
from vivi.training import memory
from vivi.training.memory import fitting_chunks, needed
from vivi.training.state import TrainState

pytestmark = pytest.mark.timeout(120)


def measured(world: World, bytes_of_ranks: tuple[int, int]) -> dict[str, Any]:
    """What a rank measures, and what is chosen, where the ranks have so many bytes."""
    experiment = override(miniature("VIVI-Ex(4)"), ["samples_per_step=8", "norm_group=4", "encoder.width=0.125"])
    state = TrainState.start(experiment, device=world.device)
    with patch.object(memory, "available_bytes", lambda _: bytes_of_ranks[world.rank]):
        need = needed(state, experiment=experiment, world=world, chunks=[4, 2])
        chosen = fitting_chunks(state, experiment=experiment, world=world, limit=10**12, say=lambda _: None)
    return {"parts": torch.tensor(sorted(need.parts)), "chosen": torch.tensor(chosen)}


@pytest.mark.parametrize(
    ("bytes_of_ranks", "parts"), [((10**12, 10**12), [2, 4]), ((10**12, 1), [4]), ((1, 10**12), [4])]
)
def test_both_measure_the_same_parts(pools: RankPools, bytes_of_ranks: tuple[int, int], parts: list[int]) -> None:
    for found in pools.run(2, measured, bytes_of_ranks):
        assert found["parts"].tolist() == parts
        assert found["chosen"].item() == 1
