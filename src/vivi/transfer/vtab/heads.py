"""Linear heads on frozen features, all trained at once: one batched matrix product for every setting and repetition.

H heads, N training and M test examples, D features, C classes, B examples of a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivi.transfer.vtab.curve import Curve, Sums
from vivi.transfer.vtab.recipe import Recipe, SGDSetting
from vivi.transfer.vtab.shuffled import ShuffledStream


@dataclass(frozen=True, slots=True)
class HeadRun:
    """What decides one head."""

    setting: SGDSetting
    stream: ShuffledStream
    """The order of its training examples."""


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """A head and how it came about."""

    weight_DC: Tensor
    bias_C: Tensor
    curve: Curve

    def predictions(self, features_MD: Tensor) -> Tensor:
        """Classes_M that it names, on the CPU, see `named_classes`."""
        parts = [
            named_classes(torch.addmm(self.bias_C, part_MD.to(self.bias_C.device), self.weight_DC))
            for part_MD in features_MD.split(8192)
        ]
        return torch.cat(parts).cpu()


def named_classes(logits_BC: Tensor) -> Tensor:
    """Classes_B of the largest logits; -1, which is always wrong, where one is undefined.

    The largest of undefined logits would be class 0, and a run that diverged would score the share of that class: on
    diabetic retinopathy 73.6 %, more than any good run.
    """
    return logits_BC.argmax(dim=1).where(~logits_BC.isnan().any(dim=1), -1)


@torch.no_grad()
def train_heads(
    features_ND: Tensor, *, labels_N: Tensor, classes: int, runs: Sequence[HeadRun], recipe: Recipe
) -> list[TrainedHead]:
    """SGD with momentum from zero weights and biases, as `finetune` trains its head, for all runs side by side.

    Each run has its own learning rate, number of steps and order; runs of equal order share their batches.

    Args:
        features_ND: float32, on the device where to train.
        labels_N: int64, there too.
        classes: C.
        runs: what decides each head.
        recipe: what they share.
    """
    if not runs:
        return []
    longest_first = sorted(range(len(runs)), key=lambda at: -runs[at].setting.steps)
    bench = _Bench(features_ND, labels_N, classes=classes, runs=[runs[at] for at in longest_first], recipe=recipe)
    for step in range(runs[longest_first[0]].setting.steps):
        bench.step(step)
    heads = {at: bench.head(place) for place, at in enumerate(longest_first)}
    return [heads[at] for at in range(len(runs))]


class _Bench:
    """The heads while they are trained; those with most steps first, so that the ones still at it are a prefix."""

    def __init__(
        self, features_ND: Tensor, labels_N: Tensor, *, classes: int, runs: Sequence[HeadRun], recipe: Recipe
    ) -> None:
        self._features_ND, self._labels_N = features_ND, labels_N
        self._runs, self._recipe = runs, recipe
        count, dim, device = len(runs), features_ND.shape[1], features_ND.device
        self._weights_HDC, self._weight_speed_HDC = torch.zeros(2, count, dim, classes, device=device).unbind()
        self._biases_H1C, self._bias_speed_H1C = torch.zeros(2, count, 1, classes, device=device).unbind()
        streams = {run.stream: run.setting.steps for run in reversed(runs)}  # the longest of equal ones stays
        self._orders = {stream: stream.batches(steps) for stream, steps in streams.items()}
        self._rates: list[float] = []
        self._curves = [Curve(run.setting.steps) for run in runs]
        self._sums = Sums(count, device=device)

    def step(self, step: int) -> None:
        """One update of all heads that still learn."""
        active = [run for run in self._runs if run.setting.steps > step]
        count = len(active)
        images_HBD, labels_HB = self._batch(active)
        weights_HDC, biases_H1C = self._weights_HDC[:count], self._biases_H1C[:count]
        logits_HBC = images_HBD @ weights_HDC + biases_H1C
        log_HBC = logits_HBC.log_softmax(dim=2)
        chosen_HB1 = labels_HB[..., None].expand(count, -1, 1)
        losses_H = -log_HBC.gather(2, chosen_HB1).mean(dim=(1, 2))
        right_H = (logits_HBC.argmax(dim=2) == labels_HB).double().mean(dim=1)
        slope_HBC = log_HBC.exp_()
        slope_HBC.scatter_add_(2, chosen_HB1, torch.full_like(slope_HBC[..., :1], -1.0))
        slope_HBC /= slope_HBC.shape[1]
        slope_HDC = images_HBD.transpose(1, 2) @ slope_HBC
        if self._recipe.weight_decay:
            slope_HDC += self._recipe.weight_decay * weights_HDC
        rates_H11 = self._rates_of(active, step=step)
        for values, speeds, slopes in (
            (weights_HDC, self._weight_speed_HDC[:count], slope_HDC),
            (biases_H1C, self._bias_speed_H1C[:count], slope_HBC.sum(dim=1, keepdim=True)),
        ):
            speeds.mul_(self._recipe.momentum).add_(slopes)
            values.sub_(rates_H11 * speeds)
        self._note(step + 1, losses_H=losses_H, right_H=right_H)

    def head(self, place: int) -> TrainedHead:
        """A finished head."""
        return TrainedHead(self._weights_HDC[place], self._biases_H1C[place, 0], self._curves[place])

    def _batch(self, active: Sequence[HeadRun]) -> tuple[Tensor, Tensor]:
        """features_HBD and labels_HB; H is 1 where all share a batch."""
        found = {stream: next(self._orders[stream]) for stream in dict.fromkeys(run.stream for run in active)}
        rows = [found[run.stream] for run in active] if len(found) > 1 else list(found.values())
        rows_HB = torch.from_numpy(np.stack(rows)).to(self._features_ND.device)
        return self._features_ND[rows_HB], self._labels_N[rows_HB]

    def _rates_of(self, active: Sequence[HeadRun], *, step: int) -> Tensor:
        """Learning rates, rates_H11; copied to the device only when one changes."""
        rates = [self._recipe.rate(step, setting=run.setting) for run in active]
        if rates != self._rates:
            self._rates = rates
            self._rates_H11 = torch.tensor(rates, device=self._features_ND.device).view(-1, 1, 1)
        return self._rates_H11

    def _note(self, done: int, *, losses_H: Tensor, right_H: Tensor) -> None:
        self._sums.add(losses_H, accuracies_H=right_H)
        for place, curve in enumerate(self._curves):
            if curve.is_due(done) and self._runs[place].setting.steps >= done:
                curve.add(done, *self._sums.means(place))
