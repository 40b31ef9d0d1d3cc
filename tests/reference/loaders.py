"""Loaders as the tests of reading make them: two threads, seed 7, on the CPU, and whatever a test wants otherwise."""

from dataclasses import fields
from typing import Any

import torch

from vivi.data.delivery import Delivery
from vivi.data.frame_source import FrameSource
from vivi.data.labelled import ImageLoader, LabelledImages, LabelledSet
from vivi.data.loader import VideoLoader

_DELIVERY = {"seed": 7, "workers": 2, "device": torch.device("cpu")}


def video_loader(source: FrameSource, **arguments: Any) -> VideoLoader:
    """Arguments of the loader and fields of its delivery side by side."""
    names = {field.name for field in fields(Delivery)}
    delivery = {name: value for name, value in arguments.items() if name in names}
    others = {name: value for name, value in arguments.items() if name not in names}
    return VideoLoader(source, **others, delivery=Delivery(**(_DELIVERY | delivery)))


def image_loader(labelled: LabelledSet, *, settings: LabelledImages, **delivery: Any) -> ImageLoader:
    """The fields of its delivery as arguments."""
    return ImageLoader(labelled, settings=settings, delivery=Delivery(**(_DELIVERY | delivery)))
