"""One update, from top to bottom: augment, ask, encode, compare, go back, move.

With more than one chunk the embeddings are cached and the gradient is still that of the whole batch (Gao et al.,
Scaling deep contrastive learning batch size under memory limited setup, 2021): encode without a graph; losses and
gradients of all embeddings; encode each chunk again and feed it its slice of that gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vivi.core.seeds import Draw
from vivi.core.world import World
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.model import VIVI, Losses
from vivi.nn.norm import commit_running_averages
from vivi.objectives.base import Question
from vivi.optim import set_learning_rate
from vivi.training.state import TrainState


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step leaves for the log, on the device: reading it waits for the device."""

    losses: Losses
    features_SVD: Tensor
    """This rank's frame embeddings, without graph."""
    learning_rate: float


def train_step(
    state: TrainState, batch: VideoBatch, *, experiment: Experiment, world: World, chunks: int = 1
) -> StepResult:
    """Do update number `state.step` with this rank's slice of the batch."""
    model, step = state.model, state.step
    learning_rate = experiment.optimiser.learning_rate * experiment.schedule.scale(step)
    set_learning_rate(state.optimiser, rate=learning_rate)

    frames_SLCHW = augment(batch, experiment=experiment, world=world)
    draws = Draws.of(experiment, step=step, world=world)
    questions = model.ask(frames_SLCHW, draw=draws.frames)

    state.optimiser.zero_grad(set_to_none=True)
    embeddings = encode(model, questions, chunks=chunks)
    losses = model.losses(
        embeddings, questions=questions, shots_per_sample=experiment.sampling.shots, world=world, draw=draws.videos
    )
    losses.total.backward()
    if chunks > 1:
        backward_in_chunks(model, questions, embeddings=embeddings, chunks=chunks)
    world.mean_gradients(model.parameters())
    state.optimiser.step()
    commit_running_averages(model, mean=world.mean)
    state.step += 1
    return StepResult(losses=losses, features_SVD=embeddings[0].detach(), learning_rate=learning_rate)


def augment(batch: VideoBatch, *, experiment: Experiment, world: World) -> Tensor:
    """frames_SLCHW, float32 in [-1, 1], of this rank's uint8 frames; each frame has its own draw."""
    frames_BCHW = batch.frames_NKLCHW.flatten(0, 2)
    first = world.rank * len(frames_BCHW)
    total = world.size * len(frames_BCHW)
    seed, step = experiment.seed, batch.step
    frames_BCHW = experiment.augmentation.on_device(frames_BCHW, seed=seed, step=step, first=first, total=total)
    return frames_BCHW.view(-1, experiment.sampling.frames, *frames_BCHW.shape[1:])


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of the pretext tasks of one step: one a shot, and one a sample."""

    frames: Draw
    videos: Draw

    @classmethod
    def of(cls, experiment: Experiment, *, step: int, world: World) -> "Draws":
        """The draws of this rank's rows."""
        seed, shots, samples = experiment.seed, experiment.shots_per_step, experiment.samples_per_step
        return cls(
            frames=_draw(seed, step=step, world=world, purpose="frame pretext", total=shots),
            videos=_draw(seed, step=step, world=world, purpose="video pretext", total=samples),
        )


def encode(model: VIVI, questions: Sequence[Question], *, chunks: int) -> list[Tensor]:
    """embeddings_SVD of each question; with more than one chunk they are leaves that wait for their gradient."""
    if chunks == 1:
        return [model.encode(question.views) for question in questions]
    with torch.no_grad():
        cached = [torch.cat([model.encode(part) for part in question.views.chunk(chunks)]) for question in questions]
    return [embeddings.requires_grad_() for embeddings in cached]


def backward_in_chunks(
    model: VIVI, questions: Sequence[Question], *, embeddings: Sequence[Tensor], chunks: int
) -> None:
    """Give the encoder the gradient that its embeddings received."""
    for question, leaf in zip(questions, embeddings, strict=True):
        if leaf.grad is None:
            continue
        for views, gradient in zip(question.views.chunk(chunks), leaf.grad.chunk(chunks), strict=True):
            model.encode(views).backward(gradient)


def _draw(seed: int, *, step: int, world: World, purpose: str, total: int) -> Draw:
    count = total // world.size
    return Draw(seed=seed, step=step, purpose=purpose, first=world.rank * count, count=count, total=total)
