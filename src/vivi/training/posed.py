"""What a step asks of its frames and of its labelled images: on any part of them, and each time the same."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from vivi.core.seeds import Draw
from vivi.core.world import World
from vivi.data.augment import Augmentation
from vivi.data.labelled import STREAM, LabelledImages
from vivi.data.records import ImageBatch, VideoBatch
from vivi.experiment import Experiment
from vivi.model import VIVI
from vivi.objectives.base import Encoded, Question


@dataclass(frozen=True, slots=True)
class _Rows:
    """This rank's rows (shots or images) among those of the whole batch, and their pixels."""

    frames_SLCHW: Tensor
    """uint8."""
    augmentation: Augmentation
    first: int
    """Position of our first row in the whole batch."""
    total: int
    """Rows of the whole batch."""
    seed: int
    step: int
    stream: str

    def coloured(self, part: slice) -> Tensor:
        """frames_SLCHW of these rows, each frame changed by its own draw, in [-1, 1]."""
        frames_SLCHW = self.frames_SLCHW[part]
        length = frames_SLCHW.shape[1]
        frames_BCHW = self.augmentation.on_device(
            frames_SLCHW.flatten(0, 1),
            seed=self.seed,
            step=self.step,
            first=(self.first + part.start) * length,
            total=self.total * length,
            views=length,
            stream=self.stream,
        )
        return frames_BCHW.view(-1, length, *frames_BCHW.shape[1:])

    def draws(self, part: slice, names: Iterable[str]) -> dict[str, Draw]:
        """The random numbers of each objective for these rows."""
        first, count = self.first + part.start, part.stop - part.start
        return _draws(names, seed=self.seed, step=self.step, first=first, count=count, total=self.total)


@dataclass(frozen=True, slots=True)
class PosedFrames:
    """The questions of the frame objectives about this rank's shots."""

    rows: _Rows
    model: VIVI
    norm_group: int
    world: World

    @classmethod
    def of(cls, batch: VideoBatch, *, experiment: Experiment, model: VIVI, world: World) -> "PosedFrames":
        """About the frames of `batch`."""
        frames_SLCHW = batch.frames_NKLCHW.flatten(0, 1)
        rows = _Rows(
            frames_SLCHW=frames_SLCHW,
            augmentation=experiment.augmentation,
            first=world.rank * len(frames_SLCHW),
            total=experiment.shots_per_step,
            seed=experiment.seed,
            step=batch.step,
            stream="",
        )
        return cls(rows, model, experiment.norm_group, world)

    @property
    def shots(self) -> int:
        """Our shots."""
        return len(self.rows.frames_SLCHW)

    def ask(self, part: slice) -> list[Question]:
        """Colour the frames of these shots and let every frame objective pose its question."""
        return self.model.ask(self.rows.coloured(part), draws=self.rows.draws(part, self.model.levels))

    def encode(self, part: slice) -> list[Encoded]:
        """The questions about these shots, encoded."""
        return self.model.encode(self.ask(part), norm_group=self.norm_group, world=self.world)


@dataclass(frozen=True, slots=True)
class PosedImages:
    """The questions of the image objectives about this rank's labelled images: an image is a shot of its V views."""

    rows: _Rows
    labels_S: Tensor
    model: VIVI
    norm_group: int
    world: World

    @classmethod
    def of(cls, batch: ImageBatch, *, experiment: Experiment, model: VIVI, world: World) -> "PosedImages":
        """About the images of `batch`."""
        settings: LabelledImages | None = experiment.labelled
        assert settings is not None
        rows = _Rows(
            frames_SLCHW=batch.images_BVCHW,
            augmentation=settings.augmentation,
            first=world.rank * len(batch.images_BVCHW),
            total=settings.images_per_step,
            seed=experiment.seed,
            step=batch.step,
            stream=STREAM,
        )
        return cls(rows, batch.labels_B, model, settings.norm_group, world)

    @property
    def shots(self) -> int:
        """Our images."""
        return len(self.rows.frames_SLCHW)

    def ask(self, part: slice) -> list[Question]:
        """Colour these images and let every image objective pose its question."""
        draws = self.rows.draws(part, self.model.levels)
        return self.model.ask_about_images(self.rows.coloured(part), labels_S=self.labels_S[part], draws=draws)

    def encode(self, part: slice) -> list[Encoded]:
        """The questions about these images, encoded."""
        return self.model.encode(self.ask(part), norm_group=self.norm_group, world=self.world)


def draws_of_samples(experiment: Experiment, *, step: int, names: Iterable[str], world: World) -> dict[str, Draw]:
    """The draws of the video objectives: rows are this rank's samples."""
    total = experiment.samples_per_step
    count = total // world.size
    return _draws(names, seed=experiment.seed, step=step, first=world.rank * count, count=count, total=total)


def _draws(names: Iterable[str], *, seed: int, step: int, first: int, count: int, total: int) -> dict[str, Draw]:
    return {name: Draw(seed=seed, step=step, purpose=name, first=first, count=count, total=total) for name in names}
