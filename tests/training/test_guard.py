"""Losses that are not finite: nothing moves, the batch is noted, a limit ends the run."""

import json
from pathlib import Path

import pytest
import torch

from vivi.core.errors import ViviError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.nn.norm import GroupedBatchNorm
from vivi.training import loop
from vivi.training.guard import BAD_STEPS
from vivi.training.loop import RunOptions, pretrain
from vivi.training.meter import DivergedError
from vivi.training.state import TrainState
from vivi.training.step import StepResult, gradient_norm, train_step

WORLD = World.single()


def poison(state: TrainState) -> None:
    """One weight of the head of the frames is no number: the loss is none either."""
    with torch.no_grad():
        next(state.model.frame_objectives.parameters()).view(-1)[0] = torch.nan


def test_a_left_out_step_moves_nothing_but_its_number(small: Experiment, batch: VideoBatch) -> None:
    state = TrainState.start(small, device=WORLD.device)
    poison(state)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    result = train_step(state, batch, experiment=small, world=WORLD, leave_out_bad=True)
    assert result.is_left_out and state.step == 1
    for name, tensor in state.tensors().items():
        assert torch.equal(tensor.nan_to_num(7), before[name].nan_to_num(7)), name
    assert not [name for name in state.tensors() if name.startswith("momentum.")]
    norms = [layer for layer in state.model.modules() if isinstance(layer, GroupedBatchNorm)]
    assert norms and all(layer.take_recorded() is None for layer in norms), "what the step recorded is forgotten"


def test_a_good_step_is_not_left_out(small: Experiment, batch: VideoBatch) -> None:
    states = [TrainState.start(small, device=WORLD.device) for _ in range(2)]
    careful = train_step(states[0], batch, experiment=small, world=WORLD, leave_out_bad=True)
    plain = train_step(states[1], batch, experiment=small, world=WORLD)
    assert not careful.is_left_out
    assert torch.equal(careful.gradient_norm, plain.gradient_norm)
    for name, tensor in states[0].tensors().items():
        assert torch.equal(tensor, states[1].tensors()[name]), name


def test_the_gradient_norm_is_that_of_all_numbers_together() -> None:
    layer = torch.nn.Linear(2, 1)
    layer.weight.grad, layer.bias.grad = torch.tensor([[3.0, 4.0]]), torch.tensor([12.0])
    assert float(gradient_norm(layer.parameters())) == pytest.approx(13)
    layer.zero_grad(set_to_none=True)
    assert float(gradient_norm(layer.parameters())) == 0


def bad_at(steps: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradients of these updates are no numbers."""

    def poisoned(state: TrainState, *arguments, **more) -> StepResult:
        if state.step not in steps:
            return train_step(state, *arguments, **more)
        weight = next(state.model.frame_objectives.parameters())
        kept = weight.detach().clone()
        poison(state)
        result = train_step(state, *arguments, **more)
        with torch.no_grad():
            weight.copy_(kept)
        return result

    monkeypatch.setattr(loop, "train_step", poisoned)


def noted(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / BAD_STEPS).read_text().splitlines()]


def run(small: Experiment, store: Path, out: Path, *, bad_steps: int) -> RunFolder:
    options = RunOptions(world=WORLD, workers=1, log_every=2, save_every=2, bad_steps=bad_steps)
    return pretrain(small, data=store, out=out, options=options, progress=lambda _: None)


def test_a_run_goes_on_over_bad_steps(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_at({1, 4}, monkeypatch)
    done = run(small, tiny_store, tmp_path / "run", bad_steps=1)
    assert done.done.exists()
    lines = done.read_metrics()
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert [line.get("left_out", 0) for line in lines] == [1, 0, 1]
    assert all(line["gradient_norm"] > 0 for line in lines)
    first, second = noted(done.path)
    assert (first["step"], second["step"]) == (1, 4)
    assert first["losses"]["frame/exemplar"] == "nan"
    assert len(first["samples"]) == small.samples_per_step and first["samples"] != second["samples"]


def test_too_many_in_a_row_end_the_run(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_at({2, 3}, monkeypatch)
    with pytest.raises(ViviError, match=r"2 steps in a row, the last of them 4, .*--bad-steps 1"):
        run(small, tiny_store, tmp_path / "run", bad_steps=1)
    assert [each["step"] for each in noted(tmp_path / "run")] == [2, 3]


def test_without_leave_the_first_bad_step_ends_the_run_and_is_noted(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_at({2}, monkeypatch)
    with pytest.raises(DivergedError, match="not finite at step 3"):
        run(small, tiny_store, tmp_path / "stopped", bad_steps=0)
    bad_at({2}, monkeypatch)
    run(small, tiny_store, tmp_path / "left out", bad_steps=1)
    (stopped,), (left_out,) = noted(tmp_path / "stopped"), noted(tmp_path / "left out")
    assert stopped["step"] == left_out["step"] == 2
    assert stopped["samples"] == left_out["samples"], "the batch is made again as it was"


class KilledError(Exception):
    """Stands for a process that dies."""


def killed_at(step: int, small: Experiment, store: Path, out: Path) -> None:
    """The run is killed behind this step, with a checkpoint of step 2."""

    def progress(line: dict[str, float]) -> None:
        if line["step"] == step and "loss" in line:
            raise KilledError

    options = RunOptions(world=WORLD, workers=1, log_every=1, save_every=2, bad_steps=2)
    with pytest.raises(KilledError):
        pretrain(small, data=store, out=out, options=options, progress=progress)


def test_a_run_that_goes_on_notes_what_an_unbroken_one_notes(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_at({0, 2, 4}, monkeypatch)
    run(small, tiny_store, tmp_path / "unbroken", bad_steps=2)
    killed_at(4, small, tiny_store, tmp_path / "killed")
    assert [each["step"] for each in noted(tmp_path / "killed")] == [0, 2]
    with (tmp_path / "killed" / BAD_STEPS).open("a") as file:
        file.write('{"step": 3, "los')  # cut off by the kill
    run(small, tiny_store, tmp_path / "killed", bad_steps=2)
    assert noted(tmp_path / "killed") == noted(tmp_path / "unbroken")


def test_steps_in_a_row_are_counted_over_a_resumption(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps 1, 2 and 3, the checkpoint after 1 in the middle."""
    bad_at({1, 2, 3}, monkeypatch)
    with pytest.raises(ViviError, match=r"3 steps in a row, the last of them 4, .*--bad-steps 2"):
        run(small, tiny_store, tmp_path / "run", bad_steps=2)
    assert [each["step"] for each in noted(tmp_path / "run")] == [1, 2, 3]
    with pytest.raises(ViviError, match=r"3 steps in a row, the last of them 4, .*--bad-steps 2"):
        run(small, tiny_store, tmp_path / "run", bad_steps=2)
    assert [each["step"] for each in noted(tmp_path / "run")] == [1, 2, 3]


def test_a_list_of_bad_steps_that_somebody_broke_is_named(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_at({0}, monkeypatch)
    killed_at(4, small, tiny_store, tmp_path / "run")
    (tmp_path / "run" / BAD_STEPS).write_text("{}\n")
    with pytest.raises(ViviError, match=r"bad_steps\.jsonl is damaged .* move it away"):
        run(small, tiny_store, tmp_path / "run", bad_steps=2)
