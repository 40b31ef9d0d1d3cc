"""torch.compile of the encoder: for each kind of pass one program without breaks, with the written one's numbers."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.reference.miniatures import batches, miniature
from torch import Tensor
from torch._dynamo.utils import counters

from vivi.core.config import override
from vivi.core.errors import ViviError
from vivi.core.world import World
from vivi.data.augment import Augmentation
from vivi.experiment import Experiment
from vivi.nn import encoder_pass
from vivi.nn.encoder_pass import EncoderPass, Precision
from vivi.nn.norm import BatchNorm, GroupedBatchNorm, norm_groups
from vivi.nn.recompute import recompute_blocks
from vivi.training.loop import RunOptions, pretrain
from vivi.training.state import TrainState
from vivi.training.step import train_step

WORLD = World.single()
COMPILE = torch.compile


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    """Programs of other tests are forgotten; one thread, as others may have the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()
    torch.set_num_threads(before)


def whole_graphs(monkeypatch: pytest.MonkeyPatch, backend: Any) -> None:
    """Compile by another backend, and let a break of the graph be an error."""
    monkeypatch.setattr(encoder_pass.torch, "compile", partial(COMPILE, backend=backend, fullgraph=True))


class DoubleFrames:
    """Stands for the augmentation: the same float64 frames for every call, whatever part is asked for."""

    def on_device(
        self, frames: Tensor, *, seed: int, step: int, first: int, total: int, views: int, stream: str = ""
    ) -> Tensor:
        everything = torch.randn(total, *frames.shape[1:], generator=torch.Generator().manual_seed(len(stream)))
        return everything[first : first + len(frames)].double()


def moved(
    experiment: Experiment, *, compiled: bool, chunks: int, recompute: bool, precision: Precision = Precision.FP32
) -> dict[str, Tensor]:
    """Gradients and running averages of a step; in float64 where the precision allows."""
    state = TrainState.start(experiment, device=WORLD.device)
    if precision is Precision.FP32:
        state.model.double()
    if recompute:
        recompute_blocks(state.model.encoder)
    state.model.encoder_pass = EncoderPass(precision=precision, compiled=compiled)
    videos, images = batches(experiment)
    train_step(state, videos, images=images, experiment=experiment, world=WORLD, chunks=chunks)
    found = {name: each.grad for name, each in state.model.named_parameters() if each.grad is not None}
    return found | {name: each for name, each in state.model.named_buffers() if "running" in name or "tracked" in name}


@pytest.mark.parametrize(
    ("norm", "chunks", "recompute", "backend", "graphs"),
    [
        ("BatchNorm", 2, False, "eager", 2),  # with gradient and without
        pytest.param("BatchNorm", 1, False, "aot_eager", 1, marks=pytest.mark.slow),
        pytest.param("BatchNorm", 2, True, "aot_eager", 2, marks=pytest.mark.slow),
        pytest.param("GroupNormWS", 2, True, "aot_eager", 2, marks=pytest.mark.slow),
        pytest.param(
            "BatchNorm",
            2,
            False,
            "inductor",
            2,
            marks=[
                pytest.mark.slow,
                pytest.mark.timeout(1200),
                pytest.mark.filterwarnings("ignore::DeprecationWarning"),
            ],
        ),
    ],
)
def test_a_step_is_that_of_the_written_encoder(
    norm: str, chunks: int, recompute: bool, backend: str, graphs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_graphs(monkeypatch, backend)
    monkeypatch.setattr(Augmentation, "on_device", DoubleFrames.on_device)
    experiment = override(miniature("VIVI-Ex(2)"), [f"encoder.norm={norm}"])
    written, compiled = (
        moved(experiment, compiled=each, chunks=chunks, recompute=recompute and each) for each in (False, True)
    )
    assert counters["stats"]["unique_graphs"] == graphs
    assert written.keys() == compiled.keys()
    for name, expected in written.items():
        torch.testing.assert_close(
            compiled[name], expected, rtol=1e-7, atol=1e-10, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["VIVI-Ex(4)-Co(10%)", "Semi-Ex-10%", "VIVI-Rot(2)-Order"])
def test_frames_and_images_in_half_precision_are_whole_graphs_too(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_graphs(monkeypatch, "eager")
    experiment = miniature(preset)
    moved(experiment, compiled=True, chunks=2, recompute=False, precision=Precision.BF16)
    kinds = 2 if experiment.uses_videos and experiment.labelled is not None else 1
    assert counters["stats"]["unique_graphs"] <= 2 * kinds, "with gradient and without, frames and images"


@pytest.mark.parametrize("shape", [(12, 3, 4, 5), (12, 3)])
@pytest.mark.parametrize("groups", [1, 3])
def test_all_groups_at_once_are_those_one_by_one(groups: int, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(7)
    layers: list[GroupedBatchNorm] = []
    results = []
    x = torch.randn(shape, dtype=torch.float64, generator=generator) + torch.arange(12.0).view(
        -1, *[1] * (len(shape) - 1)
    )
    weights = torch.randn(shape, dtype=torch.float64, generator=generator)
    for way in (GroupedBatchNorm._one_by_one, GroupedBatchNorm._at_once):
        layer = BatchNorm().layer(3).double()
        assert isinstance(layer, GroupedBatchNorm)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
            layer.bias.copy_(torch.tensor([-1.0, 0.0, 3.0]))
        leaf = x.clone().requires_grad_()
        with norm_groups(layer, groups):
            y = way(layer, leaf)
        results.append((y, *torch.autograd.grad((y * weights).sum(), (leaf, layer.weight, layer.bias))))
        layers.append(layer)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(layers[1].take_recorded(), layers[0].take_recorded(), rtol=1e-12, atol=1e-12)


def test_what_processes_tell_each_other_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(encoder_pass.torch, "compile", never)
    layer = torch.nn.Flatten()
    images = torch.ones(1, 3, 2, 2)
    assert torch.equal(EncoderPass(compiled=True)(layer, images, is_local=False), layer(images))
    with pytest.raises(AssertionError):
        EncoderPass(compiled=True)(layer, images)


def test_a_compiler_that_fails_is_an_error_that_names_the_flag(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no C++ compiler")

    whole_graphs(monkeypatch, fails)
    options = RunOptions(world=WORLD, workers=1, compile=True)
    said: list[str] = []
    with pytest.raises(ViviError, match=r"torch\.compile fails here \(BackendCompilerFailed: .*give --no-compile"):
        pretrain(small, data=tiny_store, out=tmp_path / "a", options=options, progress=lambda _: None, say=said.append)
    assert said == ["the encoder computes in fp32, compiled: the first steps take long"]
