"""Hours and memory of a run on this machine, from a few timed passes of its encoder on a few pictures.

An estimate, and no more: forward and backward of the encoder alone are timed, on random pictures, and multiplied by the
pictures of a step and the steps of the schedule. Reading, colour, heads, losses and the update come on top: next to
nothing for a ResNet-50 on a CPU, a fair share for the tiny presets. Memory is what lives at the peak of such a pass,
as a straight line through two sizes, with weights, gradients, momentum and the bytes of the batch.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from vivi.core.errors import ConfigError
from vivi.core.seeds import Draw, torch_generator
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.model import VIVI, named_levels
from vivi.nn.encoder import Encoder
from vivi.nn.norm import forget_running_averages
from vivi.nn.resnet_v2 import ResNetV2
from vivi.objectives.base import Question
from vivi.training.chunks import check_chunks, legal_chunks
from vivi.training.memory import BATCHES, available_bytes, spent_bytes

SIZES = (2, 4)
"""Pictures of the passes whose memory is measured."""
REPEATS = 3
"""Timed passes; the fastest counts."""
_ENOUGH_SECONDS, _MOST_PICTURES = 0.5, 256
"""A pass that is timed is doubled until it takes so long or has so many pictures: small passes are mostly overhead."""
_USED = 0.25
"""Of the memory, at most, by a pass that is timed."""
_AGAIN = 4 / 3
"""A step in several chunks encodes every picture twice, the first time forward alone, which is a third of a pass."""
_ASKED = 2
"""Rows that the objectives are asked about; a question about one row might be none."""


@dataclass(frozen=True, slots=True)
class Pace:
    """One encoder on pictures of one size, on this machine."""

    pictures: int
    """Of a timed pass."""
    seconds: float
    """Of the fastest pass, forward and backward."""
    bytes_small: int
    bytes_large: int
    """At the peak of a pass of `SIZES` pictures."""

    @property
    def seconds_a_picture(self) -> float:
        """Forward and backward."""
        return self.seconds / self.pictures

    def bytes_for(self, pictures: float) -> float:
        """At the peak of a pass of so many pictures."""
        small, large = SIZES
        slope = max(0.0, (self.bytes_large - self.bytes_small) / (large - small))
        return max(0.0, self.bytes_small - slope * small) + slope * pictures


@dataclass(frozen=True, slots=True)
class Views:
    """Pictures that the encoder sees in a step, of one source and one size."""

    rows: int
    """Shots or labelled images of a step."""
    views: int
    """Of each row; an objective may show a frame several times, or pieces of it."""
    side: int
    """In pixels."""

    @property
    def pictures(self) -> int:
        """In all."""
        return self.rows * self.views


@dataclass(frozen=True, slots=True)
class Estimate:
    """A whole run of one experiment on one process of this machine."""

    name: str
    steps: int
    pictures_per_step: int
    """Frames and labelled images."""
    encoded_per_step: int
    """Pictures that the encoder sees: pretext tasks may show one several times."""
    parameters: int
    """Of the encoder."""
    head_parameters: int
    """Of pooling and heads, which are not kept."""
    device: str
    chunks: int
    """In the step that is spoken of: as asked for, or the fewest whose memory fits, or else the most."""
    memory: int
    """Bytes of a step in so many chunks."""
    memory_in_one: int
    """Bytes of a step in one piece."""
    most_chunks: int
    """Into which whole norm groups can be split."""
    least_memory: int
    """Bytes of a step in that many chunks."""
    available: int
    """Bytes that a process may use here."""
    seconds_per_step: float
    """Of the encoder alone, forward and backward: without decoding, colour, losses."""
    basis: str
    """What was timed, in words."""

    @property
    def fits(self) -> bool:
        """Whether there is memory for a step in `chunks`."""
        return self.memory <= self.available

    @property
    def pictures(self) -> int:
        """In the whole run."""
        return self.steps * self.pictures_per_step

    @property
    def hours(self) -> float:
        """Of the whole schedule."""
        return self.steps * self.seconds_per_step / 3600

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return asdict(self) | {"fits": self.fits, "pictures": self.pictures, "hours": self.hours}


def estimate(
    experiments: Sequence[Experiment],
    *,
    device: torch.device,
    chunks: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Estimate, ...]:
    """Time each encoder once for each size of picture, and estimate every experiment from that.

    Args:
        experiments: that would run, each on one process that does all.
        device: where.
        chunks: parts of a step; None: the fewest whose memory fits, or the most that are legal.
        progress: told how many experiments are done, of how many.

    Raises:
        ConfigError: not even a few pictures fit the memory of the device, or a step does not split into `chunks`.
    """
    if chunks is not None:
        for experiment in experiments:
            check_chunks(experiment, chunks=chunks, world=World.single(device))
    known: dict[tuple[Encoder, int], Pace] = {}
    found = []
    for done, experiment in enumerate(experiments):
        progress(done, len(experiments))
        views = views_of_a_step(experiment)
        for side in {each.side for each in views}:
            if (experiment.encoder, side) not in known:
                known[experiment.encoder, side] = measure(experiment.encoder, side=side, device=device)
        paces = {each.side: known[experiment.encoder, each.side] for each in views}
        found.append(_of(experiment, views, paces, device=device, chunks=chunks))
    progress(len(experiments), len(experiments))
    return tuple(found)


def measure(encoder: Encoder, *, side: int, device: torch.device) -> Pace:
    """Time forward and backward of a fresh encoder on a few random pictures.

    Raises:
        ConfigError: they do not fit the memory of the device.
    """
    module = encoder.build().to(device)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module.train()
    try:
        small, large = (_bytes_of_pass(module, _pictures(size, side, device), device) for size in SIZES)
        pictures = SIZES[-1]
        memory = Pace(pictures, 0.0, bytes_small=small, bytes_large=large).bytes_for
        seconds = _fastest(module, _pictures(pictures, side, device), device)
        while (
            seconds < _ENOUGH_SECONDS
            and pictures < _MOST_PICTURES
            and memory(2 * pictures) < _USED * available_bytes(device)
        ):
            pictures *= 2
            seconds = _fastest(module, _pictures(pictures, side, device), device)
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            f"{SIZES[-1]} pictures of {side} pixels do not fit the memory of the GPU; try --device cpu"
        ) from error
    return Pace(pictures, seconds, bytes_small=small, bytes_large=large)


def views_of_a_step(experiment: Experiment) -> tuple[Views, ...]:
    """What the encoder sees in a step: the questions about two rows are asked, and their views counted."""
    model = VIVI(replace(experiment, encoder=ResNetV2(width=0.125)))  # it is only asked
    draws = {
        name: Draw(seed=0, step=0, purpose=name, first=0, count=_ASKED, total=_ASKED)
        for name in named_levels(experiment)
    }
    asked: list[tuple[list[Question], int]] = []
    if experiment.uses_videos:
        side = experiment.augmentation.crop.size
        frames_SLCHW = torch.zeros(_ASKED, experiment.sampling.frames, 3, side, side)
        asked.append((model.ask(frames_SLCHW, draws=draws), experiment.shots_per_step))
    if experiment.labelled is not None:
        side = experiment.labelled.augmentation.crop.size
        images_SVCHW = torch.zeros(_ASKED, experiment.labelled.views, 3, side, side)
        labels_S = torch.zeros(_ASKED, dtype=torch.int64)
        asked.append((model.ask_about_images(images_SVCHW, labels_S=labels_S, draws=draws), experiment.images_per_step))
    return tuple(
        Views(rows=rows, views=views.shape[1], side=views.shape[-1])
        for questions, rows in asked
        for views in {id(each.views): each.views for each in questions}.values()  # views that are shared count once
    )


def _of(
    experiment: Experiment,
    views: Sequence[Views],
    paces: Mapping[int, Pace],
    *,
    device: torch.device,
    chunks: int | None,
) -> Estimate:
    """From the pace at each size of picture."""
    with torch.device("meta"):
        model = VIVI(experiment)
    legal = sorted(legal_chunks(experiment, world=World.single(device)))
    fixed, available = _fixed_bytes(experiment, model), available_bytes(device)
    memory = {
        parts: fixed + round(sum(paces[each.side].bytes_for(each.pictures / parts) for each in views))
        for parts in legal
    }
    taken = chunks or next((parts for parts in legal if memory[parts] <= available), legal[-1])
    seconds = sum(paces[each.side].seconds_a_picture * each.pictures for each in views)
    timed = [f"{pace.pictures} pictures of {side} px in {pace.seconds:.2f} s" for side, pace in sorted(paces.items())]
    parameters = sum(each.numel() for each in model.encoder.parameters())
    return Estimate(
        name=experiment.name,
        steps=experiment.schedule.steps,
        pictures_per_step=experiment.pictures_per_step,
        encoded_per_step=sum(each.pictures for each in views),
        parameters=parameters,
        head_parameters=sum(each.numel() for each in model.parameters()) - parameters,
        device=_device_text(device),
        chunks=taken,
        memory=memory[taken],
        memory_in_one=memory[1],
        most_chunks=legal[-1],
        least_memory=memory[legal[-1]],
        available=available,
        seconds_per_step=seconds if taken == 1 else seconds * _AGAIN,
        basis=f"forward and backward of {', '.join(timed)}",
    )


def _device_text(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def _fixed_bytes(experiment: Experiment, model: VIVI) -> int:
    """Weights, gradients, momentum, and the batches of bytes that exist at once."""
    weights = sum(each.numel() * each.element_size() for each in (*model.parameters(), *model.buffers()))
    moving = sum(each.numel() * each.element_size() for each in model.parameters())
    batch = 3 * experiment.frames_per_step * experiment.augmentation.crop.size**2
    if experiment.labelled is not None:
        side = experiment.labelled.augmentation.crop.size
        batch += 3 * experiment.images_per_step * experiment.labelled.views * side**2
    return weights + 2 * moving + BATCHES * batch


def _pictures(count: int, side: int, device: torch.device) -> Tensor:
    generator = torch_generator(0, step=0, purpose="estimate")
    pictures_BCHW = torch.rand((count, 3, side, side), generator=generator) * 2 - 1
    return pictures_BCHW.to(device, memory_format=torch.channels_last)


def _bytes_of_pass(module: nn.Module, pictures_BCHW: Tensor, device: torch.device) -> int:
    def backward(features_BD: Tensor) -> None:
        features_BD.sum().backward()

    needed = spent_bytes(lambda: module(pictures_BCHW), backward, device=device)
    module.zero_grad(set_to_none=True)
    forget_running_averages(module)
    return needed


def _fastest(module: nn.Module, pictures_BCHW: Tensor, device: torch.device) -> float:
    return min(_pass(module, pictures_BCHW, device) for _ in range(REPEATS))


def _pass(module: nn.Module, pictures_BCHW: Tensor, device: torch.device) -> float:
    """Seconds."""
    began = time.perf_counter()
    module(pictures_BCHW).sum().backward()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - began
    module.zero_grad(set_to_none=True)
    forget_running_averages(module)
    return seconds
