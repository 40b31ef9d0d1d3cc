"""Everything that decides a pretraining run, as one typed tree, and the checks across its branches."""

from typing import Annotated

from pydantic import Field

from vivi.core.config import config
from vivi.data.augment import Augmentation
from vivi.data.clips import ConsecutiveShots, Sampling
from vivi.data.labelled import LabelledImages
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
    """1 for L_S, lambda for L_V, gamma for L_SUP."""
    group: int | None = None
    """How many rows (shots at the frame level, videos at the video level, images at the image level) are compared;
    None: the whole batch."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.group is not None and self.group < 2:
            raise ValueError(f"group: at least 2 rows are needed for a comparison, got {self.group}")
        if self.weight < 0:
            raise ValueError(f"weight: must not be negative, got {self.weight}")


@config
class Experiment:
    """A pretraining run. Chunks, devices and paths are not in it: they do not change the numbers.

    Frame and video levels learn from videos, or from a folder of images that are taken for videos of one frame; image
    levels learn from labelled images. Any of them may be empty, not all.
    """

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
    image_levels: tuple[Level, ...] = ()
    labelled: LabelledImages | None = None
    """What the image levels learn from; None where there are none."""
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
        if not self.uses_videos and not self.image_levels:
            raise ValueError(
                "frame_levels, video_levels, image_levels: at least one level is needed, "
                "there would be nothing to learn"
            )
        if self.uses_videos:
            self._check_videos()
        self._check_images()
        for floor, levels, side in (
            ("augmentation", self.frame_levels, self.augmentation.crop.size),
            ("labelled.augmentation", self.image_levels, self.labelled.augmentation.crop.size if self.labelled else 0),
        ):
            for level in levels:
                if side < level.objective.min_side:
                    raise ValueError(
                        f"{floor}.crop.size: {_name(level)} needs at least {level.objective.min_side}, got {side}"
                    )

    def _check_videos(self) -> None:
        for level in self.video_levels:
            if self.sampling.shots < level.objective.min_shots:
                raise ValueError(
                    f"video_levels: {_name(level)} needs sampling with at least {level.objective.min_shots} shots, "
                    f"got {self.sampling.shots}"
                )
        for level in self.frame_levels:
            if self.sampling.frames < level.objective.min_views:
                raise ValueError(
                    f"sampling.frames: {_name(level)} compares at least {level.objective.min_views} "
                    f"frames of a shot, got {self.sampling.frames}"
                )
        if self.shots_per_step % self.norm_group:
            raise ValueError(
                f"norm_group: {self.norm_group} does not divide the {self.shots_per_step} shots of a step "
                f"(samples_per_step x sampling.shots); legal: {_divisors(self.shots_per_step)}"
            )
        _check_groups(self.frame_levels, rows=self.shots_per_step, field="samples_per_step", unit="shots")
        _check_groups(self.video_levels, rows=self.samples_per_step, field="samples_per_step", unit="samples")

    def _check_images(self) -> None:
        if (self.labelled is None) != (not self.image_levels):
            raise ValueError("labelled, image_levels: give both or neither, labelled images are what image levels see")
        if self.labelled is None:
            return
        for level in self.image_levels:
            if self.labelled.views < level.objective.min_views:
                raise ValueError(
                    f"labelled.views: {_name(level)} compares at least {level.objective.min_views} views of an image, "
                    f"got {self.labelled.views}"
                )
        rows = self.labelled.images_per_step
        if rows % self.labelled.norm_group:
            raise ValueError(
                f"labelled.norm_group: {self.labelled.norm_group} does not divide the {rows} images of a step "
                f"(labelled.images_per_step); legal: {_divisors(rows)}"
            )
        _check_groups(self.image_levels, rows=rows, field="labelled.images_per_step", unit="images")

    @property
    def image_size(self) -> int:
        """Pixels of a side of the pictures that the encoder sees: of the frames, else of the labelled images."""
        if self.uses_videos or self.labelled is None:
            return self.augmentation.crop.size
        return self.labelled.augmentation.crop.size

    @property
    def uses_videos(self) -> bool:
        """Whether it learns from videos, or from images that stand for them; else from labelled images alone."""
        return bool(self.frame_levels or self.video_levels)

    @property
    def shots_per_step(self) -> int:
        """N x K, the paper's 2048; 0 without videos."""
        return self.samples_per_step * self.sampling.shots if self.uses_videos else 0

    @property
    def frames_per_step(self) -> int:
        """N x K x L; 0 without videos."""
        return self.shots_per_step * self.sampling.frames

    @property
    def images_per_step(self) -> int:
        """Labelled images of a step; 0 without image levels."""
        return self.labelled.images_per_step if self.labelled is not None else 0

    @property
    def pictures_per_step(self) -> int:
        """Frames, and labelled images as often as they are shown."""
        return self.frames_per_step + (self.images_per_step * self.labelled.views if self.labelled is not None else 0)


def _check_groups(levels: tuple[Level, ...], *, rows: int, field: str, unit: str) -> None:
    if levels and rows < 2:
        raise ValueError(f"{field}: a comparison needs at least 2 {unit} a step, got {rows}")
    for level in levels:
        if level.group and rows % level.group:
            raise ValueError(
                f"group: {level.group} does not divide the {rows} {unit} of a step; "
                f"legal: {_divisors(rows)} or null for the whole batch"
            )


def _name(level: Level) -> str:
    return type(level.objective).__name__


def _divisors(number: int) -> str:
    return ", ".join(str(d) for d in range(2, number + 1) if number % d == 0) or "none: make the batch larger"
