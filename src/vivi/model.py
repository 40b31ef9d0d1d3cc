"""VIVI: the frame encoder f, the pooling p, the levels and their sum L_S + lambda L_V (paper, section 3.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from vivi.core.seeds import Draw
from vivi.core.world import World
from vivi.experiment import Experiment, Level
from vivi.nn.norm import norm_groups
from vivi.objectives.base import Encoded, Objective, Predictions, Question, at_least_float32


@dataclass(frozen=True, slots=True)
class Losses:
    """The weighted total and its unweighted parts, by level: "frame/exemplar", "video/infonce"."""

    total: Tensor
    parts: dict[str, Tensor]


@final
class VIVI(nn.Module):
    """The network of a pretraining run and the sum of its losses."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        dim = experiment.encoder.feature_dim
        self.encoder = experiment.encoder.build()
        self.pooling = experiment.pooling.build(dim)
        self.frame_objectives = nn.ModuleList(level.objective.build(dim) for level in experiment.frame_levels)
        self.video_objectives = nn.ModuleList(level.objective.build(dim) for level in experiment.video_levels)
        self.levels = named_levels(experiment)
        self.norm_group = experiment.norm_group

    def ask(self, frames_SLCHW: Tensor, *, draws: Mapping[str, Draw]) -> list[Question]:
        """The question of each frame objective, by the draw of its name; without any, the frames themselves."""
        if not self.frame_objectives:
            return [Question(views=frames_SLCHW)]
        objectives = zip(self.levels, self.frame_objectives, strict=False)
        return [_objective(each).pretext(frames_SLCHW, draw=draws[name]) for name, each in objectives]

    def encode(self, questions: Sequence[Question]) -> list[Encoded]:
        """Embeddings of the views of each question; views that several questions share are encoded once.

        Raises:
            ValueError: the shots do not split into norm groups while training.
        """
        known: dict[int, Tensor] = {}
        for question in questions:
            if id(question.views) not in known:
                known[id(question.views)] = self._encode(question.views)
        return [Encoded(known[id(each.views)], each.targets, each.pooled) for each in questions]

    def _encode(self, views_SVCHW: Tensor) -> Tensor:
        """embeddings_SVD; in training each `norm_group` of consecutive shots has its own batch statistics."""
        shots, views = views_SVCHW.shape[:2]
        groups, rest = divmod(shots, self.norm_group)
        if rest and self.training:
            raise ValueError(f"{shots} shots do not split into norm groups of {self.norm_group}")
        with norm_groups(self.encoder, max(groups, 1)):
            features_BD: Tensor = self.encoder(views_SVCHW.flatten(0, 1))
        return features_BD.view(shots, views, -1)

    def losses(
        self, encoded: Sequence[Encoded], *, shots_per_sample: int, world: World, draws: Mapping[str, Draw]
    ) -> Losses:
        """L_S + lambda L_V from this rank's embeddings; equal on all ranks.

        The video level sees the pooled views of the first frame objective, or the frames where there is none.
        """
        first = encoded[0]
        pooled_SD = self.pooling(first.embeddings_SVD[:, : first.pooled])
        shots_NKD = pooled_SD.unflatten(0, (-1, shots_per_sample))
        terms = [(x.embeddings_SVD, x.targets) for _, x in zip(self.frame_objectives, encoded, strict=False)]
        for name, objective in zip(list(self.levels)[len(terms) :], self.video_objectives, strict=True):
            question = _objective(objective).pretext(shots_NKD, draw=draws[name])
            terms.append((question.views, question.targets))
        parts: dict[str, Tensor] = {}
        total = shots_NKD.new_zeros((), dtype=torch.promote_types(shots_NKD.dtype, torch.float32))
        objectives = (*self.frame_objectives, *self.video_objectives)
        for (name, level), objective, (x, targets) in zip(self.levels.items(), objectives, terms, strict=True):
            parts[name] = compare(_objective(objective), x, targets=targets, level=level, world=world)
            total = total + level.weight * parts[name]
        return Losses(total=total, parts=parts)


def compare(objective: Objective, embeddings: Tensor, *, targets: Tensor | None, level: Level, world: World) -> Tensor:
    """Head, gather, criterion in groups of `level.group` rows: the mean over the groups of the whole batch."""
    device = embeddings.device.type
    with torch.autocast(device, enabled=False):
        predictions = objective(at_least_float32(embeddings))
        everything = _gather(predictions, world)
        answers = None if targets is None else world.gather(targets)
        rows = (everything if isinstance(everything, Tensor) else everything[0]).shape[0]
        size = level.group or rows
        losses = [
            objective.criterion(_rows(everything, group), targets=None if answers is None else answers[group])
            for group in (slice(first, first + size) for first in range(0, rows, size))
        ]
    return torch.stack(losses).mean()


def named_levels(experiment: Experiment) -> dict[str, Level]:
    """The levels under the names of their loss parts, frame levels first; a repeated name gets a number."""
    named: dict[str, Level] = {}
    for floor, levels in (("frame", experiment.frame_levels), ("video", experiment.video_levels)):
        for level in levels:
            name = f"{floor}/{type(level.objective).__name__.lower()}"
            repeats = sum(each.split("#")[0] == name for each in named)
            named[f"{name}#{repeats + 1}" if repeats else name] = level
    return named


def chance_levels(experiment: Experiment) -> dict[str, float]:
    """For each loss part, its value for a network that knows nothing; drawn beside the curves."""
    frame = (experiment.shots_per_step, experiment.sampling.frames)
    video = (experiment.samples_per_step, experiment.sampling.shots)
    chances = {}
    for name, level in named_levels(experiment).items():
        rows, columns = frame if name.startswith("frame/") else video
        objective = level.objective.build(experiment.encoder.feature_dim)
        chances[name] = objective.chance(level.group or rows, columns=columns)
    return chances


def _gather(predictions: Predictions, world: World) -> Predictions:
    if isinstance(predictions, Tensor):
        return world.gather(predictions)
    return tuple(world.gather(each) for each in predictions)


def _rows(predictions: Predictions, group: slice) -> Predictions:
    return predictions[group] if isinstance(predictions, Tensor) else tuple(each[group] for each in predictions)


def _objective(module: nn.Module) -> Objective:
    assert isinstance(module, Objective)
    return module
