"""Loss spikes: found in the log alone, named with their step and its batch, the same after a resumption."""

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.conftest import SMALL

from vivi.core.config import override
from vivi.core.errors import ConfigError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.model import Losses
from vivi.presets import find, for_classes, tiny
from vivi.training import loop
from vivi.training.inputs import Inputs
from vivi.training.loop import RunOptions, pretrain
from vivi.training.meter import Meter, WorstStep
from vivi.training.spikes import LEAST_LINES, LINES, SPIKES, Spikes, drawn_ids, spike_limit
from vivi.training.state import TrainState
from vivi.training.step import StepResult, train_step

WORLD = World.single()
STEPS, SPIKE = 26, 22
"""22 counted from 0: in the line of step 24 where every other step has one, and before a checkpoint of step 23."""


def test_the_limit_by_hand() -> None:
    """The median of 1 to 11 is 6, the distances from it have the median 3."""
    assert spike_limit(range(1, 12), deviations=10) == 6 + 10 * 3
    assert spike_limit([100.0] * 40 + list(range(1, 52)), deviations=2) == 26.5 + 2 * 12.5, "the last 50"
    assert spike_limit([1.0] * (LEAST_LINES - 1), deviations=10) is None
    assert spike_limit([2.0] * LINES, deviations=10) == pytest.approx(2.02), "a flat log is not all spikes"


def curve(seed: int, *, noise: float) -> list[float]:
    """1000 lines of a loss that falls, with a step of the schedule and normal noise."""
    drawn = random.Random(seed)
    return [2 + 3 * 0.99**line - 0.3 * (line > 700) + drawn.gauss(0, noise) for line in range(1000)]


def spikes_of(losses: list[float]) -> list[int]:
    limits = [spike_limit(losses[:line], deviations=10) for line in range(len(losses))]
    return [line for line, limit in enumerate(limits) if limit is not None and losses[line] > limit]


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1, 0.3])
def test_a_noisy_descent_has_no_spike_and_one_that_is_put_in_is_found(noise: float) -> None:
    for seed in range(5):
        losses = curve(seed, noise=noise)
        assert spikes_of(losses) == []
        losses[500] += 0.1 + 12 * noise
        assert spikes_of(losses) == [500]


def result(loss: float, *, norm: float = 1.0) -> StepResult:
    return StepResult(Losses(torch.tensor(loss), {}), torch.rand(4, 2, 3), 0.1, gradient_norm=torch.tensor(norm))


def test_the_worst_step_outlives_a_checkpoint_within_its_interval() -> None:
    meter = Meter()
    assert meter.worst() is None
    for step, loss in enumerate([1.0, 3.0, 2.0]):
        meter.add(result(loss, norm=10 * loss), step=step, frames=8, waited=0)
    assert meter.worst() == WorstStep(1, 3.0, 30.0)
    resumed = Meter(json.loads(json.dumps(meter.sums())))
    resumed.add(result(2.5), step=3, frames=8, waited=0)
    assert resumed.worst() == WorstStep(1, 3.0, 30.0)
    line = resumed.read(4)
    assert line["loss"] == pytest.approx((1 + 3 + 2 + 2.5) / 4)
    assert not [name for name in line if name.startswith("worst")]
    resumed.add(result(9.0, norm=7.0), step=4, frames=8, waited=0)
    assert resumed.worst() == WorstStep(4, 9.0, 7.0)


def spiky(monkeypatch: pytest.MonkeyPatch, seen: dict[int, list[int]]) -> None:
    """The loss of update number SPIKE is large; the samples of all are noted."""

    def stepped(state: TrainState, videos: Any, **more: Any) -> StepResult:
        seen[state.step] = videos.sample_ids_N.tolist()
        found = train_step(state, videos, **more)
        if videos.step != SPIKE:
            return found
        return dataclasses.replace(found, losses=Losses(100 * found.losses.total, found.losses.parts))

    monkeypatch.setattr(loop, "train_step", stepped)


def run(experiment: Experiment, store: Path, out: Path, *, die_at: int | None = None) -> tuple[RunFolder, list[str]]:
    def progress(line: dict[str, float]) -> None:
        if line["step"] == die_at and "loss" in line:
            raise InterruptedError

    said: list[str] = []
    options = RunOptions(world=WORLD, workers=1, log_every=2, save_every=23)
    return pretrain(experiment, data=store, out=out, options=options, progress=progress, say=said.append), said


def test_a_spike_is_named_with_its_batch_and_found_again(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = override(small, [f"schedule.steps={STEPS}", "optimiser.learning_rate=0.001", "schedule.decays=[]"])
    seen: dict[int, list[int]] = {}
    spiky(monkeypatch, seen)
    unbroken, said = run(long, tiny_store, tmp_path / "unbroken")
    (noted,) = [json.loads(line) for line in (unbroken.path / SPIKES).read_text().splitlines()]
    lines = {line["step"]: line for line in unbroken.read_metrics()}
    before = [line["loss"] for step, line in lines.items() if step < 24]
    assert (noted["line"], noted["step"], noted["seed"]) == (24, SPIKE, long.seed)
    assert noted["samples"] == seen[SPIKE] and len(noted["samples"]) == long.samples_per_step
    assert noted["loss"] == lines[24]["loss"] > noted["limit"] == spike_limit(before, deviations=10)
    assert noted["step_loss"] > 20 * noted["usual"] and noted["gradient_norm"] > 0
    assert [text.split(":")[0] for text in said] == [f"loss spike at step {SPIKE + 1}"]

    # The spike is before the checkpoint and its line behind it: that line is written once more.
    with pytest.raises(InterruptedError):
        run(long, tiny_store, tmp_path / "broken", die_at=26)
    assert (tmp_path / "broken" / SPIKES).read_text() == (unbroken.path / SPIKES).read_text()
    run(long, tiny_store, tmp_path / "broken")
    assert (tmp_path / "broken" / SPIKES).read_text() == (unbroken.path / SPIKES).read_text()


@pytest.mark.parametrize("deviations", [0, 10])
def test_nothing_is_noted_where_nothing_is_asked_for(
    tmp_path: Path, small: Experiment, tiny_store: Path, deviations: float
) -> None:
    inputs = Inputs.open(small, data=tiny_store, labels=None, label_list=None)
    said: list[str] = []
    spikes = Spikes(RunFolder(tmp_path), inputs=inputs, deviations=deviations, first_step=0, say=said.append)
    for step, loss in enumerate([1.0] * 20 + [50.0]):
        spikes.look({"step": step + 1, "loss": loss}, worst=WorstStep(step, loss, 1.0))
    spikes.look({"step": 22}, worst=None)  # every step was left out
    assert (tmp_path / SPIKES).exists() == (deviations > 0) == bool(said)


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--spikes -1: must be at least 0"):
        RunOptions(world=WORLD, workers=1, spikes=-1)


def test_the_ids_are_those_of_the_loaders(tiny_store: Path, tiny_images: Path) -> None:
    labelled = ["labelled.images_per_step=4", "labelled.norm_group=4", "labelled.augmentation.crop.size=32"]
    preset = tiny(find("VIVI-Ex(4)-Co(100%)"))
    classes = len([each for each in (tiny_images / "train").iterdir() if each.is_dir()])
    experiment = override(for_classes(preset, classes), [*SMALL, *labelled])
    inputs = Inputs.open(experiment, data=tiny_store, labels=tiny_images, label_list=None)
    for batch in inputs.batches(2, 4, world=WORLD, workers=1):
        assert batch.videos is not None and batch.images is not None
        found = drawn_ids(inputs, step=batch.videos.step)
        assert found["samples"] == batch.videos.sample_ids_N.tolist()
        assert found["labels"] == batch.images.labels_B.tolist()
        assert len(set(found["images"])) == 4
