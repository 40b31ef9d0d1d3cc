"""How a detector is fine-tuned. The paper's supplement evaluates detection, but its settings are unknown to us.

So no value here is the paper's: all are our choice. Where one is said to be detectron2's, it stands in
facebookresearch/detectron2 configs/PascalVOC-Detection/faster_rcnn_R_50_FPN.yaml, configs/Base-RCNN-FPN.yaml or
detectron2/config/defaults.py, which build on one another.
"""

import dataclasses
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from vivi.core.config import config, override
from vivi.optim import SGD, Schedule

RATE_IMAGES = 16
"""The learning rate of a recipe belongs to so many images a step; fewer take their share of it (the linear rule)."""
LEVELS = 5
"""Levels of the feature pyramid: four stages of the encoder, and the last one subsampled."""
_Positive = Annotated[int, Field(ge=1)]


@config
class Recipe:
    """Everything that decides a fine-tuning run, but the encoder and the data."""

    train: str = "trainval"
    """The list of ImageSets/Main that is learned from."""
    test: str = "test"
    """The list that is measured on; "val" for VOC2012, whose test boxes are not public."""
    seed: int = 0
    batch: _Positive = 16
    """Images a step; detectron2's."""
    optimiser: SGD = SGD(learning_rate=0.02, momentum=0.9, weight_decay=1e-4)
    """The rate is for 16 images a step, see `rate`; detectron2's values. Biases and norms do not decay, as everywhere
    in this package; detectron2's biases do."""
    schedule: Schedule = Schedule(steps=18_000, warmup=100, decays=(12_000, 16_000))
    """detectron2's, for the 16,551 images of VOC2007 and VOC2012 trainval: 17.4 epochs. Its warm-up starts at a
    thousandth of the rate, ours at a hundredth."""
    short_sides: tuple[_Positive, ...] = (480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800)
    """Pixels of the shorter side: drawn for each image in training, the last one in measuring; detectron2's."""
    long_side: _Positive = 1333
    """At most so many pixels on the longer side, which overrules the shorter one; detectron2's."""
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The share of images that are mirrored; detectron2's."""
    learn_difficult: bool = True
    """Whether difficult objects are learned from, as in detectron2; they are never measured."""
    frozen_norm: bool = True
    """Batch norms keep their averages, scales and shifts, as in detectron2; group norms learn in any case."""
    frozen_parts: Annotated[int, Field(ge=0, le=5)] = 0
    """How many of the encoder's root and four stages, from the image on, do not learn; ours, detectron2 has 2."""
    random: int | None = None
    """A seed: take the same network with fresh random weights instead of the encoder's, the baseline. Ours."""
    pyramid_channels: _Positive = 256
    """Channels of the feature pyramid; detectron2's."""
    proposals: _Positive = 1000
    """Regions of an image that are looked at, the best of twice as many a level in training; detectron2's."""
    regions: _Positive = 512
    """Regions of an image that the head learns from, a quarter of them objects where there are enough; detectron2's."""
    head_features: _Positive = 1024
    """Width of the two layers that judge a region; detectron2's."""
    anchor_sides: tuple[_Positive, ...] = (32, 64, 128, 256, 512)
    """Side of the anchors of each level, in pixels of the resized image; detectron2's. Each in three shapes."""

    def __post_init__(self) -> None:
        """Check that sizes rise and that there is an anchor for each level.

        Raises:
            ValueError: they do not, or there is not; the text names the field.
        """
        if not self.short_sides or any(one >= other for one, other in pairwise(self.short_sides)):
            raise ValueError(f"short_sides: must be one or more sizes that rise, got {list(self.short_sides)}")
        if self.long_side < self.short_sides[-1]:
            raise ValueError(f"long_side: must be at least {self.short_sides[-1]}, the largest of short_sides")
        if len(self.anchor_sides) != LEVELS or any(one >= other for one, other in pairwise(self.anchor_sides)):
            raise ValueError(f"anchor_sides: must be {LEVELS} sizes that rise, got {list(self.anchor_sides)}")

    def rate(self, step: int) -> float:
        """The learning rate of update number `step`, counted from 0."""
        return self.optimiser.learning_rate * self.batch / RATE_IMAGES * self.schedule.scale(step)


def chosen(*, assignments: Iterable[str] = (), steps: int | None = None) -> Recipe:
    """The recipe with some values changed; `steps` stretches its schedule first.

    Raises:
        ConfigError: no such field, or an illegal value.
    """
    recipe = Recipe()
    if steps is not None:
        recipe = dataclasses.replace(recipe, schedule=recipe.schedule.stretched(steps))
    return override(recipe, assignments)
