"""VIVI: the frame encoder f, the pooling p, the levels and their sum L_S + lambda L_V + gamma L_SUP (paper, 3.1)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from vivi.core.seeds import Draw
from vivi.core.world import World, summed_over
from vivi.experiment import Experiment, Level
from vivi.nn.encoder_pass import EncoderPass
from vivi.nn.norm import Span, norm_groups
from vivi.objectives.base import Encoded, Objective, Predictions, Question, at_least_float32

Term = tuple[Tensor, Tensor | None]
"""What one level's head is given, and the answers."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The weighted total and its unweighted parts, by level: "frame/exemplar", "video/infonce", "image/supervised"."""

    total: Tensor
    parts: dict[str, Tensor]


@final
class VIVI(nn.Module):
    """The network of a pretraining run and the sum of its losses."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        dim = experiment.encoder.feature_dim
        self.encoder = experiment.encoder.build()
        self.encoder_pass = EncoderPass()
        self.pooling = experiment.pooling.build(dim)
        shots = experiment.sampling.shots
        self.frame_objectives = _objectives(experiment.frame_levels, dim=dim, shots=shots)
        self.video_objectives = _objectives(experiment.video_levels, dim=dim, shots=shots)
        self.image_objectives = _objectives(experiment.image_levels, dim=dim, shots=1)
        self.levels = named_levels(experiment)

    def ask(self, frames_SLCHW: Tensor, *, draws: Mapping[str, Draw]) -> list[Question]:
        """The question of each frame objective, by the draw of its name; without any, the frames themselves."""
        if not self.frame_objectives:
            return [Question(views=frames_SLCHW)]
        named = zip(self._names("frame"), self.frame_objectives, strict=True)
        return [_objective(each).pretext(frames_SLCHW, draw=draws[name]) for name, each in named]

    def ask_about_images(self, images_SVCHW: Tensor, *, labels_S: Tensor, draws: Mapping[str, Draw]) -> list[Question]:
        """The question of each image objective; where it hides no answer of its own, the label is the answer.

        An objective that shows the images as they are is shown instead, of the first that makes views of its own, those
        that stand for the image: so each picture is encoded once, and a turned one can be classified too.
        """
        named = zip(self._names("image"), self.image_objectives, strict=True)
        posed = [_objective(each).pretext(images_SVCHW, draw=draws[name]) for name, each in named]
        made = next((each for each in posed if each.views is not images_SVCHW), None)
        questions = []
        for each in posed:
            targets = labels_S if each.targets is None else each.targets
            if made is None or each.views is not images_SVCHW:
                questions.append(Question(each.views, targets))
            else:
                questions.append(Question(made.views, targets, seen=made.pooled))
        return questions

    def encode(self, questions: Sequence[Question], *, norm_group: int, world: World) -> list[Encoded]:
        """Embeddings of the views of each question; views that several questions share are encoded once.

        Args:
            questions: of one source: frames or images.
            norm_group: in training so many consecutive shots (or images) have batch statistics of their own.
            world: the ranks that have the other shots; a norm group may span several of them.

        Raises:
            ValueError: the shots do not split into norm groups while training.
        """
        known: dict[int, Tensor] = {}
        for question in questions:
            if id(question.views) not in known:
                known[id(question.views)] = self._encode(question.views, norm_group, world)
        return [Encoded(known[id(each.views)], each.targets, each.pooled, each.seen) for each in questions]

    def _encode(self, views_SVCHW: Tensor, norm_group: int, world: World) -> Tensor:
        """embeddings_SVD."""
        shots, views = views_SVCHW.shape[:2]
        span = _span(norm_group, shots=shots, world=world) if self.training else None
        groups, rest = divmod(shots, norm_group)
        if rest and self.training and span is None:
            raise ValueError(f"{shots} shots do not split into norm groups of {norm_group}")
        with norm_groups(self.encoder, max(groups, 1), span=span):
            features_BD = self.encoder_pass(self.encoder, views_SVCHW.flatten(0, 1), is_local=span is None)
        return features_BD.view(shots, views, -1)

    def losses(
        self,
        frames: Sequence[Encoded],
        *,
        images: Sequence[Encoded] = (),
        shots_per_sample: int,
        world: World,
        draws: Mapping[str, Draw],
    ) -> Losses:
        """L_S + lambda L_V + gamma L_SUP from this rank's embeddings; equal on all ranks.

        The video level sees the pooled views of the first frame objective, or the frames where there is none.

        Args:
            frames: the frame questions, encoded; none where nothing is learned from videos.
            images: the image questions, encoded.
            shots_per_sample: K.
            world: the ranks to compare with.
            draws: of the video objectives, by name.
        """
        terms: list[Term] = [(x.embeddings_SVD, x.targets) for x in frames[: len(self.frame_objectives)]]
        if self.video_objectives:
            pooled_SD = self.pooling(frames[0].embeddings_SVD[:, : frames[0].pooled])
            terms += self._video_terms(pooled_SD.unflatten(0, (-1, shots_per_sample)), draws)
        terms += [(x.embeddings_SVD[:, : x.seen], x.targets) for x in images]
        objectives = (*self.frame_objectives, *self.video_objectives, *self.image_objectives)
        parts = {
            name: compare(_objective(objective), x, targets=targets, level=level, world=world)
            for (name, level), objective, (x, targets) in zip(self.levels.items(), objectives, terms, strict=True)
        }
        weighted = [level.weight * parts[name] for name, level in self.levels.items()]
        return Losses(total=torch.stack(weighted).sum(), parts=parts)

    def _video_terms(self, shots_NKD: Tensor, draws: Mapping[str, Draw]) -> Iterator[Term]:
        for name, objective in zip(self._names("video"), self.video_objectives, strict=True):
            question = _objective(objective).pretext(shots_NKD, draw=draws[name])
            yield question.views, question.targets

    def _names(self, floor: str) -> list[str]:
        return [name for name in self.levels if name.startswith(f"{floor}/")]


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


def _span(norm_group: int, *, shots: int, world: World) -> Span | None:
    """The ranks that share a norm group with us, where it is larger than what a rank has."""
    ranks, rest = divmod(norm_group, shots)
    group = None if rest or ranks < 2 or world.size % ranks else world.span(ranks)
    return None if group is None else Span(ranks, partial(summed_over, group))


def named_levels(experiment: Experiment) -> dict[str, Level]:
    """The levels under the names of their loss parts: frame, video, image; a repeated name gets a number."""
    floors = (
        ("frame", experiment.frame_levels),
        ("video", experiment.video_levels),
        ("image", experiment.image_levels),
    )
    named: dict[str, Level] = {}
    for floor, levels in floors:
        for level in levels:
            name = f"{floor}/{type(level.objective).__name__.lower()}"
            repeats = sum(each.split("#")[0] == name for each in named)
            named[f"{name}#{repeats + 1}" if repeats else name] = level
    return named


def chance_levels(experiment: Experiment) -> dict[str, float]:
    """For each loss part, its value for a network that knows nothing; drawn beside the curves."""
    shapes = {
        "frame": (experiment.shots_per_step, experiment.sampling.frames),
        "video": (experiment.samples_per_step, experiment.sampling.shots),
        "image": (experiment.images_per_step, 1),
    }
    chances = {}
    for name, level in named_levels(experiment).items():
        rows, columns = shapes[name.split("/")[0]]
        with torch.device("meta"):
            objective = level.objective.build(experiment.encoder.feature_dim, shots=experiment.sampling.shots)
        chances[name] = objective.chance(level.group or rows, columns=columns)
    return chances


def _objectives(levels: Iterable[Level], *, dim: int, shots: int) -> nn.ModuleList:
    return nn.ModuleList(level.objective.build(dim, shots=shots) for level in levels)


def _gather(predictions: Predictions, world: World) -> Predictions:
    if isinstance(predictions, Tensor):
        return world.gather(predictions)
    return tuple(world.gather(each) for each in predictions)


def _rows(predictions: Predictions, group: slice) -> Predictions:
    return predictions[group] if isinstance(predictions, Tensor) else tuple(each[group] for each in predictions)


def _objective(module: nn.Module) -> Objective:
    assert isinstance(module, Objective)
    return module
