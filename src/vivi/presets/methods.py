"""The methods of the paper and its baselines: each function returns the complete experiment its name means.

Where the paper is silent, the value is the default of docs/defaults.md, set in the class it belongs to.
"""

import dataclasses

from vivi.data.augment import Augmentation, ColourTransform, InceptionColour
from vivi.data.clips import ConsecutiveShots, RepeatedFrame, Sampling, SingleImages, SingleShots
from vivi.data.crop import InceptionCrop
from vivi.data.grey import GreyScale
from vivi.data.hsv import HSVNoise
from vivi.data.labelled import LabelledImages
from vivi.experiment import Experiment, Level
from vivi.nn.heads import LSTMPredictor, MLPPredictor
from vivi.nn.resnet_v2 import ResNetV2
from vivi.objectives.base import ObjectiveConfig
from vivi.objectives.exemplar import Exemplar
from vivi.objectives.exemplar_hard import BatchHardExemplar
from vivi.objectives.infonce import InfoNCE
from vivi.objectives.jigsaw import Jigsaw
from vivi.objectives.relative_patch import RelativePatch
from vivi.objectives.rotation import Rotation
from vivi.objectives.shot_order import ShotOrder
from vivi.objectives.supervised import Supervised
from vivi.optim import SGD, Schedule

SHOTS_PER_STEP = 2048
"""N K in all unsupervised models (paper, section 4)."""
EXEMPLAR_FRAMES, ROTATION_FRAMES = 8, 4
"""L: consecutive frames of a shot (paper, section 4)."""
EXEMPLAR_GROUP = 16
"""Shots among which triplets are mined: 128 frames, the per-core size of the paper's ancestor."""
NCE_LAMBDA, ORDER_LAMBDA = 0.04, 0.2
"""Weights of L_V. The paper tried at most four values and does not print them: these are ours."""
GAMMA = 1.0
"""Weight of L_SUP; ours, as lambda."""
EPOCH = 5004
"""Steps of 256 images in an epoch of ImageNet."""


def ex_imagenet() -> Experiment:
    """Exemplars from a folder of images: each image is a shot of one frame, augmented 8 times."""
    experiment = _exemplar("Ex-ImageNet", sampling=SingleImages(frames=EXEMPLAR_FRAMES))
    return dataclasses.replace(experiment, augmentation=_of_the_ancestor())


def ex_yt_f() -> Experiment:
    """Exemplars from single frames: one random frame of each video, fixed by the seed, augmented 8 times."""
    experiment = _exemplar("Ex-YT-F", sampling=RepeatedFrame(frames=EXEMPLAR_FRAMES))
    return dataclasses.replace(experiment, augmentation=_of_the_ancestor())


def ex_yt_s() -> Experiment:
    """Exemplars from shots: 8 consecutive frames of one shot; shots are taken independently, no video level."""
    return _exemplar("Ex-YT-S", sampling=SingleShots(frames=EXEMPLAR_FRAMES))


def vivi_ex_2() -> Experiment:
    """Exemplars from shots, and InfoNCE with MLPs across 2 consecutive shots."""
    return _vivi(_exemplar("VIVI-Ex(2)", sampling=_shots(2)), _nce(2))


def vivi_ex_2_order() -> Experiment:
    """Exemplars from shots, and the order of 2 consecutive shots."""
    return _vivi(_exemplar("VIVI-Ex(2)-Order", sampling=_shots(2)), _order())


def vivi_ex_4() -> Experiment:
    """Exemplars from shots, and InfoNCE with the LSTM across 4 consecutive shots."""
    return _vivi(_exemplar("VIVI-Ex(4)", sampling=_shots(4)), _nce(4))


def rot_imagenet() -> Experiment:
    """Rotation of a folder of images, each shown at all four angles."""
    return _rotation("Rot-ImageNet", sampling=SingleImages(frames=1))


def rot_yt_f() -> Experiment:
    """Rotation of single frames: one random frame of each video, fixed by the seed, at all four angles."""
    return _rotation("Rot-YT-F", sampling=RepeatedFrame(frames=1))


def vivi_rot(shots: int, *, order: bool = False) -> Experiment:
    """Rotation of 4 consecutive frames of each shot, and InfoNCE or the order of the shots across the video."""
    sampling = ConsecutiveShots(shots=shots, frames=ROTATION_FRAMES)
    name = f"VIVI-Rot({shots}){'-Order' if order else ''}"
    return _vivi(_rotation(name, sampling=sampling), _order() if order else _nce(shots))


def sup_100() -> Experiment:
    """Supervised on all labelled images: ResNet-50 v2 with batch norm, 90 epochs."""
    return Experiment(
        name="Sup-100%",
        image_levels=(Level(objective=Supervised()),),
        labelled=LabelledImages(images_per_step=256, norm_group=32),
        optimiser=SGD(learning_rate=0.1),
        schedule=Schedule(steps=90 * EPOCH, warmup=5 * EPOCH, decays=(30 * EPOCH, 60 * EPOCH, 80 * EPOCH)),
    )


def sup_10() -> Experiment:
    """Supervised on a class-balanced tenth of the labels, 200 of its epochs, without a change of colour."""
    return Experiment(
        name="Sup-10%",
        image_levels=(Level(objective=Supervised()),),
        labelled=LabelledImages(images_per_step=256, share=0.1, norm_group=32, augmentation=Augmentation(colour=())),
        optimiser=SGD(learning_rate=0.1, weight_decay=1e-3),
        schedule=Schedule(steps=100_000, warmup=2_500, decays=(70_000, 80_000, 90_000)),
    )


def sup_rot_100() -> Experiment:
    """Supervised, and rotation of the same labelled images; every turned image is classified (reference 68)."""
    base = sup_100()
    levels = (*base.image_levels, Level(objective=Rotation(pool="all")))
    return dataclasses.replace(base, name="Sup-Rot-100%", image_levels=levels)


def semi_ex_10() -> Experiment:
    """Supervised on a class-balanced tenth of the labels, and batch-hard exemplars of all images (reference 68).

    An image is shown 8 times in either stream; the triplet loss is the mean over both.
    """
    colour: tuple[ColourTransform, ...] = (HSVNoise(),)
    exemplars = Level(objective=BatchHardExemplar(), weight=0.5, group=EXEMPLAR_GROUP)
    return dataclasses.replace(
        _exemplar("Semi-Ex-10%", sampling=SingleImages(frames=EXEMPLAR_FRAMES)),
        samples_per_step=512,
        augmentation=Augmentation(colour=colour),
        frame_levels=(exemplars,),
        image_levels=(Level(objective=Supervised(), weight=GAMMA), exemplars),
        labelled=LabelledImages(
            images_per_step=512,
            views=EXEMPLAR_FRAMES,
            share=0.1,
            norm_group=EXEMPLAR_GROUP,
            augmentation=Augmentation(colour=colour),
        ),
        optimiser=SGD(learning_rate=0.1, weight_decay=1e-3),
        schedule=Schedule(steps=50_000, warmup=2_500, decays=(35_000, 40_000, 45_000)),
    )


def vivi_jigsaw_4() -> Experiment:
    """Jigsaw puzzles of 4 consecutive frames of each shot, and InfoNCE across 4 shots; no row."""
    return _vivi(_of_frames("VIVI-Jigsaw(4)", Jigsaw(), sampling=_shots(4, ROTATION_FRAMES)), _nce(4))


def vivi_patch_4() -> Experiment:
    """Relative patch location in 4 consecutive frames of each shot, and InfoNCE across 4 shots; no row."""
    return _vivi(_of_frames("VIVI-Patch(4)", RelativePatch(), sampling=_shots(4, ROTATION_FRAMES)), _nce(4))


def _shots(shots: int, frames: int = EXEMPLAR_FRAMES) -> Sampling:
    return ConsecutiveShots(shots=shots, frames=frames)


def _nce(shots: int) -> Level:
    """With MLPs for 2 shots, with the LSTM for more (paper, section 4)."""
    predictor = MLPPredictor() if shots == 2 else LSTMPredictor()
    return Level(objective=InfoNCE(predictor=predictor), weight=NCE_LAMBDA)


def _order() -> Level:
    return Level(objective=ShotOrder(), weight=ORDER_LAMBDA)


def _exemplar(name: str, *, sampling: Sampling) -> Experiment:
    return _unsupervised(name, Level(objective=Exemplar(), group=EXEMPLAR_GROUP), sampling=sampling)


def _rotation(name: str, *, sampling: Sampling) -> Experiment:
    return _of_frames(name, Rotation(), sampling=sampling)


def _of_frames(name: str, objective: ObjectiveConfig, *, sampling: Sampling) -> Experiment:
    return _unsupervised(name, Level(objective=objective), sampling=sampling)


def _unsupervised(name: str, level: Level, *, sampling: Sampling) -> Experiment:
    return Experiment(
        name=name,
        samples_per_step=SHOTS_PER_STEP // sampling.shots,
        sampling=sampling,
        augmentation=Augmentation(crop=InceptionCrop(), colour=(InceptionColour(),)),
        encoder=ResNetV2(),
        frame_levels=(level,),
        optimiser=SGD(),
        schedule=Schedule(),
    )


def _vivi(experiment: Experiment, level: Level) -> Experiment:
    return dataclasses.replace(experiment, video_levels=(level,))


def _of_the_ancestor() -> Augmentation:
    """Grey-scale and per-image standardisation around Inception's colour, as the paper's ref 33 trains exemplars."""
    return Augmentation(crop=InceptionCrop(), colour=(GreyScale(), InceptionColour()), standardise=True)
