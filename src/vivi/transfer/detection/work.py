"""What a fine-tuning run works with: encoder, data and recipe, opened and found to fit one another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vivi import __version__
from vivi.core.config import dump
from vivi.core.config import fingerprint as fingerprint_of
from vivi.core.errors import ConfigError
from vivi.core.run_state import RunState
from vivi.nn.export import LoadedEncoder, load_encoder, random_twin
from vivi.transfer.detection.batches import TrainingOrder
from vivi.transfer.detection.detector import build_detector
from vivi.transfer.detection.measure import Measured
from vivi.transfer.detection.pictures import check_headers
from vivi.transfer.detection.recipe import Recipe
from vivi.transfer.detection.result import DIFFICULT, PROTOCOL, Detection
from vivi.transfer.detection.voc import VocList, check_known, fingerprint, read_list


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that decides the numbers of a run."""

    encoder: LoadedEncoder
    train: VocList
    test: VocList
    classes: tuple[str, ...]
    """Of the objects of the training list, sorted; number 1 is the first."""
    recipe: Recipe

    @classmethod
    def open(cls, encoder: Path, *, data: Path, recipe: Recipe) -> "Work":
        """Read an encoder folder, or make its random twin, and the annotations of both lists.

        Raises:
            ViviError: a file is missing or not what it should be, or data and recipe do not fit.
        """
        loaded = load_encoder(encoder) if recipe.random is None else random_twin(encoder, seed=recipe.random)
        train, test = (read_list(data, name) for name in (recipe.train, recipe.test))
        classes = train.classes
        if not classes:
            raise ConfigError(f"train: no image of the list {recipe.train!r} has an object to learn")
        check_known(test, classes=classes)
        TrainingOrder(len(train.images), recipe=recipe)
        return cls(loaded, train=train, test=test, classes=classes, recipe=recipe)

    def identity(self) -> dict[str, Any]:
        """Encoder, data and recipe as JSON values."""
        weights = "trained" if self.recipe.random is None else "random"
        encoder = {"name": self.encoder.name, "fingerprint": self.encoder.fingerprint, "weights": weights}
        lists = {
            role: {"list": each.name, "images": len(each.images), "objects": each.objects, "difficult": each.difficult}
            for role, each in (("train", self.train), ("test", self.test))
        }
        data = {**lists, "classes": list(self.classes), "fingerprint": fingerprint((self.train, self.test))}
        return {"encoder": encoder, "data": data, "recipe": dump(self.recipe)}

    def fingerprint(self) -> str:
        """Changes with anything that decides the numbers; stands in the checkpoints."""
        data = fingerprint((self.train, self.test))
        return f"{self.encoder.fingerprint}-{data}-{fingerprint_of(self.recipe)}"

    def check_images(self, progress: Callable[[int, int], None]) -> None:
        """Look at the header of every image; `progress` is called with images done and in all.

        Raises:
            ImageError: one is missing, no image, or of another size than its annotation says.
        """
        check_headers([*self.train.images, *self.test.images], progress=progress)

    def start(self, device: torch.device) -> RunState:
        """The state before the first update."""
        model = build_detector(self.encoder, recipe=self.recipe, classes=len(self.classes)).to(device)
        return RunState(model=model, optimiser=self.recipe.optimiser.build(model), step=0, interval={})

    def result(self, measured: Measured, *, seconds: dict[str, float]) -> Detection:
        """The record of a finished run."""
        clipped = self.train.clipped + self.test.clipped
        remarks = [PROTOCOL, DIFFICULT]
        if clipped:
            remarks.append(f"{clipped} boxes reached up to a pixel outside their image and were clipped")
        return Detection(
            **self.identity(), measured=measured, remarks=tuple(remarks), seconds=seconds, version=__version__
        )
