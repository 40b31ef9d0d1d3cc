"""The sweep: a run for each combination, judged on images of their own, resumed by the same call."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.reference.miniatures import miniature
from tests.reference.tiny_images import tiny_images  # noqa: F401 (a fixture)
from tests.reference.tiny_store import tiny_store  # noqa: F401 (a fixture)

from vivi.console.learning import show_sweep, sweep_progress
from vivi.core.config import override
from vivi.core.errors import ConfigError, ViviError
from vivi.core.world import World
from vivi.data.images import ImageFolder
from vivi.data.labelled import LabelledSet
from vivi.data.selection import Selection
from vivi.experiment import Experiment
from vivi.presets import find, tiny
from vivi.report.page import collect
from vivi.sweep import Sweep, SweepStep, Trial, _weighted, combinations, sweep
from vivi.training.loop import RunOptions
from vivi.transfer.quick import evaluate
from vivi.transfer.scores import Score

OPTIONS = RunOptions(world=World.single(), workers=1, log_every=1, save_every=1)
SHORT = ("schedule.steps=2", "encoder.width=0.125")


class KilledError(Exception):
    """Stands for a process that dies."""


def ignored(_: SweepStep) -> None:
    pass


@pytest.fixture
def run(tiny_store: Path, tiny_images: Path, tmp_path: Path) -> Callable[..., Sweep]:  # noqa: F811
    """A sweep over a tiny preset in tmp_path/out."""

    def swept(experiment: Experiment, **others: object) -> Sweep:
        usual = {"data": tiny_store, "labels": None, "label_list": None, "score": tiny_images, "options": OPTIONS}
        return sweep(experiment, **(usual | {"out": tmp_path / "out", "progress": ignored} | others))

    return swept


@pytest.fixture
def small() -> Experiment:
    return override(miniature("VIVI-Ex(4)"), SHORT)


def co_trained() -> Experiment:
    return override(miniature("VIVI-Ex(4)-Co(10%)"), [*SHORT, "labelled.share=0.5"])


def weights_of(run: Path) -> list[float]:
    tree = json.loads((run / "experiment.json").read_text())["experiment"]
    return [level["weight"] for part in ("frame_levels", "video_levels", "image_levels") for level in tree[part]]


def test_each_combination_is_a_run_of_its_own(run, tmp_path: Path, tiny_images: Path) -> None:  # noqa: F811
    seen: list[SweepStep] = []
    experiment = co_trained()
    found = run(experiment, labels=tiny_images, lambdas=(0.1, 0.3), gammas=(2.5,), progress=seen.append)
    names = ["lambda=0.1,gamma=2.5", "lambda=0.3,gamma=2.5"]
    assert sorted(trial.name for trial in found.trials) == names
    assert [weights_of(tmp_path / "out" / name) for name in names] == [[1, 0.1, 2.5], [1, 0.3, 2.5]]
    assert [step.name for step in seen if step.line and step.line["step"] == 2] == names
    assert [step.name for step in seen if step.images[0] and step.images[0] == step.images[1]] == names
    assert {step.runs for step in seen} == {2}
    dumped = json.loads((tmp_path / "out" / names[0] / "experiment.json").read_text())["experiment"]
    assert dumped["name"] == experiment.name  # no star: the weights are the method's to choose
    runs, scores = collect([tmp_path / "out"])
    assert (len(runs), len(scores)) == (2, 2)


def test_the_result_is_written_best_first(
    run: Callable[..., Sweep], small: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(small, lambdas=(0.1, 0.3))
    written = json.loads((tmp_path / "out/sweep.json").read_text())
    accuracies = [each["linear"]["accuracy"] for each in written["runs"]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert [each["name"] for each in written["runs"]] == [trial.name for trial in found.trials]
    assert written["verdict"] == found.verdict
    show_sweep(found, out=tmp_path / "out", json=True)
    assert json.loads(capsys.readouterr().out) == written
    assert (written["data"]["fit"], written["data"]["validation"]) == (32, 8)
    assert (written["format"], written["version"], written["experiment"]) == ("vivi-sweep", 1, small.name)
    for trial in found.trials:
        again = evaluate(trial.encoder, data=tmp_path / "out/images-selection")
        assert trial.results == again.results
        assert trial.linear.total == 8
        assert (trial.linear.probe, trial.linear.weights) == ("logistic", "trained")
        assert (trial.knn.probe, trial.random.weights) == ("knn", "random")


def test_an_interrupted_sweep_goes_on(run, small: Experiment, tmp_path: Path) -> None:
    whole = run(small, lambdas=(0.1, 0.3), out=tmp_path / "whole")

    def die(step: SweepStep) -> None:
        if step.run == 2 and step.line and step.line["step"] == 2:
            raise KilledError

    with pytest.raises(KilledError):
        run(small, lambdas=(0.1, 0.3), progress=die)
    assert not (tmp_path / "out/sweep.json").exists()
    assert (tmp_path / "out/lambda=0.1/done.json").exists()
    assert not (tmp_path / "out/lambda=0.3/done.json").exists()
    (tmp_path / "out/.tmp-1-images-selection").mkdir()
    seen: list[SweepStep] = []
    resumed = run(small, lambdas=(0.1, 0.3), progress=seen.append)
    assert {step.run for step in seen} == {2}  # the first is neither trained nor judged again
    assert [step.line["step"] for step in seen if step.line] == [1, 2]  # said: going on from step 1
    assert [(each.name, each.results) for each in resumed.trials] == [
        (each.name, each.results) for each in whole.trials
    ]
    seen.clear()
    more = run(small, lambdas=(0.1, 0.3, 0.2), progress=seen.append)
    assert {step.name for step in seen} == {"lambda=0.2"}
    assert len(more.trials) == 3
    again, other = tmp_path / "out/sweep.json", tmp_path / "whole/sweep.json"
    assert json.loads(again.read_text())["data"] == json.loads(other.read_text())["data"]
    assert not list((tmp_path / "out").glob(".tmp-*"))


def test_the_values_where_none_are_given() -> None:
    def grid(experiment: Experiment) -> list[dict[str, float]]:
        return combinations(experiment, lambdas=(), gammas=())

    assert [each["lambda"] for each in grid(find("VIVI-Ex(4)"))] == [0.02, 0.04, 0.08, 0.16]
    assert [each["lambda"] for each in grid(find("VIVI-Ex(2)-Order"))] == [0.2, 1]
    assert [each["lambda"] for each in grid(tiny(find("VIVI-Ex(4)")))] == [1, 2, 4, 8]
    assert {each["gamma"] for each in grid(find("VIVI-Ex(4)-Co(10%)"))} == {1}
    assert grid(find("Semi-Ex-10%")) == [{"gamma": 1}]
    both = combinations(find("VIVI-Ex(4)-Co(10%)"), lambdas=(1, 2), gammas=(3, 4))
    assert [tuple(each.values()) for each in both] == [(1, 3), (1, 4), (2, 3), (2, 4)]


def test_gamma_weighs_what_is_learned_from_labels() -> None:
    """The exemplars of Semi-Ex-10% stand at the image level too, at half the weight."""
    semi = find("Semi-Ex-10%")
    (own,) = combinations(semi, lambdas=(), gammas=())
    assert _weighted(semi, own) == semi, "without values the experiment's own weights stay"
    assert [level.weight for level in _weighted(semi, {"gamma": 3.0}).image_levels] == [3.0, 0.5]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("VIVI-Ex(4)", {"lambdas": (1, 2, 3, 4, 5)}, "--lambda: at most 4 values, as in the paper; got 5"),
        ("VIVI-Ex(4)", {"lambdas": (1, 0.5, 1.0)}, "--lambda 1 is given twice"),
        ("VIVI-Ex(4)", {"lambdas": (-1,)}, "--lambda -1: must be a number and not negative"),
        ("VIVI-Ex(4)", {"lambdas": (float("nan"),)}, "--lambda nan: must be a number"),
        ("VIVI-Ex(4)", {"gammas": (1,)}, r"--gamma: VIVI-Ex\(4\)-Tiny has no labelled images"),
        ("VIVI-Ex(4)-Co(10%)", {"gammas": (1, 2, 3, 4, 5)}, "--gamma: at most 4 values"),
        ("Ex-YT-S", {"lambdas": (1,)}, "--lambda: Ex-YT-S-Tiny has no video level"),
        ("Ex-YT-S", {}, "Ex-YT-S-Tiny has neither lambda nor gamma: nothing to sweep"),
        ("Sup-100%", {"gammas": (1,)}, "--gamma: Sup-100%-Tiny learns from labels alone"),
        ("VIVI-Ex(4)-Co(10%)", {}, "--labels is missing"),
        ("VIVI-Ex(4)", {"data": None}, "--data is missing"),
    ],
)
def test_bad_values_are_refused_before_anything_is_written(run, tmp_path: Path, name, values, message) -> None:
    with pytest.raises(ConfigError, match=message):
        run(miniature(name), **values)
    assert not (tmp_path / "out").exists()


def test_bad_folders_are_refused(run, small: Experiment, tmp_path: Path, tiny_images: Path) -> None:  # noqa: F811
    with pytest.raises(ViviError, match="is not a folder"):
        run(small, score=tmp_path / "missing")
    with pytest.raises(ViviError, match="single class, 'ant'"):
        shutil.copytree(tiny_images / "train/ant", tmp_path / "one/ant")
        run(small, score=tmp_path / "one")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/holiday.txt").write_text("mine")
    with pytest.raises(ViviError, match=r"not empty and not a sweep \(it holds 'holiday.txt'\): choose another --out"):
        run(small)
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["holiday.txt"]


def test_another_experiment_in_the_same_folder_is_refused(run, small: Experiment) -> None:
    run(small, lambdas=(0.1,))
    with pytest.raises(ViviError, match=r"holds another run; it differs in optimiser\.momentum: 0\.9 -> 0\.5"):
        run(override(small, ["optimiser.momentum=0.5"]), lambdas=(0.1,))


def test_a_damaged_score_file_is_named(run, small: Experiment, tmp_path: Path) -> None:
    run(small, lambdas=(0.1,))
    (file,) = (tmp_path / "out/lambda=0.1").glob("selection-scores-*.json")
    file.write_text('{"results": [{"probe": "knn"}]}')
    with pytest.raises(ViviError, match=f"{file.name} is damaged"):
        run(small, lambdas=(0.1,))


def test_the_final_test_images_decide_nothing(tmp_path: Path, tiny_images: Path) -> None:  # noqa: F811
    """Neither those of a given split nor those that `vivi evaluate` takes where there is none."""
    shutil.copytree(tiny_images / "train", tmp_path / "plain")
    for folder in (tiny_images, tmp_path / "plain"):
        final = ImageFolder.open(folder)
        chosen = Selection.open(folder, learned=None)
        parts = [{image.path for image in part} for part in (chosen.fit, chosen.validation)]
        assert parts[0] | parts[1] == {image.path for image in final.train}
        assert not parts[0] & parts[1]
        assert not (parts[0] | parts[1]) & {image.path for image in final.test}
        assert [image.label for image in chosen.validation] == sorted([0, 1, 2, 3] * 2)
        links = ImageFolder.open(chosen.link(tmp_path / "links"))
        assert (links.split, len(links.train), len(links.test)) == ("given: train, val", *map(len, parts))
        assert links.classes == final.classes
        for image in links.test:
            file = (tmp_path / "links" / image.path).resolve()
            assert str(file.relative_to(folder.resolve())) in parts[1]
            assert file.parent.name == links.classes[image.label]


def test_images_learned_with_their_labels_decide_nothing(tmp_path: Path, tiny_images: Path) -> None:  # noqa: F811
    half = LabelledSet.open(tiny_images, share=0.5, seed=0)
    linked = tmp_path / "linked"  # the same files under another name
    linked.mkdir()
    for part in ("train", "val"):
        (linked / part).symlink_to(tiny_images / part)
    for folder in (tiny_images, linked):
        chosen = Selection.open(folder, learned=half)
        assert chosen.learned == len(half.images) == 20
        assert {image.path for image in half.images} <= {image.path for image in chosen.fit}
        assert (len(chosen.fit), len(chosen.validation)) == (36, 4)
    with pytest.raises(ConfigError, match="40 of its 40 training images are learned from with their labels"):
        Selection.open(tiny_images, learned=LabelledSet.open(tiny_images, share=1, seed=0))


def trial(name: str, correct: int, interval: tuple[float, float]) -> Trial:
    scores = tuple(
        Score(task="t", probe=probe, weights=weights, correct=right, total=100, accuracy=right / 100, interval=between,
              details={})
        for probe in ("knn", "logistic")
        for weights, right, between in (("trained", correct, interval), ("random", 20, (0.1, 0.3)))
    )  # fmt: skip
    return Trial(name, {"lambda": float(name.split("=")[1])}, Path("out") / name, scores)


def test_the_verdict_says_what_the_intervals_allow() -> None:
    high, near, low = (
        trial("lambda=1", 80, (0.7, 0.9)),
        trial("lambda=2", 78, (0.68, 0.88)),
        trial("lambda=4", 50, (0.4, 0.6)),
    )
    assert Sweep((high, low)).verdict == "lambda=1 is best: its interval lies above those of all others."
    unsure = Sweep((high, near, low))
    assert [each.name for each in unsure.rivals] == ["lambda=2"]
    assert unsure.verdict == "Not distinguishable: lambda=1 is ahead, and its interval overlaps that of lambda=2."
    assert "lambda=1 is equal to the next" in Sweep((high, trial("lambda=3", 80, (0.7, 0.9)))).verdict
    assert "a single run" in Sweep((high,)).verdict
    poor = trial("lambda=1", 25, (0.16, 0.35))
    assert Sweep((poor,)).verdict.endswith("It cannot be told from random weights either (20.0%).")


def test_what_is_shown(capsys: pytest.CaptureFixture[str], small: Experiment) -> None:
    found = Sweep((trial("lambda=1", 80, (0.7, 0.9)), trial("lambda=0.5", 50, (0.4, 0.6))))
    show_sweep(found, out=Path("out"))
    said = capsys.readouterr().out
    assert said.index("80.0%") < said.index("50.0%")
    assert "70.0% to 90.0%" in said
    assert "lambda=1 is best" in said
    assert "out/lambda=1/encoder" in said
    with sweep_progress(small) as show:
        step = SweepStep(1, 2, "lambda=1")
        show(dataclasses.replace(step, line={"step": 1}))
        show(dataclasses.replace(step, images=(10, 40)))
        show(SweepStep(2, 2, "lambda=2", images=(40, 40)))
    assert "Ex(4)-Tiny, sweep: 4/4 steps lambda=2: scoring, 40 of 40 images" in capsys.readouterr().err
