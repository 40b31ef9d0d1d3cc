"""Everything that decides a pretraining run, as one typed tree, and the checks across its branches."""

from typing import Annotated

from pydantic import Field

from vivi.core.config import config
from vivi.data.augment import Augmentation
from vivi.data.clips import ConsecutiveShots, Sampling
from vivi.nn.encoder import Encoder
from vivi.nn.pooling import MeanPooling, Pooling
from vivi.nn.resnet_v2 import ResNetV2
from vivi.objectives.base import ObjectiveConfig
from vivi.optim import SGD, Schedule


@config
class Level:
    """One term of the total loss (paper, section 3.1)."""

    objective: ObjectiveConfig
    weight: float = 1.0
    """1 for L_S, lambda for L_V."""
    group: int | None = None
    """How many rows (shots at the frame level, videos at the video level) are compared; None: the whole batch."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.group is not None and self.group < 2:
            raise ValueError(f"group: at least 2 rows are needed for a comparison, got {self.group}")
        if self.weight < 0:
            raise ValueError(f"weight: must not be negative, got {self.weight}")


@config
class Experiment:
    """A pretraining run. Chunks, devices and paths are not in it: they do not change the numbers."""

    name: str
    """The paper's name of the model."""
    samples_per_step: Annotated[int, Field(ge=1)] = 512
    """N: the samples of the whole batch, over all devices; videos, or single shots where the sampling says so."""
    sampling: Sampling = ConsecutiveShots()
    augmentation: Augmentation = Augmentation()
    encoder: Encoder = ResNetV2()
    pooling: Pooling = MeanPooling()
    frame_levels: tuple[Level, ...] = ()
    video_levels: tuple[Level, ...] = ()
    norm_group: Annotated[int, Field(ge=1)] = 16
    """Shots that share batch statistics, whatever the number of devices and chunks."""
    optimiser: SGD = SGD()
    schedule: Schedule = Schedule()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what no branch can check alone.

        Raises:
            ValueError: sizes that do not fit one another; the text names the fields.
        """
        if not self.frame_levels and not self.video_levels:
            raise ValueError(
                "frame_levels, video_levels: at least one level is needed, there would be nothing to learn"
            )
        if self.video_levels and self.sampling.shots < 2:
            raise ValueError("video_levels: a video objective needs sampling with at least 2 shots")
        for level in self.frame_levels:
            if self.sampling.frames < level.objective.min_views:
                raise ValueError(
                    f"sampling.frames: {type(level.objective).__name__} compares at least {level.objective.min_views} "
                    f"frames of a shot, got {self.sampling.frames}"
                )
        if self.shots_per_step % self.norm_group:
            raise ValueError(
                f"norm_group: {self.norm_group} does not divide the {self.shots_per_step} shots of a step "
                f"(samples_per_step x sampling.shots); legal: {_divisors(self.shots_per_step)}"
            )
        for levels, rows, unit in (
            (self.frame_levels, self.shots_per_step, "shots"),
            (self.video_levels, self.samples_per_step, "samples"),
        ):
            if levels and rows < 2:
                raise ValueError(f"samples_per_step: a comparison needs at least 2 {unit} a step, got {rows}")
            for level in levels:
                if level.group and rows % level.group:
                    raise ValueError(
                        f"group: {level.group} does not divide the {rows} {unit} of a step; "
                        f"legal: {_divisors(rows)} or null for the whole batch"
                    )

    @property
    def shots_per_step(self) -> int:
        """N x K, the paper's 2048."""
        return self.samples_per_step * self.sampling.shots

    @property
    def frames_per_step(self) -> int:
        """N x K x L."""
        return self.shots_per_step * self.sampling.frames


def _divisors(number: int) -> str:
    return ", ".join(str(d) for d in range(2, number + 1) if number % d == 0) or "none: make samples_per_step larger"
