"""One update, from top to bottom: augment, ask, encode, compare, go back, move.

With more than one chunk, only one chunk of frames exists as float pixels and activations at a time, and the gradient is
still that of the whole batch (Gao et al., Scaling deep contrastive learning batch size under memory limited setup,
2021): encode chunk by chunk without a graph; losses and gradients of all embeddings; augment, ask and encode each chunk
again, the same way, and feed it its slice of that gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vivi.core.seeds import Draw
from vivi.core.world import World
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.model import Losses
from vivi.nn.norm import commit_running_averages
from vivi.objectives.base import Encoded, Question
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
    """Do update number `state.step` with this rank's slice of the batch.

    Raises:
        ValueError: the batch is of another step.
    """
    if batch.step != state.step:
        raise ValueError(f"the batch is of step {batch.step}, the state at step {state.step}")
    model = state.model
    learning_rate = experiment.optimiser.learning_rate * experiment.schedule.scale(state.step)
    set_learning_rate(state.optimiser, rate=learning_rate)
    state.optimiser.zero_grad(set_to_none=True)

    posed = Posed(state, batch, experiment, world)
    parts = posed.parts(chunks)
    if chunks == 1:
        encoded = model.encode(posed.ask(parts[0]))
    else:
        with torch.no_grad():
            encoded = joined([model.encode(posed.ask(part)) for part in parts])
    losses = model.losses(
        encoded, shots_per_sample=experiment.sampling.shots, world=world, draws=posed.draws_of_samples()
    )
    losses.total.backward()
    if chunks > 1:
        for part in parts:
            backward(model.encode(posed.ask(part)), cached=encoded, part=part)

    world.mean_gradients(model.parameters())
    state.optimiser.step()
    commit_running_averages(model, mean=world.mean)
    state.step += 1
    features_SVD = encoded[0].embeddings_SVD.detach()
    return StepResult(losses=losses, features_SVD=features_SVD, learning_rate=learning_rate)


@dataclass(frozen=True, slots=True)
class Posed:
    """The questions of one step: on any part of this rank's shots, and each time the same."""

    state: TrainState
    batch: VideoBatch
    experiment: Experiment
    world: World

    def parts(self, chunks: int) -> list[slice]:
        """This rank's shots in `chunks` equal parts."""
        shots = self.experiment.shots_per_step // self.world.size
        size = shots // chunks
        return [slice(first, first + size) for first in range(0, shots, size)]

    def ask(self, part: slice) -> list[Question]:
        """Colour the frames of these shots, each by its own draw, and let every frame objective pose its question."""
        frames_SLCHW = self.batch.frames_NKLCHW.flatten(0, 1)[part]
        experiment, length = self.experiment, self.experiment.sampling.frames
        first = self.world.rank * experiment.shots_per_step // self.world.size + part.start
        frames_BCHW = experiment.augmentation.on_device(
            frames_SLCHW.flatten(0, 1),
            seed=experiment.seed,
            step=self.batch.step,
            first=first * length,
            total=experiment.frames_per_step,
        )
        draws = self._draws(first, count=part.stop - part.start, total=experiment.shots_per_step)
        return self.state.model.ask(frames_BCHW.view(-1, length, *frames_BCHW.shape[1:]), draws=draws)

    def draws_of_samples(self) -> dict[str, Draw]:
        """The draws of the video objectives: rows are this rank's samples."""
        total = self.experiment.samples_per_step
        count = total // self.world.size
        return self._draws(self.world.rank * count, count=count, total=total)

    def _draws(self, first: int, *, count: int, total: int) -> dict[str, Draw]:
        seed, step = self.experiment.seed, self.batch.step
        return {
            name: Draw(seed=seed, step=step, purpose=name, first=first, count=count, total=total)
            for name in self.state.model.levels
        }


def joined(chunks: Sequence[Sequence[Encoded]]) -> list[Encoded]:
    """The chunks of each question as one, with embeddings that wait for their gradient."""
    return [
        Encoded(
            embeddings_SVD=torch.cat([each.embeddings_SVD for each in pieces]).requires_grad_(),
            targets=None if pieces[0].targets is None else torch.cat([_known(each.targets) for each in pieces]),
            pooled=pieces[0].pooled,
        )
        for pieces in zip(*chunks, strict=True)
    ]


def backward(chunk: Sequence[Encoded], *, cached: Sequence[Encoded], part: slice) -> None:
    """Give the encoder the gradient that the cached embeddings of this part received."""
    received = [
        (fresh.embeddings_SVD, leaf.embeddings_SVD.grad[part])
        for fresh, leaf in zip(chunk, cached, strict=True)
        if leaf.embeddings_SVD.grad is not None
    ]
    torch.autograd.backward([fresh for fresh, _ in received], [gradient for _, gradient in received])


def _known(targets: Tensor | None) -> Tensor:
    assert targets is not None
    return targets
