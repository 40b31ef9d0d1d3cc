"""Every preset learns: on one fixed batch each of its losses falls below a stated part of its start."""

import math
from pathlib import Path

import pytest
import torch
from tests.reference.miniatures import SIDE, batches, miniature

from vivi.core.world import World
from vivi.model import chance_levels
from vivi.nn.export import load_encoder, save_encoder
from vivi.presets import PRESETS
from vivi.training.state import TrainState
from vivi.training.step import train_step

UPDATES = 40
FALLS_BELOW = {
    "exemplar": 0.05,
    "batchhardexemplar": 0.5,
    "rotation": 0.05,
    "jigsaw": 0.05,
    "relativepatch": 0.05,
    "infonce": 0.9,
    "shotorder": 0.05,
    "supervised": 0.05,
}
"""Of its start, what each loss must fall below in UPDATES updates on the same batch."""


@pytest.mark.parametrize("name", PRESETS)
def test_its_losses_fall_on_one_batch_and_it_exports(name: str, tmp_path: Path) -> None:
    experiment = miniature(name)
    state = TrainState.start(experiment, device=torch.device("cpu"))
    videos, images = batches(experiment)
    history = []
    for _ in range(UPDATES):
        state.step = 0  # the same random numbers each time
        result = train_step(state, videos, images=images, experiment=experiment, world=World.single())
        history.append({part: float(loss.detach()) for part, loss in result.losses.parts.items()})
    start, end = history[0], history[-1]
    assert start.keys() == chance_levels(experiment).keys()
    for part, loss in end.items():
        assert math.isfinite(loss)
        assert loss < FALLS_BELOW[part.split("/")[1]] * start[part], (part, start[part], loss)
    save_encoder(
        tmp_path / "encoder",
        state.model.encoder,
        encoder=experiment.encoder,
        image_size=SIDE,
        name=experiment.name,
        card="",
        details={},
    )
    loaded = load_encoder(tmp_path / "encoder")
    pictures = torch.rand(2, 3, SIDE, SIDE)
    assert loaded.name == f"{name}-Tiny"
    torch.testing.assert_close(loaded(pictures), state.model.encoder.eval()(pictures), rtol=1e-4, atol=1e-5)
