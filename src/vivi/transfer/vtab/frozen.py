"""Quick judgements on frozen features: linear heads, logistic regression, nearest neighbours.

Features are taken once, in evaluation mode and in float32. N training and M test examples, D features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.nn.encoder_pass import exact_float32
from vivi.probe import NEIGHBOURS, TEMPERATURE, finite, knn
from vivi.transfer.logistic import logistic
from vivi.transfer.vtab.backbones import Backbone
from vivi.transfer.vtab.finetune import Finding
from vivi.transfer.vtab.heads import HeadRun, train_heads
from vivi.transfer.vtab.image_sets import ImageSet, require_readable
from vivi.transfer.vtab.recipe import Recipe, Setting, SGDSetting
from vivi.transfer.vtab.shuffled import ShuffledStream

_BATCH = 64
"""Images encoded at once."""


@dataclass(frozen=True, slots=True)
class LogisticSetting(Setting):
    """Logistic regression by L-BFGS; its strength is chosen on a fifth of what it learns from."""

    name = "logistic"
    is_random = False

    def as_json(self) -> dict[str, Any]:
        """What it is."""
        return {"head": "logistic regression, L-BFGS"}


@dataclass(frozen=True, slots=True)
class NeighboursSetting(Setting):
    """Weighted nearest neighbours, see `vivi.probe.knn`."""

    neighbours: int = NEIGHBOURS
    temperature: float = TEMPERATURE
    is_random = False

    @property
    def name(self) -> str:
        """Such as "knn20"."""
        return f"knn{self.neighbours}"

    def as_json(self) -> dict[str, Any]:
        """Both numbers by their names."""
        return {"neighbours": self.neighbours, "temperature": self.temperature}


@dataclass(frozen=True, slots=True)
class Features:
    """What a frozen backbone says about images to learn from and images to judge on."""

    train_ND: Tensor
    labels_N: Tensor
    judged_MD: Tensor
    judged_labels_M: Tensor
    total: int
    """Images to judge on, the unreadable ones too."""
    unreadable: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, backbone: Backbone, *, train: ImageSet, judged: ImageSet) -> "Features":
        """Encode both sets.

        Raises:
            ViviError: nothing to learn from or to judge on, or features that are not finite.
        """
        train_ND, labels_N = _encoded(backbone, train)
        judged_MD, judged_labels_M = _encoded(backbone, judged)
        if not len(train_ND):
            raise ViviError(f"none of {train.total} training images can be read; mend the task's files")
        require_readable(judged)
        unreadable = (*train.unreadable, *judged.unreadable)
        return cls(train_ND, labels_N, judged_MD, judged_labels_M, judged.total, unreadable)

    def found(self, predictions_M: Tensor, *, curve: tuple[tuple[int, float | None, float], ...] = ()) -> Finding:
        """The predictions, judged."""
        return Finding(
            correct=int((predictions_M.cpu() == self.judged_labels_M.cpu()).sum()),
            total=self.total,
            curve=curve,
            diverged=any(loss is None for _, loss, _ in curve),
            unreadable=self.unreadable,
        )

    def by_heads(
        self, runs: Sequence[tuple[SGDSetting, str]], *, classes: int, recipe: Recipe, seed: int
    ) -> list[Finding]:
        """Linear heads for pairs of setting and purpose, trained at once."""
        count = len(self.labels_N)
        of_runs = [
            HeadRun(setting, ShuffledStream(count, batch=recipe.batch, seed=seed, purpose=each, buffer=recipe.buffer))
            for setting, each in runs
        ]
        heads = train_heads(self.train_ND, labels_N=self.labels_N, classes=classes, runs=of_runs, recipe=recipe)
        return [self.found(head.predictions(self.judged_MD), curve=tuple(head.curve.points)) for head in heads]

    def by_logistic(self, *, seed: int) -> Finding:
        """A logistic regression."""
        seen = self.labels_N.unique()
        if len(seen) == 1:  # there is nothing to tell apart
            return self.found(seen.expand(len(self.judged_MD)))
        fit = logistic(self.train_ND.cpu(), labels_N=self.labels_N.cpu(), test_MD=self.judged_MD.cpu(), seed=seed)
        return self.found(torch.from_numpy(fit.predictions_M))

    def by_neighbours(self, setting: NeighboursSetting) -> Finding:
        """Nearest neighbours."""
        predictions_M = knn(
            self.train_ND.cpu(),
            labels_N=self.labels_N.cpu(),
            test_MD=self.judged_MD.cpu(),
            k=setting.neighbours,
            temperature=setting.temperature,
        )
        return self.found(predictions_M)


@exact_float32()
@torch.inference_mode()
def _encoded(backbone: Backbone, images: ImageSet) -> tuple[Tensor, Tensor]:
    """features_ND and labels_N of the readable images, in their order, on the device."""
    module = backbone.module
    was_training = module.training
    module.eval()
    try:
        pairs = [(module(backbone.preprocess(each)).float(), labels) for each, labels in images.once(batch=_BATCH)]
    finally:
        module.train(was_training)
    device = next((each.device for each in module.parameters()), torch.device("cpu"))
    none_0D = torch.empty(0, backbone.feature_dim, device=device)
    none_0: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    features_ND = torch.cat([none_0D, *(features for features, _ in pairs)])
    labels_N = torch.cat([torch.from_numpy(none_0).to(device), *(labels for _, labels in pairs)])
    return finite(features_ND), labels_N
