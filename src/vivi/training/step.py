"""One update, from top to bottom: augment, ask, encode, compare, go back, move.

With more than one chunk, only one chunk of frames exists as float pixels and activations at a time, and the gradient is
still that of the whole batch (Gao et al., Scaling deep contrastive learning batch size under memory limited setup,
2021): encode chunk by chunk without a graph; losses and gradients of all embeddings; augment, ask and encode each chunk
again, the same way, and feed it its slice of that gradient.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vivi.core.world import World
from vivi.data.records import ImageBatch, VideoBatch
from vivi.experiment import Experiment
from vivi.model import Losses
from vivi.nn.norm import commit_running_averages, forget_running_averages
from vivi.objectives.base import Encoded
from vivi.optim import set_learning_rate
from vivi.training.posed import PosedFrames, PosedImages, draws_of_samples
from vivi.training.state import TrainState


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step leaves for the log, on the device: reading it waits for the device."""

    losses: Losses
    features_SVD: Tensor
    """This rank's frame embeddings, without graph; of the labelled images where there are no frames."""
    learning_rate: float
    gradient_norm: Tensor
    """Of all parameters together, over all ranks."""
    is_left_out: bool = False
    """Whether nothing moved, because the loss or the gradient was not finite."""


def train_step(
    state: TrainState,
    videos: VideoBatch | None,
    *,
    images: ImageBatch | None = None,
    experiment: Experiment,
    world: World,
    chunks: int = 1,
    leave_out_bad: bool = False,
) -> StepResult:
    """Do update number `state.step` with this rank's slice of the batch: videos, labelled images, or both.

    Args:
        state: moved by one step.
        videos: with the seeds and ids of the step.
        images: labelled ones of the same step.
        experiment: says what to compute.
        world: the ranks that have the other slices.
        chunks: parts of our slice.
        leave_out_bad: where the loss or the gradient is not finite, move nothing; to know that, wait for the device.

    Raises:
        ValueError: a batch is of another step.
    """
    for batch in (videos, images):
        if batch is not None and batch.step != state.step:
            raise ValueError(f"the batch is of step {batch.step}, the state at step {state.step}")
    model, watch = state.model, world.watch
    watch.at("encoding", step=state.step + 1)
    learning_rate = experiment.optimiser.learning_rate * experiment.schedule.scale(state.step)
    set_learning_rate(state.optimiser, rate=learning_rate)
    state.optimiser.zero_grad(set_to_none=True)

    frames = [] if videos is None else [PosedFrames.of(videos, experiment=experiment, model=model, world=world)]
    labelled = [] if images is None else [PosedImages.of(images, experiment=experiment, model=model, world=world)]
    of_frames = [each for posed in frames for each in encoded(posed, chunks=chunks)]
    of_images = [each for posed in labelled for each in encoded(posed, chunks=chunks)]
    watch.at("losses")
    losses = model.losses(
        of_frames,
        images=of_images,
        shots_per_sample=experiment.sampling.shots,
        world=world,
        draws=draws_of_samples(experiment, step=state.step, names=model.levels, world=world),
    )
    watch.at("backward")
    losses.total.backward()
    if chunks > 1:
        for posed in frames:
            backward(posed, cached=of_frames, chunks=chunks)
        for asked in labelled:
            backward(asked, cached=of_images, chunks=chunks)

    watch.at("mean of the gradients")
    world.mean_gradients(model.parameters())
    watch.at("update")
    norm = gradient_norm(model.parameters())
    is_bad = leave_out_bad and not bool((losses.total.detach() + norm).isfinite())  # the same on every rank
    if is_bad:
        forget_running_averages(model)
    else:
        state.optimiser.step()
        commit_running_averages(model, mean=world.mean)
    state.step += 1
    features_SVD = (*of_frames, *of_images)[0].embeddings_SVD.detach()
    return StepResult(losses, features_SVD, learning_rate, gradient_norm=norm, is_left_out=is_bad)


@torch.no_grad()
def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """The Euclidean norm of all gradients together, on their device; 0 where there are none."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return torch.zeros(())
    total: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return total


def encoded(posed: PosedFrames | PosedImages, *, chunks: int) -> list[Encoded]:
    """The questions of one source, encoded: with their graph, or chunk by chunk without."""
    if chunks == 1:
        return posed.encode(slice(0, posed.shots))
    with torch.no_grad():
        pieces = [posed.encode(part) for part in parts(posed.shots, chunks)]
    return joined(pieces)


def parts(shots: int, chunks: int) -> list[slice]:
    """`shots` rows in `chunks` equal parts."""
    size = shots // chunks
    return [slice(first, first + size) for first in range(0, shots, size)]


def joined(chunks: Sequence[Sequence[Encoded]]) -> list[Encoded]:
    """The chunks of each question as one, with embeddings that wait for their gradient."""
    return [
        Encoded(
            embeddings_SVD=torch.cat([each.embeddings_SVD for each in pieces]).requires_grad_(),
            targets=None if pieces[0].targets is None else torch.cat([_known(each.targets) for each in pieces]),
            pooled=pieces[0].pooled,
            seen=pieces[0].seen,
        )
        for pieces in zip(*chunks, strict=True)
    ]


def backward(posed: PosedFrames | PosedImages, *, cached: Sequence[Encoded], chunks: int) -> None:
    """Encode each chunk again and give the encoder the gradient that the cached embeddings received."""
    for part in parts(posed.shots, chunks):
        fresh = posed.encode(part)
        received = [
            (each.embeddings_SVD, leaf.embeddings_SVD.grad[part])
            for each, leaf in zip(fresh, cached, strict=True)
            if leaf.embeddings_SVD.grad is not None
        ]
        torch.autograd.backward([each for each, _ in received], [gradient for _, gradient in received])


def _known(targets: Tensor | None) -> Tensor:
    assert targets is not None
    return targets
