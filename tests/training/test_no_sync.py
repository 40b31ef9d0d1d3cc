"""A step asks the device for nothing: run on a device without numbers, and on a CPU where asking is an error."""

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from tests.reference.miniatures import batches, miniature
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.nn.recompute import recompute_blocks
from vivi.training.meter import Meter
from vivi.training.state import TrainState
from vivi.training.step import train_step

META = torch.device("meta")
"""Stands for a GPU: shapes without numbers, so that whoever wants to know one fails."""
ASKING = {"_local_scalar_dense", "item", "is_nonzero", "nonzero", "masked_select", "equal", "repeat_interleave"}
INDEXING = {"index", "index_put", "index_put_", "_unsafe_index"}
NAMES = ("VIVI-Ex(4)", "VIVI-Ex(2)", "VIVI-Rot(2)-Order", "VIVI-Ex(4)-Co(10%)")
"""Semi-hard triplets, InfoNCE with the LSTM and with perceptrons, rotation, shot order, labels."""
MORE = ("Ex-ImageNet", "Semi-Ex-10%", "Sup-Rot-100%", "VIVI-Ex(4)-Co(100%)-Big", "VIVI-Jigsaw(4)", "VIVI-Patch(4)")
"""With the other colours, AutoAugment among them, and the other objectives."""


class WaitingError(Exception):
    """The host would wait for the device."""


class NeverAsks(TorchDispatchMode):
    """Operations that give the host a number of a tensor, or a shape that depends on one, are errors."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        indices = tree_leaves(args[1]) if name in INDEXING else []
        if name in ASKING or any(each.dtype in (torch.bool, torch.uint8) for each in indices if each is not None):
            raise WaitingError(str(func))
        return func(*args, **(kwargs or {}))


class NeverWaits(TorchDispatchMode):
    """Whatever joins tensors of two devices is an error, but a copy that the host does not wait for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        devices = {each.device.type for each in tree_leaves((args, kwargs, result)) if isinstance(each, Tensor)}
        if len(devices) > 1 and not (func is torch.ops.aten._to_copy.default and kwargs.get("non_blocking")):
            raise WaitingError(f"{func} between {devices}")
        return result


def step(experiment: Experiment, *, device: torch.device, mode: TorchDispatchMode, chunks: int) -> None:
    """A step as a run does it, the log's sums with it."""
    world, (videos, images) = World.single(device), batches(experiment)
    if videos is not None:
        videos = dataclasses.replace(videos, frames_NKLCHW=videos.frames_NKLCHW.to(device))
    if images is not None:
        there = {"images_BVCHW": images.images_BVCHW.to(device), "labels_B": images.labels_B.to(device)}
        images = dataclasses.replace(images, **there)
    state = TrainState.start(experiment, device=device)
    if chunks > 1:
        recompute_blocks(state.model.encoder)
    meter = Meter()
    with mode:
        result = train_step(state, videos, images=images, experiment=experiment, world=world, chunks=chunks)
        meter.add(result, step=0, frames=1, waited=0.0)


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_no_number_is_asked_for(name: str, chunks: int) -> None:
    step(miniature(name), device=torch.device("cpu"), mode=NeverAsks(), chunks=chunks)


@pytest.mark.parametrize("name", [*NAMES, *MORE])
def test_the_host_never_waits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # it does not know this device
    step(miniature(name), device=META, mode=NeverWaits(), chunks=2)


@pytest.mark.parametrize(
    "asks",
    [
        lambda x: float(x[0]),
        lambda x: bool((x > 0).all()),
        lambda x: x[x > 0],
        lambda x: x.index_put_((x > 0,), torch.zeros(())),
        lambda x: x.nonzero(),
        lambda x: x.masked_select(x > 0),
        lambda x: x.repeat_interleave(torch.ones(3, dtype=torch.int64)),
        lambda x: torch.equal(x, x),
    ],
)
def test_the_first_rule_itself(asks: Callable[[Tensor], object]) -> None:
    with pytest.raises(WaitingError), NeverAsks():
        asks(torch.ones(3))


@pytest.mark.parametrize(
    ("waits", "error"),
    [
        (lambda x: x + torch.ones(3).to(META), WaitingError),
        (lambda x: x.copy_(torch.ones(3)), WaitingError),
        (lambda x: x * torch.tensor(2.0), WaitingError),
        (lambda x: float(x[0]), RuntimeError),
        (lambda x: x.cpu(), NotImplementedError),
    ],
)
def test_the_second_rule_itself(waits: Callable[[Tensor], object], error: type[Exception]) -> None:
    with pytest.raises(error), NeverWaits():
        waits(torch.ones(3, device=META))


def test_what_does_not_wait_is_allowed() -> None:
    x = torch.ones(3, device=META)
    with NeverWaits():
        x = 2 * x + torch.ones(3).to(META, non_blocking=True)
        x[torch.arange(2, device=META)].clamp(min=0.5).sum()
