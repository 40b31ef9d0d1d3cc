"""The run around the detector: resumed equals unbroken, signals save, results, mistakes. A stand-in is the detector."""

import json
import math
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file
from tests.reference.stand_in_detector import build_stand_in

from vivi import __version__
from vivi.core.checkpoint import checkpoints
from vivi.core.errors import CheckpointError, ConfigError, InterruptedRunError, ViviError
from vivi.transfer.detection import train
from vivi.transfer.detection.measure import ClassPrecision, Measured, Precision
from vivi.transfer.detection.recipe import chosen

SMALL = ("batch=4", "schedule.warmup=2", "schedule.decays=[5]", "optimiser.learning_rate=0.4")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """No torchvision and no torchmetrics; AP is the share of images whose first object is named rightly."""

    def measure(pairs, *, classes):
        right = [int(found.labels_D[0]) == int(target.labels_O[0]) for found, target in pairs]
        share = Precision(ap=sum(right) / len(right), ap50=1.0, ap75=None)
        return Measured(mean=share, classes=tuple(ClassPrecision(name, objects=1, precision=share) for name in classes))

    monkeypatch.setattr("vivi.transfer.detection.work.build_detector", build_stand_in)
    monkeypatch.setattr(train, "check_operators", lambda _: None)
    monkeypatch.setattr(train, "mean_average_precision", lambda: None)
    monkeypatch.setattr(train, "measure", measure)


@pytest.fixture
def run(encoder_folder, world):
    """Runs 8 steps, or as the assignments say."""

    def go(out, *assignments, data=world, progress=lambda _: None, **options):
        options = {"log_every": 3, "save_every": 2, "workers": 2} | options
        return train.detect(
            encoder_folder,
            data=data,
            out=out,
            recipe=chosen(assignments=["schedule.steps=8", *SMALL, *assignments]),
            options=train.DetectionOptions(device=torch.device("cpu"), **options),
            progress=progress,
        )

    return go


def stop_at(step):
    """A watcher that sends the process a signal after so many steps."""

    def watch(moment):
        if moment.stage == "learning" and moment.done == step and moment.line:
            signal.raise_signal(signal.SIGTERM)

    return watch


def state_of(out):
    return load_file(checkpoints(out / "checkpoints")[-1] / "state.safetensors")


def curves(out):
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "images_per_second"} for line in lines]


def test_a_resumed_run_equals_an_unbroken_one(run, tmp_path):
    whole = run(tmp_path / "whole")
    with pytest.raises(InterruptedRunError, match=r"stopped and saved at step 4 of 8 in .*the same command goes on"):
        run(tmp_path / "broken", progress=stop_at(4), log_every=1)
    assert not (tmp_path / "broken" / "detection.json").exists()
    (tmp_path / "broken" / "metrics.jsonl").unlink()  # the lines of another pace
    again = run(tmp_path / "broken")
    one, other = state_of(tmp_path / "whole"), state_of(tmp_path / "broken")
    assert one.keys() == other.keys() and any(name.startswith("momentum.") for name in one)
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert {**again, "seconds": None} == {**whole, "seconds": None}
    assert [line["step"] for line in curves(tmp_path / "whole")] == [3, 6, 8]


def test_a_checkpoint_within_a_log_interval_gives_the_same_lines(run, tmp_path):
    """The open interval is part of the state: killed at step 4, the lines of steps 3, 6 and 8 are the same."""
    run(tmp_path / "whole")
    run(tmp_path / "killed", log_every=3, save_every=4)
    for path in checkpoints(tmp_path / "killed" / "checkpoints")[1:]:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    (tmp_path / "killed" / "detection.json").unlink()
    assert [path.name for path in checkpoints(tmp_path / "killed" / "checkpoints")] == ["step-00000004"]
    run(tmp_path / "killed", save_every=4)
    assert curves(tmp_path / "killed") == curves(tmp_path / "whole")


def test_the_draws_of_a_step_do_not_depend_on_the_global_generator(run, tmp_path):
    torch.manual_seed(1)
    run(tmp_path / "one")
    torch.manual_seed(2)
    before = torch.get_rng_state()
    run(tmp_path / "two", workers=1, save_every=8)
    assert torch.equal(torch.get_rng_state(), before)
    run(tmp_path / "three", "seed=1")
    one, two, three = (state_of(tmp_path / name) for name in ("one", "two", "three"))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert not torch.equal(three["model.layer.weight"], one["model.layer.weight"])


def test_the_rate_of_each_line_is_that_of_the_recipe(run, tmp_path):
    run(tmp_path / "run", log_every=1)
    rates = [line["learning_rate"] for line in curves(tmp_path / "run")]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])  # 0.4 x 4 / 16, warm-up 2, decay at 5


def test_the_result_says_what_was_done(run, tmp_path, world):
    moments = []
    result = run(tmp_path / "run", progress=moments.append)
    assert json.loads((tmp_path / "run" / "detection.json").read_text()) == result
    assert (result["format"], result["version"], result["vivi"]) == ("vivi-detection", 1, __version__)
    assert result["encoder"]["name"] == "Tiny" and result["encoder"]["weights"] == "trained"
    assert result["data"]["train"]["images"] == 12 and result["data"]["test"]["list"] == "test"
    assert result["data"]["classes"] == ["disc", "square", "triangle"]
    assert result["recipe"]["batch"] == 4
    assert 0 <= result["ap"] <= 1 and result["ap75"] is None
    assert [each["name"] for each in result["classes"]] == result["data"]["classes"]
    assert any("supplement" in remark for remark in result["remarks"])
    assert [each.stage for each in moments if each.done == each.total] == ["checking", "learning", "measuring"]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"detection-run.json", "metrics.jsonl", "checkpoints", "detection.json"}


def test_a_finished_run_is_not_done_again(run, tmp_path):
    moments = []
    first = run(tmp_path / "run")
    assert run(tmp_path / "run", progress=moments.append) == first
    assert moments == []


def test_stopped_while_measured_it_goes_on(run, tmp_path):
    def watch(moment):
        if moment.stage == "measuring" and moment.done == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(InterruptedRunError, match="while it was measured"):
        run(tmp_path / "run", progress=watch)
    moments = []
    run(tmp_path / "run", progress=moments.append)
    assert {each.done for each in moments if each.stage == "learning"} == {8}
    assert (tmp_path / "run" / "detection.json").exists()


def test_zero_steps_measure_the_untrained_detector(run, tmp_path):
    result = run(tmp_path / "run", "schedule.steps=0", "schedule.warmup=0", "schedule.decays=[]")
    assert result["ap50"] == 1.0
    assert checkpoints(tmp_path / "run" / "checkpoints") == []


def test_random_weights_are_said_to_be_random(run, tmp_path):
    result = run(tmp_path / "run", "random=5", "frozen_norm=false")
    assert result["encoder"]["weights"] == "random"
    assert result["encoder"]["name"] == "Tiny, random weights"


def test_another_run_is_refused(run, tmp_path, world):
    run(tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"differs in recipe\.flip: 0\.5 -> 0\.25.*choose another --out"):
        run(tmp_path / "run", "flip=0.25")
    shutil.copytree(world, tmp_path / "changed")
    (tmp_path / "changed" / "ImageSets" / "Main" / "test.txt").write_text("000003\n")
    with pytest.raises(CheckpointError, match=r"differs in .*data\.test\.images: 6 -> 1"):
        run(tmp_path / "run", data=tmp_path / "changed")
    theirs = tmp_path / "other" / "texts" / ".tmp-draft.txt"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(ViviError, match=r"not empty and holds no run of detection \(it holds 'notes\.txt'\)"):
        run(tmp_path / "other")
    assert theirs.exists()


def test_a_damaged_checkpoint_is_passed_over(run, tmp_path):
    whole = run(tmp_path / "run")
    (tmp_path / "run" / "detection.json").unlink()
    last = checkpoints(tmp_path / "run" / "checkpoints")[-1]
    (last / "state.safetensors").write_bytes(b"short")
    assert {**run(tmp_path / "run"), "seconds": None} == {**whole, "seconds": None}


def test_a_diverged_run_is_not_saved(run, tmp_path):
    with pytest.raises(ViviError, match=r"loss is not finite at step \d: .*--set optimiser\.learning_rate"):
        run(tmp_path / "run", "optimiser.learning_rate=1e30", log_every=100)
    saved = checkpoints(tmp_path / "run" / "checkpoints")
    assert all(
        math.isfinite(float(value.sum())) for path in saved for value in load_file(path / "state.safetensors").values()
    )


@pytest.mark.parametrize(
    ("assignments", "error", "said"),
    [
        (["batch=13"], ConfigError, "a step takes 13 images, there are 12"),
        (["train=val"], ViviError, r"no list .*val\.txt"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(run, tmp_path, assignments, error, said):
    with pytest.raises(error, match=said):
        run(tmp_path / "run", *assignments)
    assert not (tmp_path / "run").exists()


def test_images_without_objects_alone_are_refused(run, tmp_path, own_world):
    for file in (own_world / "Annotations").iterdir():
        text = file.read_text()
        file.write_text(text[: text.index("<object>")] + "</annotation>")
    with pytest.raises(ConfigError, match="no image of the list 'trainval' has an object"):
        run(tmp_path / "run", "batch=3", data=own_world)


@pytest.mark.parametrize("name", ["workers", "log_every", "save_every"])
def test_numbers_below_1_are_refused(name):
    values = {"device": torch.device("cpu"), "workers": 1} | {name: 0}
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} 0: must be at least 1"):
        train.DetectionOptions(**values)
