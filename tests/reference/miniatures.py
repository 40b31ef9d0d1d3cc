"""Any preset as an experiment whose step takes milliseconds, and a batch of scenes for it."""

import dataclasses

import torch
from torch import Tensor

from vivi.core.config import override
from vivi.data.records import ImageBatch, VideoBatch
from vivi.experiment import Experiment
from vivi.optim import Schedule
from vivi.presets import find, for_classes, tiny

CLASSES, SIDE, SHOTS, IMAGES = 4, 36, 16, 16


def miniature(name: str) -> Experiment:
    """The tiny preset at a few milliseconds a step, without warm-up."""
    experiment = for_classes(tiny(find(name)), CLASSES)
    changes = [f"augmentation.crop.size={SIDE}", "optimiser.learning_rate=0.02"]
    if experiment.uses_videos:
        changes += [f"samples_per_step={SHOTS // experiment.sampling.shots}"]
        changes += [f"sampling.frames={min(2, experiment.sampling.frames)}"]
    if experiment.labelled is not None:
        changes += [f"labelled.images_per_step={IMAGES}", f"labelled.norm_group={IMAGES // 2}"]
        changes += [f"labelled.views={min(2, experiment.labelled.views)}", f"labelled.augmentation.crop.size={SIDE}"]
        changes += [
            f"image_levels.{number}.group=8" for number, each in enumerate(experiment.image_levels) if each.group
        ]
    changes += [f"frame_levels.{number}.group=8" for number, each in enumerate(experiment.frame_levels) if each.group]
    changes += ["norm_group=8"] if experiment.uses_videos else []
    changes += [f"video_levels.{number}.weight=0.2" for number in range(len(experiment.video_levels))]
    schedule = Schedule(steps=100, warmup=0, decays=())
    return dataclasses.replace(override(experiment, changes), schedule=schedule)


def scenes(count: int, views: int) -> Tensor:
    """frames_SLCHW: scenes that differ in colour and layout, views of a scene by a little noise."""
    generator = torch.Generator().manual_seed(count)
    coarse = torch.rand(count, 1, 3, 4, 4, generator=generator).expand(-1, views, -1, -1, -1)
    noisy = (coarse + 0.05 * torch.rand(count, views, 3, 4, 4, generator=generator)).flatten(0, 1)
    frames = torch.nn.functional.interpolate(noisy, size=(SIDE, SIDE), mode="bilinear")
    return (frames / 1.05 * 255).to(torch.uint8).view(count, views, 3, SIDE, SIDE)


def batches(experiment: Experiment) -> tuple[VideoBatch | None, ImageBatch | None]:
    """The same two batches each time."""
    videos = images = None
    if experiment.uses_videos:
        samples, shots, frames = experiment.samples_per_step, experiment.sampling.shots, experiment.sampling.frames
        pictures = scenes(samples * shots, frames).unflatten(0, (samples, shots))
        videos = VideoBatch(step=0, frames_NKLCHW=pictures, sample_ids_N=torch.arange(samples))
    if experiment.labelled is not None:
        labels = torch.arange(IMAGES) % CLASSES
        images = ImageBatch(step=0, images_BVCHW=scenes(IMAGES, experiment.labelled.views), labels_B=labels)
    return videos, images
