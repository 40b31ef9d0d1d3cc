"""What makes one experiment out of another; the name says it."""

import dataclasses
from collections.abc import Iterable

from vivi.core.config import override
from vivi.data.augment import Augmentation, ColourTransform, InceptionColour
from vivi.data.autoaugment import AutoAugmentImageNet
from vivi.data.hsv import HSVNoise
from vivi.data.labelled import LabelledImages
from vivi.experiment import Experiment, Level
from vivi.nn.heads import MLPPredictor
from vivi.nn.norm import GroupNormWS
from vivi.nn.resnet_v2 import ResNetV2
from vivi.objectives.infonce import InfoNCE
from vivi.objectives.jigsaw import Jigsaw
from vivi.objectives.relative_patch import RelativePatch
from vivi.objectives.supervised import Supervised
from vivi.optim import SGD, Schedule
from vivi.presets.methods import EXEMPLAR_FRAMES, GAMMA, ROTATION_FRAMES, SHOTS_PER_STEP


def big(experiment: Experiment) -> Experiment:
    """Three times as wide; a co-trained model also shows its labelled images under AutoAugment (paper, section 5.2)."""
    assert isinstance(experiment.encoder, ResNetV2)
    labelled = experiment.labelled
    if labelled is not None:
        policy = _with_policy(labelled.augmentation)
        labelled = dataclasses.replace(labelled, augmentation=policy)
    encoder = dataclasses.replace(experiment.encoder, width=3.0)
    return dataclasses.replace(experiment, name=f"{experiment.name}-Big", encoder=encoder, labelled=labelled)


def autoaugment(experiment: Experiment) -> Experiment:
    """AutoAugment in the place of Inception's colour (paper, section 4, Table 2); crop and flip stay."""
    policy = _with_policy(experiment.augmentation)
    return dataclasses.replace(experiment, name=f"{experiment.name}-AA", augmentation=policy)


def co(experiment: Experiment, percent: int) -> Experiment:
    """Co-trained with labelled images: group norm, weight standardisation, HSV noise, 100,000 steps (paper, section 4).

    Batches, rates and decays depend on the number of labels; the paper does not print them, these are ours.
    """
    assert isinstance(experiment.encoder, ResNetV2)
    images, shots = (256, 512) if percent < 100 else (2048, SHOTS_PER_STEP)
    augmentation = Augmentation(crop=experiment.augmentation.crop, colour=(*experiment.augmentation.colour, HSVNoise()))
    return dataclasses.replace(
        experiment,
        name=f"{experiment.name}-Co({percent}%)",
        samples_per_step=shots // experiment.sampling.shots,
        augmentation=augmentation,
        encoder=dataclasses.replace(experiment.encoder, norm=GroupNormWS()),
        norm_group=1,  # group norm has no batch statistics: any chunk and any number of ranks will do
        image_levels=(Level(objective=Supervised(), weight=GAMMA),),
        labelled=LabelledImages(images_per_step=images, share=percent / 100, norm_group=1, augmentation=augmentation),
        optimiser=SGD(learning_rate=min(0.1 * images / 256, 0.8)),
        schedule=Schedule(steps=100_000, warmup=5_000, decays=(70_000, 80_000, 90_000)),
    )


def tiny(experiment: Experiment) -> Experiment:
    """The same method for a computer without GPU: width-16 ResNet-18 at 48 pixels, 64 shots of 4 frames, 700 steps.

    What fills a small crop at 224 pixels is a few pixels here, so crops keep at least 30 % of the area. With 128
    features the scores of InfoNCE are small, so lambda is 2 with the LSTM; with MLPs, whose two outputs are multiplied
    and stop at zero together when lambda is large, it is 0.5. All this was tried out on the demo's world. Rotation,
    which shows a frame four times, takes half the frames.
    """
    shots = 64
    frames = {EXEMPLAR_FRAMES: 4, ROTATION_FRAMES: 2, 1: 1}
    changes = ["augmentation.crop.size=48", "augmentation.crop.min_area=0.3", "optimiser.learning_rate=0.03"]
    assert isinstance(experiment.encoder, ResNetV2)
    changes += ["encoder.depth=18", f"encoder.width={experiment.encoder.width / 4}"]
    if experiment.uses_videos:
        changes += [f"samples_per_step={shots // experiment.sampling.shots}"]
        changes += [f"sampling.frames={frames[experiment.sampling.frames]}"]
    if experiment.labelled is not None:
        changes += ["labelled.images_per_step=64", f"labelled.norm_group={min(32, experiment.labelled.norm_group)}"]
        changes += [f"labelled.views={min(4, experiment.labelled.views)}"]
        changes += ["labelled.augmentation.crop.size=48", "labelled.augmentation.crop.min_area=0.3"]
    for number, level in enumerate(experiment.video_levels):
        if isinstance(level.objective, InfoNCE):
            weight = 0.5 if isinstance(level.objective.predictor, MLPPredictor) else 2
            changes += [f"video_levels.{number}.weight={weight}"]
    for number, level in enumerate(experiment.frame_levels):
        small = {"patch": 12, "projection": 64, "hidden": 256} if _cuts_patches(level) else {}
        changes += [f"frame_levels.{number}.objective.{field}={value}" for field, value in small.items()]
    schedule = Schedule(steps=700, warmup=50, decays=(560, 665))
    return dataclasses.replace(override(experiment, changes), name=f"{experiment.name}-Tiny", schedule=schedule)


def changed(experiment: Experiment, *, assignments: Iterable[str] = (), steps: int | None = None) -> Experiment:
    """The experiment with changed values; its name gets a star, because it is no longer what the name says.

    Another seed is the same method, and gets none.

    Raises:
        ConfigError: no such field (the nearest are named) or an illegal value.
    """
    other = experiment
    if steps is not None:
        other = dataclasses.replace(other, schedule=other.schedule.stretched(steps))
    other = override(other, assignments)
    if dataclasses.replace(other, seed=experiment.seed) == experiment or other.name != experiment.name:
        return other
    return dataclasses.replace(other, name=f"{experiment.name}*")


def for_classes(experiment: Experiment, classes: int) -> Experiment:
    """The same method for a folder of so many classes: its classifier has as many outputs, its name stays."""
    levels = tuple(
        dataclasses.replace(level, objective=Supervised(classes=classes))
        if isinstance(level.objective, Supervised)
        else level
        for level in experiment.image_levels
    )
    return dataclasses.replace(experiment, image_levels=levels)


def _cuts_patches(level: Level) -> bool:
    return isinstance(level.objective, Jigsaw | RelativePatch)


def _with_policy(augmentation: Augmentation) -> Augmentation:
    policy: tuple[ColourTransform, ...] = tuple(
        AutoAugmentImageNet() if isinstance(each, InceptionColour) else each for each in augmentation.colour
    )
    return dataclasses.replace(augmentation, colour=policy)
