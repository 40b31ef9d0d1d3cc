"""The ways to judge an encoder on a task: fine-tuning, and two quick ones on frozen features."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from vivi.core.config import config
from vivi.probe import NEIGHBOURS, TEMPERATURE
from vivi.transfer.vtab.backbones import Backbone
from vivi.transfer.vtab.finetune import Finding, Precision, finetune
from vivi.transfer.vtab.frozen import Features, LogisticSetting, NeighboursSetting
from vivi.transfer.vtab.image_sets import ImageSet
from vivi.transfer.vtab.recipe import Recipe, Setting, SGDSetting


@dataclass(frozen=True, slots=True)
class Exam:
    """An encoder, images to learn from, and images to be judged on."""

    backbone: Backbone
    train: ImageSet
    judged: ImageSet
    classes: int
    recipe: Recipe
    seed: int
    purpose: Callable[[int], str]
    """Number of a repetition -> the purpose of its random numbers."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of an exam."""

    setting: Setting
    repeat: int
    """Number of the repetition, from 0."""


@config
class Mode(ABC):
    """A way to judge."""

    name: ClassVar[str]
    at_once: ClassVar[bool]
    """Whether all attempts at an exam are one unit of work."""
    trains_backbone: ClassVar[bool] = False
    unused: ClassVar[tuple[str, ...]] = ()
    """Fields of the protocol that it has no use for."""

    @abstractmethod
    def settings(self, swept: Sequence[SGDSetting], *, is_small: bool) -> tuple[Setting, ...]:
        """What its sweep tries.

        Args:
            swept: the learning rates and steps of the protocol.
            is_small: whether tasks have 1000 examples to learn from, not all.
        """

    @abstractmethod
    def judge(self, exam: Exam, attempts: Sequence[Attempt]) -> list[Finding]:
        """What each attempt found.

        Raises:
            ViviError: see `finetune` and `Features.of`.
        """


@config
class FineTuning(Mode):
    """The whole network is trained on; this is VTAB."""

    name: ClassVar[str] = "finetune"
    at_once: ClassVar[bool] = False
    trains_backbone: ClassVar[bool] = True
    precision: Precision = field(default_factory=Precision)

    def settings(self, swept: Sequence[SGDSetting], *, is_small: bool) -> tuple[Setting, ...]:  # noqa: ARG002
        """The swept ones."""
        return tuple(swept)

    def judge(self, exam: Exam, attempts: Sequence[Attempt]) -> list[Finding]:
        """One run after the other."""
        return [self._run(exam, attempt) for attempt in attempts]

    def _run(self, exam: Exam, attempt: Attempt) -> Finding:
        assert isinstance(attempt.setting, SGDSetting)
        return finetune(
            exam.backbone,
            train=exam.train,
            judged=exam.judged,
            classes=exam.classes,
            setting=attempt.setting,
            recipe=exam.recipe,
            precision=self.precision,
            seed=exam.seed,
            purpose=exam.purpose(attempt.repeat),
        )


@config
class LinearProbe(Mode):
    """Linear heads on frozen features: the same settings, all trained at once, and logistic regression beside them."""

    name: ClassVar[str] = "linear"
    at_once: ClassVar[bool] = True

    def settings(self, swept: Sequence[SGDSetting], *, is_small: bool) -> tuple[Setting, ...]:
        """The swept ones; logistic regression where the training set is small."""
        return (*swept, LogisticSetting()) if is_small else tuple(swept)

    def judge(self, exam: Exam, attempts: Sequence[Attempt]) -> list[Finding]:
        """All heads side by side."""
        features = Features.of(exam.backbone, train=exam.train, judged=exam.judged)
        runs = {
            each: (each.setting, exam.purpose(each.repeat)) for each in attempts if isinstance(each.setting, SGDSetting)
        }
        heads = features.by_heads([*runs.values()], classes=exam.classes, recipe=exam.recipe, seed=exam.seed)
        found = dict(zip(runs, heads, strict=True))
        return [found[each] if each in found else features.by_logistic(seed=exam.seed) for each in attempts]


@config
class Neighbours(Mode):
    """Weighted nearest neighbours on frozen features; there is nothing to sweep."""

    name: ClassVar[str] = "knn"
    at_once: ClassVar[bool] = True
    unused: ClassVar[tuple[str, ...]] = ("learning_rates", "steps", "recipe", "repeats", "shared_setting")
    neighbours: Annotated[int, Field(ge=1)] = NEIGHBOURS
    temperature: Annotated[float, Field(gt=0)] = TEMPERATURE

    def settings(self, swept: Sequence[SGDSetting], *, is_small: bool) -> tuple[Setting, ...]:  # noqa: ARG002
        """Its one setting."""
        return (NeighboursSetting(self.neighbours, self.temperature),)

    def judge(self, exam: Exam, attempts: Sequence[Attempt]) -> list[Finding]:
        """All votes of the same features."""
        features = Features.of(exam.backbone, train=exam.train, judged=exam.judged)
        return [
            features.by_neighbours(each.setting) for each in attempts if isinstance(each.setting, NeighboursSetting)
        ]


MODES: dict[str, Mode] = {mode.name: mode for mode in (FineTuning(), LinearProbe(), Neighbours())}
"""With their defaults, by the names of the command line."""
