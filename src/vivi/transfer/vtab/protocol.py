"""VTAB's protocol: what is learned from, selected on, learned from again and tested, with which settings.

Source: google-research/task_adaptation (data/*.py, README.md, docs/data/results.csv); the paper, section 4 and
appendix E. Where they are silent the value is a field, and its text says so.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from vivi.core.config import config, differences, dump
from vivi.core.errors import ViviError
from vivi.transfer.task import OpenedTask, Split
from vivi.transfer.vtab.modes import FineTuning, LinearProbe, Mode, Neighbours
from vivi.transfer.vtab.pixels import Squash
from vivi.transfer.vtab.recipe import Recipe, Setting, SGDSetting

Number = Literal[1, 2]
Amount = Literal[1000, "full"]
SWEEP, FINAL = "sweep", "final"


@dataclass(frozen=True, slots=True)
class Splits:
    """Which splits play which part."""

    learned: Split
    """A sweep trains on it,"""
    selected: Split
    """and is judged on it."""
    retrained: Split
    """The chosen setting trains on it,"""
    tested: Split
    """and is judged on it."""

    @property
    def all(self) -> tuple[Split, ...]:
        """Each of them."""
        return (self.learned, self.selected, self.retrained, self.tested)


_WHOLE = Splits("train", "val", "trainval", "test")
SPLITS: Mapping[tuple[Number, Amount], Splits] = {
    (1, 1000): Splits("train1000", "val", "trainval1000", "test"),
    (2, 1000): Splits("train800", "val200", "train800val200", "test"),
    (1, "full"): _WHOLE,
    (2, "full"): _WHOLE,
}
"""Of VTAB's two versions. Version 1, the paper's main tables: 1000 examples and the whole validation set (commit
d2a72ed); version 2, its appendix E: the 1000 examples are cut 800/200 (commit ed9b417)."""


@config
class VtabProtocol:
    """Everything that decides the numbers of a study, but for the encoder and the data."""

    version: Number = 2
    """Of VTAB, see `SPLITS`."""
    examples: Amount = 1000
    """For each task: 1000, or all there are (the paper's table 4)."""
    mode: FineTuning | LinearProbe | Neighbours = field(default_factory=FineTuning)
    """How an encoder is judged; fine-tuning is VTAB."""
    learning_rates: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (0.1, 0.01)
    steps: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (2500, 10_000)
    """The sweep tries each rate with each number; four settings are certain, their values inferred from the README."""
    recipe: Recipe = field(default_factory=Recipe)
    shared_setting: bool = False
    """One setting for all tasks, the best on average, instead of each task's own; the paper does not say which."""
    repeats: Annotated[int, Field(ge=1)] = 3
    """Of the chosen setting; their median counts (the paper, section 4)."""
    image_size: Annotated[int, Field(ge=1)] = 224
    antialias: bool = False
    """See `Squash`."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check that no setting is there twice, as its name in files says it."""
        for name in ("learning_rates", "steps"):
            values: tuple[float, ...] = getattr(self, name)
            if len({f"{value:.6g}" if isinstance(value, float) else value for value in values}) < len(values):
                raise ValueError(f"{name}: {values} names a value twice, of the first six digits")

    @property
    def splits(self) -> Splits:
        """What plays which part."""
        return SPLITS[self.version, self.examples]

    @property
    def squash(self) -> Squash:
        """What is done to an image."""
        return Squash(self.image_size, antialias=self.antialias)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What the sweep tries, in the order in which the first of equal ones is taken."""
        swept = [SGDSetting(rate, steps) for rate, steps in itertools.product(self.learning_rates, self.steps)]
        mode: Mode = self.mode
        return mode.settings(swept, is_small=self.examples != "full")

    @property
    def departures(self) -> list[str]:
        """Where it differs from VTAB's own of the same version and number of examples, as lines "field: 1 -> 2"."""
        own = VtabProtocol(version=self.version, examples=self.examples)
        theirs, ours = dump(own), dump(self)
        ours["seed"] = theirs["seed"]  # VTAB has none of its own
        for name in self.mode.unused:
            ours[name] = theirs[name]
        if self.mode.name != own.mode.name:
            theirs["mode"], ours["mode"] = own.mode.name, self.mode.name
        return differences(theirs, ours)

    def repeats_of(self, setting: Setting) -> int:
        """How often a chosen setting is run."""
        return self.repeats if setting.is_random else 1

    def check(self, opened: OpenedTask) -> None:
        """See that a task has the splits that this needs.

        Raises:
            ViviError: it lacks one.
        """
        missing = [split for split in self.splits.all if split not in opened.splits]
        if missing:
            is_least = self.version == 2 and self.examples == 1000
            other = "" if is_least else "; --version 2 --examples 1000 needs only train800, val200 and test"
            raise ViviError(
                f"{opened.task.name}: version {self.version} of VTAB with {self.examples} examples needs the split "
                f"{missing[0]!r}, which {opened.origin} do not have: get the original files{other}"
            )


def chosen_setting(accuracies: Mapping[str, Sequence[float]], *, settings: Sequence[Setting]) -> Setting:
    """The setting of the highest mean accuracy, the first of equal ones.

    Args:
        accuracies: by the name of a setting: on the images to select on, one for each task that has a say.
        settings: in their order.
    """
    return max(settings, key=lambda each: sum(accuracies[each.name]) / len(accuracies[each.name]))
