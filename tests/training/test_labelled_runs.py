"""Runs that learn from labelled images or from folders of images: from the flags to the encoder and its scores."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.reference.tiny_images import CLASSES

from vivi.core.checkpoint import checkpoints
from vivi.core.config import override
from vivi.core.errors import CheckpointError, ConfigError, ViviError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.nn.export import load_encoder
from vivi.presets import find, for_classes, tiny
from vivi.training.loop import RunOptions, pretrain
from vivi.transfer.quick import evaluate

OPTIONS = RunOptions(world=World.single(), workers=1, log_every=2, save_every=2)


class KilledError(Exception):
    """Stands for a process that dies."""


def small(name: str, *, steps: int = 4, classes: int = len(CLASSES)) -> Experiment:
    """The tiny preset on few small pictures."""
    experiment = for_classes(tiny(find(name)), classes)
    changes = [f"schedule.steps={steps}", "schedule.warmup=1", "schedule.decays=[]", "encoder.width=0.125"]
    changes += ["augmentation.crop.size=32"]
    if experiment.uses_videos:
        changes += [f"samples_per_step={16 // experiment.sampling.shots}", "norm_group=4", "frame_levels.0.group=4"]
        changes += ["sampling.frames=2"] if "Ex" in name else []
    if experiment.labelled is not None:
        changes += ["labelled.images_per_step=4", "labelled.norm_group=4", "labelled.augmentation.crop.size=32"]
        changes += [
            f"image_levels.{number}.group=4" for number, each in enumerate(experiment.image_levels) if each.group
        ]
    return override(experiment, changes)


def run(experiment: Experiment, out: Path, *, die_at: int | None = None, **folders: Path | None) -> RunFolder:
    def progress(line: dict[str, float]) -> None:
        if line["step"] == die_at and "loss" in line:
            raise KilledError

    return pretrain(experiment, out=out, options=OPTIONS, progress=progress, **folders)


@pytest.mark.parametrize("name", ["VIVI-Ex(4)-Co(10%)", "Sup-100%", "Semi-Ex-10%"])
def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path, name: str, tiny_store: Path, tiny_images: Path) -> None:
    data = {"VIVI": tiny_store, "Semi": tiny_images}.get(name.split("-")[0])
    experiment = small(name)
    unbroken = run(experiment, tmp_path / "a", data=data, labels=tiny_images)
    with pytest.raises(KilledError):
        run(experiment, tmp_path / "b", die_at=4, data=data, labels=tiny_images)
    resumed = run(experiment, tmp_path / "b", data=data, labels=tiny_images)
    one, other = (load_file(checkpoints(each.checkpoints)[-1] / "state.safetensors") for each in (unbroken, resumed))
    assert one.keys() == other.keys()
    for key, tensor in one.items():
        assert torch.equal(tensor, other[key]), key


def test_a_run_with_labels_ends_with_a_classifier_that_evaluate_uses(tmp_path: Path, tiny_images: Path) -> None:
    changes = ["labelled.images_per_step=20", "encoder.norm.momentum=0.2", "optimiser.learning_rate=0.1"]
    experiment = override(small("Sup-100%", steps=60), changes)
    folder = run(experiment, tmp_path / "run", labels=tiny_images)
    encoder = load_encoder(folder.encoder)
    assert encoder.classifier is not None
    assert encoder.classifier.classes == CLASSES
    state = load_file(checkpoints(folder.checkpoints)[-1] / "state.safetensors")
    assert torch.equal(encoder.classifier.weight_CD, state["model.image_objectives.0.classifier.weight"])
    scores = evaluate(folder.encoder, data=tiny_images)
    (top_1,) = [each for each in scores.results if each.probe == "top-1"]
    assert top_1.accuracy > 0.7  # four plain colours: chance is a quarter


@pytest.mark.parametrize("name", ["Ex-ImageNet", "Rot-ImageNet"])
def test_a_folder_of_images_is_a_source(tmp_path: Path, name: str, tiny_images: Path) -> None:
    folder = run(small(name), tmp_path / "run", data=tiny_images)
    assert load_encoder(folder.encoder).classifier is None
    assert load_encoder(folder.encoder).details["images"] == 40


@pytest.mark.parametrize(
    ("name", "data", "labels", "message"),
    [
        ("VIVI-Ex(4)", None, None, "--data is missing: VIVI-Ex.4.-Tiny learns from a store"),
        ("Ex-ImageNet", None, None, "--data is missing: Ex-ImageNet-Tiny learns from a folder of images"),
        ("VIVI-Ex(4)-Co(10%)", "store", None, "--labels is missing"),
        ("VIVI-Ex(4)", "store", "images", "learns without labels; leave it out"),
        ("Sup-100%", "store", "images", "learns from labelled images alone; leave it out"),
        ("VIVI-Ex(4)", "images", None, "is a folder of images, VIVI-Ex.4.-Tiny learns from videos"),
        ("Ex-ImageNet", "store", None, "is a store of shots, Ex-ImageNet-Tiny learns from a folder of images"),
    ],
)
def test_what_does_not_fit_together_is_named(
    tmp_path: Path, name: str, data: str | None, labels: str | None, message: str, tiny_store: Path, tiny_images: Path
) -> None:
    folders = {"store": tiny_store, "images": tiny_images, None: None}
    with pytest.raises(ViviError, match=message):
        run(small(name), tmp_path / "run", data=folders[data], labels=folders[labels])
    assert not (tmp_path / "run").exists()


def test_a_classifier_of_another_width_is_refused_with_the_remedy(tmp_path: Path, tiny_images: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 4 classes: --set image_levels.0.objective.classes=4$"):
        run(small("Sup-100%", classes=1000), tmp_path / "run", labels=tiny_images)


def test_too_few_images_for_a_step(tmp_path: Path, tiny_images: Path) -> None:
    many = override(small("Sup-100%"), ["labelled.images_per_step=64"])
    with pytest.raises(ConfigError, match=r"64 .*images.* 40.*labelled.images_per_step=40"):
        run(many, tmp_path / "run", labels=tiny_images)


def test_other_labels_are_another_run(tmp_path: Path, tiny_images: Path) -> None:
    names = [f"{each}_train_{number}{ending}" for each in CLASSES for number, ending in ((0, ".jpg"), (1, ".png"))]
    (tmp_path / "list.txt").write_text("\n".join(names))
    experiment = override(small("Sup-100%", steps=2), ["labelled.share=0.2"])
    run(experiment, tmp_path / "run", labels=tiny_images, label_list=tmp_path / "list.txt")
    with pytest.raises(CheckpointError, match="--labels or --label-list names other files"):
        run(experiment, tmp_path / "run", labels=tiny_images)


def test_testing_on_what_may_have_been_learned_is_remarked(tmp_path: Path, tiny_images: Path) -> None:
    folder = run(small("Sup-100%", steps=2), tmp_path / "run", labels=tiny_images)
    unsplit = tiny_images / "train"
    assert not [each for each in evaluate(folder.encoder, data=unsplit).remarks if "seed 0" in each]
    assert [each for each in evaluate(folder.encoder, data=unsplit, seed=1).remarks if "seed 0" in each]
    assert not [each for each in evaluate(folder.encoder, data=tiny_images, seed=1).remarks if "seed 0" in each]
    images = run(small("Rot-ImageNet", steps=2), tmp_path / "images", data=unsplit)
    assert [each for each in evaluate(images.encoder, data=unsplit).remarks if "without labels" in each]


def test_a_damaged_image_in_the_middle_of_a_run(tmp_path: Path, tiny_images: Path) -> None:
    """What was learned before it is saved, and the run goes on when the image is repaired, to the same end."""
    copy = tmp_path / "images"
    shutil.copytree(tiny_images, copy)
    experiment = small("Sup-100%", steps=10)  # one epoch of 40 images
    victim = copy / "train/bee/bee_train_3.jpg"
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ViviError, match=r"bee_train_3\.jpg: damaged .*; repair or remove this file"):
        run(experiment, tmp_path / "a", labels=copy)
    victim.write_bytes(whole)
    saved = [path.name for path in checkpoints(RunFolder(tmp_path / "a").checkpoints)]
    resumed = run(experiment, tmp_path / "a", labels=copy)
    unbroken = run(experiment, tmp_path / "b", labels=copy)
    one, other = (load_file(checkpoints(each.checkpoints)[-1] / "state.safetensors") for each in (resumed, unbroken))
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())
    assert saved
