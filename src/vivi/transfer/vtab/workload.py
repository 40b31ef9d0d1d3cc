"""How much a study is: runs, images learned from, images looked at; and how fast this machine does them."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from vivi.transfer.vtab.backbones import Backbone
from vivi.transfer.vtab.finetune import finetune
from vivi.transfer.vtab.image_sets import ResidentImages
from vivi.transfer.vtab.modes import FineTuning
from vivi.transfer.vtab.protocol import FINAL, SWEEP, VtabProtocol
from vivi.transfer.vtab.recipe import Recipe, SGDSetting
from vivi.transfer.vtab.runs import Run
from vivi.transfer.vtab.study import TaskFacts

BACKWARD = 3.0
"""A forward and backward pass costs about as much as so many forward passes."""
_SMALL = 8
"""Images of a measured step on the CPU."""
_STEPS = 3


@dataclass(frozen=True, slots=True)
class Load:
    """Images that go through the backbone."""

    trained: int = 0
    """Forward and backward."""
    looked: int = 0
    """Forward alone."""

    def __add__(self, other: "Load") -> "Load":
        """Both."""
        return Load(self.trained + other.trained, self.looked + other.looked)

    @property
    def cost(self) -> int:
        """In forward passes of one image."""
        return round(BACKWARD * self.trained) + self.looked


@dataclass(frozen=True, slots=True)
class Speed:
    """Images a second of one process."""

    trained: float
    looked: float

    def seconds(self, load: Load) -> float:
        """How long that takes."""
        return load.trained / self.trained + load.looked / self.looked


def load_of(runs: Sequence[Run], facts: TaskFacts, protocol: VtabProtocol) -> Load:
    """What some runs of one task and stage cost that are one unit."""
    splits = protocol.splits
    learned, judged = {
        SWEEP: (splits.learned, splits.selected),
        FINAL: (splits.retrained, splits.tested),
    }[runs[0].stage]
    if protocol.mode.trains_backbone:
        trained = sum(map(_steps, runs)) * protocol.recipe.batch
        return Load(trained, facts.sizes[judged] * len(runs))
    return Load(0, facts.sizes[learned] + facts.sizes[judged])


def in_units(runs: Sequence[Run], protocol: VtabProtocol) -> list[list[Run]]:
    """Runs of one task and stage as units of work, the longest first."""
    if protocol.mode.at_once:
        return [list(runs)] if runs else []
    return [[run] for run in sorted(runs, key=lambda run: -_steps(run))]


def _steps(run: Run) -> int:
    return run.setting.steps if isinstance(run.setting, SGDSetting) else 0


def measured_speed(backbone: Backbone, protocol: VtabProtocol, *, device: torch.device) -> Speed:
    """How fast `device` is, from a few steps on black images; on the CPU with small batches, scaled up."""
    batch = protocol.recipe.batch if device.type == "cuda" else min(protocol.recipe.batch, _SMALL)
    size = protocol.image_size
    images_NCSS = torch.zeros(batch, 3, size, size, dtype=torch.uint8, device=device)
    black = ResidentImages(images_NCSS, torch.zeros(batch, dtype=torch.int64, device=device), ())
    backbone.to(device)
    looked = _timed(lambda: _look(backbone, black), device=device)
    if not isinstance(mode := protocol.mode, FineTuning):
        return Speed(math.inf, batch / looked)
    recipe = Recipe(batch=batch, momentum=protocol.recipe.momentum)

    def train(steps: int) -> None:
        finetune(
            backbone,
            train=black,
            judged=black,
            classes=2,
            setting=SGDSetting(1e-9, steps),
            recipe=recipe,
            precision=mode.precision,
            seed=0,
            purpose="measured step",
        )

    train(1)  # the first step may compile
    return Speed(_STEPS * batch / max(_timed(lambda: train(_STEPS), device=device) - looked, 1e-9), batch / looked)


@torch.inference_mode()
def _look(backbone: Backbone, images: ResidentImages) -> None:
    was_training = backbone.module.training
    backbone.module.eval()
    for images_BCSS, _ in images.once(batch=len(images.labels_N)):
        backbone.module(backbone.preprocess(images_BCSS))
    backbone.module.train(was_training)


def _timed(work: Callable[[], None], *, device: torch.device) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
