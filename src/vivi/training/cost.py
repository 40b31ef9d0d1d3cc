"""What a run would cost, from a few pictures that are encoded and learned from here: nothing is read or written."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vivi.core.world import World
from vivi.data.records import ImageBatch, VideoBatch
from vivi.experiment import Experiment
from vivi.nn.norm import forget_running_averages, norm_groups
from vivi.training.chunks import legal_chunks
from vivi.training.memory import BATCHES, available_bytes, spent_bytes
from vivi.training.posed import PosedFrames, PosedImages
from vivi.training.state import TrainState

PICTURES = 8
"""Encoded at once to see what one takes."""
_REPEATS = 3
_SECOND_PASS = 4 / 3
"""A step in chunks encodes everything once more without a graph: a third of what forward and backward take."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run on one process of this machine."""

    name: str
    steps: int
    pictures_per_step: int
    """Frames and labelled images."""
    encoded_per_step: int
    """Passes of the encoder: pretext tasks may show a picture several times."""
    pictures: int
    """In the whole run."""
    parameters: int
    """Of the encoder."""
    head_parameters: int
    """Of pooling and heads, which are not kept."""
    device: str
    chunks: int
    """In the step that is spoken of: as asked for, or the fewest whose memory fits."""
    memory: int
    """Bytes of a step in so many chunks: weights, gradients, momentum, batches, and the activations of the encoder."""
    available: int
    """Bytes that are there."""
    seconds_per_step: float
    """Of the encoder alone, forward and backward: without decoding, colour, losses."""

    @property
    def hours(self) -> float:
        """Of the encoder, for the whole run."""
        return self.steps * self.seconds_per_step / 3600


def cost(experiment: Experiment, *, world: World, chunks: int | None = 1) -> Cost:
    """Measure a few pictures and extend to the run in straight lines.

    Args:
        experiment: that would run.
        world: this process; the cost is that of one process that does all.
        chunks: parts of a step; None: the fewest whose memory fits, or the most that are legal.

    Raises:
        ConfigError: the network does not take the images.
    """
    state = TrainState.start(experiment, device=world.device)
    parameters = sum(each.numel() for each in state.model.encoder.parameters())
    every = sum(each.numel() for each in state.model.parameters())
    encoded = _encoded_per_step(experiment, state=state, world=world)
    side = experiment.image_size
    seconds, spent = _of_pictures(state, side=side, device=world.device)
    numbers = 3 * every + sum(each.numel() for each in state.model.buffers())
    fixed = 4 * numbers + BATCHES * 3 * side**2 * experiment.pictures_per_step
    available = available_bytes(world.device)
    legal = sorted(legal_chunks(experiment, world=world))
    needs = {
        parts: fixed + int(spent / PICTURES * encoded / parts) for parts in (legal if chunks is None else [chunks])
    }
    fitting = [parts for parts, need in needs.items() if need <= available]
    taken = min(fitting) if fitting else max(needs)
    again = _SECOND_PASS if taken > 1 else 1.0
    return Cost(
        name=experiment.name,
        steps=experiment.schedule.steps,
        pictures_per_step=experiment.pictures_per_step,
        encoded_per_step=encoded,
        pictures=experiment.schedule.steps * experiment.pictures_per_step,
        parameters=parameters,
        head_parameters=every - parameters,
        device=_device_text(world.device),
        chunks=taken,
        memory=needs[taken],
        available=available,
        seconds_per_step=again * seconds / PICTURES * encoded,
    )


def _of_pictures(state: TrainState, *, side: int, device: torch.device) -> tuple[float, int]:
    """Seconds and bytes that PICTURES black pictures take, forward and backward."""
    encoder = state.model.encoder
    pictures_BCHW = torch.zeros(PICTURES, 3, side, side, device=device)

    def forward() -> Tensor:
        with norm_groups(encoder, 1):
            found: Tensor = encoder(pictures_BCHW)
        return found.sum()

    spent = spent_bytes(forward, lambda total: total.backward(), device=device)  # the first pass warms up, too
    seconds = min(_timed(forward, device=device) for _ in range(_REPEATS))
    state.model.zero_grad(set_to_none=True)
    forget_running_averages(encoder)
    return seconds, spent


def _timed(forward: Callable[[], Tensor], *, device: torch.device) -> float:
    began = time.perf_counter()
    forward().backward()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


@torch.no_grad()
def _encoded_per_step(experiment: Experiment, *, state: TrainState, world: World) -> int:
    """Pictures that the encoder sees in a step, counted on the questions about one sample and one image."""
    encoded = 0
    if experiment.uses_videos:
        shots, frames, side = experiment.sampling.shots, experiment.sampling.frames, experiment.augmentation.crop.size
        black = torch.zeros((1, shots, frames, 3, side, side), dtype=torch.uint8, device=world.device)
        videos = VideoBatch(step=0, frames_NKLCHW=black, sample_ids_N=torch.arange(1))
        asked = PosedFrames.of(videos, experiment=experiment, model=state.model, world=world).ask(slice(0, shots))
        encoded += _pictures([each.views for each in asked]) * experiment.samples_per_step
    if experiment.labelled is not None:
        side = experiment.labelled.augmentation.crop.size
        black = torch.zeros((1, experiment.labelled.views, 3, side, side), dtype=torch.uint8, device=world.device)
        labels = torch.zeros(1, dtype=torch.int64, device=world.device)
        images = ImageBatch(step=0, images_BVCHW=black, labels_B=labels)
        posed = PosedImages.of(images, experiment=experiment, model=state.model, world=world).ask(slice(0, 1))
        encoded += _pictures([each.views for each in posed]) * experiment.images_per_step
    return encoded


def _pictures(views: list[Tensor]) -> int:
    """In all of them; views that several questions share are encoded once."""
    return sum(each.shape[0] * each.shape[1] for each in {id(each): each for each in views}.values())


def _device_text(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"
