"""--chunks auto: the choice is arithmetic; what it is made from is measured on a part of a step and leaves no trace."""

from pathlib import Path

import pytest
import torch
from tests.reference.miniatures import miniature

from vivi.core.config import override
from vivi.core.errors import ConfigError
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.nn.norm import GroupedBatchNorm
from vivi.nn.recompute import recompute_blocks
from vivi.presets import PRESETS
from vivi.training import memory
from vivi.training.chunks import Need, choice_text, chosen_chunks, legal_chunks
from vivi.training.loop import RunOptions, pretrain
from vivi.training.memory import available_bytes, fitting_chunks, needed
from vivi.training.state import TrainState

WORLD = World.single()
LEGAL = [1, 2, 4, 8]
NEED = Need(fixed=100, parts={8: 50, 4: 90})
"""A part of 1/8 takes 10 and 40 by its size: one of 1/2 takes 170, the whole 330."""


def test_a_straight_line_through_two_points() -> None:
    assert [NEED.of(chunks) for chunks in LEGAL] == [430, 270, 190, 150]


def test_one_point_is_in_proportion() -> None:
    assert [Need(fixed=1, parts={4: 10}).of(chunks) for chunks in (1, 2, 4)] == [41, 21, 11]


def test_a_smaller_part_that_takes_more_is_no_reason_for_fewer_parts() -> None:
    assert [Need(fixed=0, parts={8: 50, 4: 40}).of(chunks) for chunks in LEGAL] == [50, 50, 50, 50]


@pytest.mark.parametrize(("limit", "expected"), [(10_000, 1), (430, 1), (429, 2), (270, 2), (190, 4), (150, 8)])
def test_the_smallest_number_that_fits(limit: int, expected: int) -> None:
    assert chosen_chunks(LEGAL, need=NEED, limit=limit) == expected


def test_nothing_fits() -> None:
    need = Need(fixed=3_000_000_000, parts={8: 10})
    with pytest.raises(
        ConfigError, match=r"in 8 parts, the most .* needs 3\.00 GB and 2\.00 GB are there: .*--recompute"
    ):
        chosen_chunks(LEGAL, need=need, limit=2_000_000_000)


def test_the_text_says_what_and_why() -> None:
    need = Need(fixed=10**9, parts={8: 5 * 10**8, 4: 10**9})
    assert choice_text(4, legal=LEGAL, need=need, limit=2 * 10**9, how="measured") == (
        "--chunks auto: 4 of 1, 2, 4, 8; a step in 4 needs 2.00 GB, in 2 3.00 GB (measured), 2.00 GB are there"
    )
    assert "a step in 1 needs 5.00 GB (predicted)" in choice_text(
        1, legal=LEGAL, need=need, limit=6 * 10**9, how="predicted"
    )


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_measured_and_is_left_as_it_was(name: str) -> None:
    experiment = miniature(name)
    state = TrainState.start(experiment, device=WORLD.device)
    before = {key: tensor.clone() for key, tensor in state.tensors().items()}
    legal = legal_chunks(experiment, world=WORLD)
    need = needed(state, experiment=experiment, world=WORLD, chunks=legal[-2:])
    assert need.of(1) > need.of(2) > need.fixed > 0
    assert all(torch.equal(tensor, before[key]) for key, tensor in state.tensors().items())
    assert all(parameter.grad is None for parameter in state.model.parameters())
    norms = [layer for layer in state.model.modules() if isinstance(layer, GroupedBatchNorm)]
    assert all(layer.take_recorded() is None for layer in norms)


def test_computing_activations_again_needs_less(small: Experiment) -> None:
    needs = []
    for again in (False, True):
        state = TrainState.start(small, device=WORLD.device)
        if again:
            recompute_blocks(state.model.encoder)
        need = needed(state, experiment=small, world=WORLD, chunks=[4, 2])
        needs.append(need.of(1) - need.of(4))  # what grows with the pictures
    assert needs[1] < 0.8 * needs[0]


def test_tensors_that_live_at_once_are_counted() -> None:
    """Of three vectors of 4000 bytes two live at once; a view and what was there before are none of them."""
    before = torch.ones(1000)

    def forward() -> torch.Tensor:
        first = before + 1
        second = (first.view(10, 100) * 2).view(-1)
        del first
        return second + before.view(-1)

    assert memory.spent_bytes(forward, lambda _: None, device=WORLD.device) == 8000


def test_a_limit_decides_and_the_choice_is_told(small: Experiment) -> None:
    state = TrainState.start(small, device=WORLD.device)
    need = needed(state, experiment=small, world=WORLD, chunks=[4, 2])
    told: list[str] = []
    for limit, expected in ((need.of(1), 1), (need.of(1) - 1, 2), (need.of(4), 4), (None, 1)):
        assert fitting_chunks(state, experiment=small, world=WORLD, limit=limit, say=told.append) == expected
    assert [line.split(";")[0] for line in told] == [f"--chunks auto: {n} of 1, 2, 4" for n in (1, 2, 4, 1)]
    assert all("(predicted)" in line for line in told)


def test_what_would_not_fit_is_not_tried(small: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    state = TrainState.start(small, device=WORLD.device)
    whole = needed(state, experiment=small, world=WORLD, chunks=[4, 2])
    monkeypatch.setattr(memory, "available_bytes", lambda _: whole.parts[4])
    assert needed(state, experiment=small, world=WORLD, chunks=[4, 2]).parts == {4: whole.parts[4]}


def test_a_part_that_does_not_fit_after_all(small: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone one goes on with what was measured; a rank among others would leave them waiting, and ends."""
    state = TrainState.start(small, device=WORLD.device)
    sizes: list[int] = []

    def full(posed: list, *, device: torch.device) -> int:
        sizes.append(sum(part.stop for _, part in posed))
        if len(sizes) % 2 == 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 100

    monkeypatch.setattr(memory, "_bytes_of_part", full)
    assert needed(state, experiment=small, world=WORLD, chunks=[4, 2]).parts == {4: 100}
    assert sizes[1] == 2 * sizes[0]
    monkeypatch.setattr(World, "any", lambda _, flag: flag)
    monkeypatch.setattr(World, "gather", lambda _, rows: torch.cat([rows, rows]))
    with pytest.raises(ConfigError, match=r"in 1 parts does not fit the memory of cpu of rank 1, .*: give --chunks 2"):
        needed(state, experiment=small, world=World(rank=1, size=2, device=WORLD.device), chunks=[2, 1])


def test_what_is_there_is_shared_by_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = available_bytes(WORLD.device)
    monkeypatch.setattr(memory, "processes_here", lambda: 4)
    assert available_bytes(WORLD.device) == pytest.approx(whole / 4, rel=0.3)


def test_a_run_uses_what_was_chosen(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    short = override(small, ["schedule.steps=1", "schedule.warmup=0", "schedule.decays=[]"])
    told: list[str] = []
    options = RunOptions(world=WORLD, workers=1, chunks=None)
    pretrain(short, data=tiny_store, out=tmp_path / "run", options=options, progress=lambda _: None, say=told.append)
    assert len(told) == 1 and told[0].startswith("--chunks auto: 1 of 1, 2, 4; ")
    with pytest.raises(ConfigError, match="--chunks auto: a step in 4 parts"):
        tight = RunOptions(world=WORLD, workers=1, chunks=None, memory=1000)
        pretrain(short, data=tiny_store, out=tmp_path / "tight", options=tight, progress=lambda _: None)
    assert not (tmp_path / "tight").exists()
