"""How much memory a step needs, from a part of one, and how much there is.

On CUDA both are measured. On a CPU, where nobody counts, the need is the sum of the tensors that live at once, and the
memory is what the machine has free.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from vivi.core.errors import ConfigError, ViviError
from vivi.core.launch import processes_here
from vivi.core.world import World
from vivi.data.records import ImageBatch, VideoBatch
from vivi.experiment import Experiment
from vivi.nn.norm import forget_running_averages
from vivi.objectives.base import Encoded
from vivi.training.chunks import Need, choice_text, chosen_chunks, legal_chunks
from vivi.training.posed import PosedFrames, PosedImages, draws_of_samples
from vivi.training.state import TrainState
from vivi.training.step import joined

USABLE = 0.9
"""Of the memory that is there: allocators lose some of it, and other programs want some."""
T = TypeVar("T")
BATCHES = 3
"""Batches of bytes at once: one in use, one made, one copied."""


def fitting_chunks(
    state: TrainState, *, experiment: Experiment, world: World, limit: int | None, say: Callable[[str], None]
) -> int:
    """The smallest number of chunks whose memory fits, the same on every rank, all of which call this alike.

    Args:
        state: of the run; it is as before when this returns.
        experiment: that will run.
        world: the ranks.
        limit: bytes that a process may use; None: what is there.
        say: told what was chosen and why.

    Raises:
        ConfigError: nothing fits.
    """
    legal = legal_chunks(experiment, world=world)
    available = available_bytes(world.device) if limit is None else limit
    need = needed(state, experiment=experiment, world=world, chunks=legal[-2:])
    ours = chosen_chunks(legal, need=need, limit=available)
    chosen = int(world.gather(torch.tensor([ours], device=world.device)).max())
    how = "measured" if world.device.type == "cuda" else "predicted"
    say(choice_text(chosen, legal=legal, need=need, limit=available, how=how))
    return chosen


def available_bytes(device: torch.device) -> int:
    """What a process may use: of the GPU, or its share of what the machine has free."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(USABLE * (free + torch.cuda.memory_reserved(device)))
    lines = Path("/proc/meminfo").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in lines)
    return int(USABLE * int(facts["MemAvailable"].split()[0]) * 1024 / processes_here())


def needed(state: TrainState, *, experiment: Experiment, world: World, chunks: Sequence[int]) -> Need:
    """The need of a step, from its losses and from one part at each of these numbers of `chunks`.

    The smallest part comes first; a larger one is left out, by all ranks, where it would not fit the memory of one.

    Raises:
        ConfigError: not even the smallest part fits, or on several ranks a larger one though it should: a rank that has
            left a part on its way has left the others waiting, so it has to end.
    """
    model = state.model
    parts: dict[int, int] = {}
    losses = 0
    for number in sorted(chunks, reverse=True):
        if parts and world.any(Need(fixed=losses, parts=parts).of(number) > available_bytes(world.device)):
            break
        posed = _part(experiment, state=state, world=world, chunks=number)
        try:
            losses = max(losses, _bytes_of_losses(posed, state, experiment=experiment, world=world, chunks=number))
            parts[number] = _bytes_of_part(posed, device=world.device)
        except torch.OutOfMemoryError as error:
            if not parts:
                raise ConfigError(
                    f"--chunks auto: a step in {number} parts does not fit the memory of the GPU, and whole norm "
                    "groups allow no more: take a smaller batch or norm group, more processes, or --recompute"
                ) from error
            if world.size > 1:
                raise ConfigError(
                    f"--chunks auto: a step in {number} parts does not fit the memory of {world.device} of rank "
                    f"{world.rank}, where it was to be measured: give --chunks {max(parts)}"
                ) from error
        finally:
            model.zero_grad(set_to_none=True)
            forget_running_averages(model)
    if world.device.type == "cuda":
        torch.cuda.empty_cache()
    return Need(fixed=_fixed_bytes(state, experiment=experiment, world=world) + losses, parts=parts)


def _fixed_bytes(state: TrainState, *, experiment: Experiment, world: World) -> int:
    """Weights, gradients, momentum, and the batches as bytes."""
    parameters = list(state.model.parameters())
    weights = _bytes([*parameters, *state.model.buffers()]) + 2 * _bytes(parameters)
    frames, images = experiment.augmentation.crop.size, experiment.labelled
    batch = 3 * experiment.frames_per_step * frames**2
    batch += 0 if images is None else 3 * images.images_per_step * images.views * images.augmentation.crop.size**2
    return weights + BATCHES * batch // world.size


@contextmanager
def memory_named(experiment: Experiment, *, chunks: int, recompute: bool, world: World) -> Iterator[None]:
    """Within the block a GPU whose memory is full is an error that names the flags that save memory and are not given.

    Raises:
        ViviError: it is full.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        more = [str(each) for each in legal_chunks(experiment, world=world) if each > chunks]
        split = f"--chunks auto or {', '.join(more)}, " if more else ""
        split += "" if recompute else "--recompute, "
        first = (str(error).strip().splitlines() or ["no more is said"])[0]
        raise ViviError(
            f"a step in {chunks} parts does not fit the memory of {world.device} ({first}): give {split}more "
            "processes, or a smaller batch; all but a smaller batch goes on with the same run"
        ) from error


def spent_bytes(forward: Callable[[], T], backward: Callable[[T], None], *, device: torch.device) -> int:
    """The bytes that both together take at their peak, above what was there before.

    Args:
        forward: run first.
        backward: run on what `forward` returned.
        device: where they work; on a CPU in this thread.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        backward(forward())
        return int(torch.cuda.max_memory_allocated(device)) - before
    with _Live() as live:
        backward(forward())
    peak: int = live.peak
    return peak


def _part(
    experiment: Experiment, *, state: TrainState, world: World, chunks: int
) -> list[tuple[PosedFrames | PosedImages, slice]]:
    """Black pictures, as many as in one of so many parts of this rank's batch."""
    posed: list[tuple[PosedFrames | PosedImages, slice]] = []
    step, model = state.step, state.model
    if experiment.uses_videos:
        shots, frames = experiment.sampling.shots, experiment.sampling.frames
        rows = experiment.shots_per_step // world.size // chunks
        samples, side = -(-rows // shots), experiment.augmentation.crop.size
        black = torch.zeros((samples, shots, frames, 3, side, side), dtype=torch.uint8, device=world.device)
        videos = VideoBatch(step=step, frames_NKLCHW=black, sample_ids_N=torch.arange(samples))
        posed.append((PosedFrames.of(videos, experiment=experiment, model=model, world=world), slice(0, rows)))
    if experiment.labelled is not None:
        rows, side = experiment.images_per_step // world.size // chunks, experiment.labelled.augmentation.crop.size
        black = torch.zeros((rows, experiment.labelled.views, 3, side, side), dtype=torch.uint8, device=world.device)
        labels = torch.zeros(rows, dtype=torch.int64, device=world.device)
        images = ImageBatch(step=step, images_BVCHW=black, labels_B=labels)
        posed.append((PosedImages.of(images, experiment=experiment, model=model, world=world), slice(0, rows)))
    return posed


def _bytes_of_losses(
    posed: Sequence[tuple[PosedFrames | PosedImages, slice]],
    state: TrainState,
    *,
    experiment: Experiment,
    world: World,
    chunks: int,
) -> int:
    """With the embeddings of this part in the place of those of every part."""
    with torch.no_grad():
        encoded = {type(each): joined([each.encode(part)] * chunks) for each, part in posed}

    def forward() -> Tensor:
        return state.model.losses(
            encoded.get(PosedFrames, []),
            images=encoded.get(PosedImages, []),
            shots_per_sample=experiment.sampling.shots,
            world=world,
            draws=draws_of_samples(experiment, step=state.step, names=state.model.levels, world=world),
        ).total

    return spent_bytes(forward, lambda total: total.backward(), device=world.device)


def _bytes_of_part(posed: Sequence[tuple[PosedFrames | PosedImages, slice]], *, device: torch.device) -> int:
    """Frames and images together, as they are in a step of one chunk."""

    def forward() -> list[Encoded]:
        return [encoded for each, part in posed for encoded in each.encode(part)]

    def backward(encoded: list[Encoded]) -> None:
        embeddings = list({id(each.embeddings_SVD): each.embeddings_SVD for each in encoded}.values())
        torch.autograd.backward(embeddings, [torch.zeros_like(each) for each in embeddings])

    return spent_bytes(forward, backward, device=device)


class _Live(TorchDispatchMode):
    """Counts the bytes of the tensors that operations make, as long as they live; what was there before is not counted.

    What an operation takes for itself while it runs is not seen.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now: int = 0
        self.peak: int = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func` and count what is new in its result."""
        tree_map_only(Tensor, lambda each: self._note(each, is_new=False), (args, kwargs))
        result = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, lambda each: self._note(each, is_new=True), result)
        return result

    def _note(self, tensor: Tensor, *, is_new: bool) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._known:
            size = storage.nbytes() if is_new else 0
            self._known.add(key)
            weakref.finalize(storage, self._forget, key, size).atexit = False
            self.now += size
            self.peak = max(self.peak, self.now)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def _bytes(tensors: Sequence[Tensor | nn.Parameter]) -> int:
    return sum(each.numel() * each.element_size() for each in tensors)
