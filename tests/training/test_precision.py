"""bfloat16 ends with the encoder: what is float32, what the numbers are worth, and that a run keeps its precision."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.reference.miniatures import batches, miniature
from torch import Tensor, nn

from vivi.core.checkpoint import checkpoints
from vivi.core.errors import CheckpointError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.nn import encoder_pass
from vivi.nn.encoder_pass import EncoderPass, Precision, exact_float32, has_bf16
from vivi.nn.recompute import recompute_blocks
from vivi.training.loop import RunOptions, pretrain
from vivi.training.state import TrainState
from vivi.training.step import StepResult, train_step

WORLD = World.single()
NAMES = ("VIVI-Ex(4)", "VIVI-Rot(2)-Order", "VIVI-Ex(4)-Co(10%)")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for one another in turn take minutes where other programs have the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stepped(
    experiment: Experiment,
    precision: Precision,
    *,
    chunks: int = 1,
    prepare: Callable[[nn.Module], None] = lambda _: None,
) -> tuple[TrainState, StepResult]:
    """The state after one step, and what the step left."""
    state = TrainState.start(experiment, device=WORLD.device)
    state.model.encoder_pass = EncoderPass(precision=precision)
    prepare(state.model.encoder)
    videos, images = batches(experiment)
    return state, train_step(state, videos, images=images, experiment=experiment, world=WORLD, chunks=chunks)


def gradient(state: TrainState) -> Tensor:
    """All of it, one after the other."""
    return torch.cat([each.grad.flatten() for each in state.model.parameters() if each.grad is not None])


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


class Rounded(torch.autograd.Function):
    """The numbers and their gradients rounded to bfloat16, still in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.bfloat16().float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].bfloat16().float()


def round_convolutions(encoder: nn.Module) -> None:
    """From now on what enters and leaves them has 8 bits, and all is computed in float32."""
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(lambda _, given: (Rounded.apply(given[0]),))
            layer.register_forward_hook(lambda _, __, y: Rounded.apply(y))


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_as_near_to_float32_as_rounding_allows(name: str) -> None:
    """Small nets at their start turn 8 bits into other triplets: the gradient moves by a third or a half."""
    experiment = miniature(name)
    (exact, expected), (half, found) = (stepped(experiment, each) for each in (Precision.FP32, Precision.BF16))
    for part, loss in expected.losses.parts.items():
        assert not torch.equal(found.losses.parts[part], loss)
        assert float(found.losses.parts[part].detach()) == pytest.approx(float(loss.detach()), rel=0.02), part
    rounded, _ = stepped(experiment, Precision.FP32, prepare=round_convolutions)
    assert 0 < distance(gradient(half), gradient(exact)) < 1.5 * distance(gradient(rounded), gradient(exact))


@pytest.mark.parametrize("name", NAMES)
def test_only_the_encoder_is_in_half_precision(name: str) -> None:
    experiment = miniature(name)
    state = TrainState.start(experiment, device=WORLD.device)
    model = state.model
    model.encoder_pass = EncoderPass(precision=Precision.BF16)
    inside: set[torch.dtype] = set()
    outside: set[torch.dtype] = set()
    for layer in model.encoder.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _, __, y: inside.add(y.dtype))
    for each in (model.pooling, model.frame_objectives, model.video_objectives, model.image_objectives):
        for layer in each.modules():
            layer.register_forward_hook(
                lambda _, given, __: outside.update(x.dtype for x in given if isinstance(x, Tensor))
            )
    videos, images = batches(experiment)
    result = train_step(state, videos, images=images, experiment=experiment, world=WORLD)
    assert inside == {torch.bfloat16}
    assert outside == {torch.float32}
    tensors = [*model.parameters(), *(each.grad for each in model.parameters() if each.grad is not None)]
    tensors += [*(each for each in model.buffers() if each.is_floating_point()), result.features_SVD]
    tensors += [result.losses.total, *result.losses.parts.values(), result.gradient_norm]
    tensors += [each["momentum_buffer"] for each in state.optimiser.state.values()]
    assert {each.dtype for each in tensors} == {torch.float32}


@pytest.mark.parametrize("name", NAMES)
def test_chunks_give_the_gradient_of_the_whole_batch(name: str) -> None:
    """Up to what bfloat16 rounds in sums of other lengths; far nearer than float32 and bfloat16 are to one another."""
    experiment = miniature(name)
    whole, _ = stepped(experiment, Precision.BF16)
    chunked, _ = stepped(experiment, Precision.BF16, chunks=2)
    again, _ = stepped(experiment, Precision.BF16, chunks=2, prepare=recompute_blocks)
    exact, _ = stepped(experiment, Precision.FP32)
    apart = distance(gradient(whole), gradient(exact))
    assert distance(gradient(chunked), gradient(whole)) < min(0.01, apart / 4)
    assert torch.equal(gradient(again), gradient(chunked)), "computing activations again changes nothing"


def test_two_steps_alike_are_equal_bit_for_bit() -> None:
    experiment = miniature("VIVI-Ex(4)")
    (one, _), (other, _) = (stepped(experiment, Precision.BF16) for _ in range(2))
    assert all(torch.equal(tensor, other.tensors()[name]) for name, tensor in one.tensors().items())


def test_float32_is_exact_within_and_as_before_behind() -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high")
    try:
        with exact_float32():
            assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("highest", False)
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("high", before[1])
    finally:
        torch.set_float32_matmul_precision(before[0])


def run(
    experiment: Experiment, store: Path, out: Path, precision: Precision | None, *, die_at: int | None = None
) -> RunFolder:
    def progress(line: dict[str, float]) -> None:
        if line["step"] == die_at and "loss" in line:
            raise InterruptedError

    options = RunOptions(world=WORLD, workers=1, log_every=2, save_every=2, precision=precision)
    return pretrain(experiment, data=store, out=out, options=options, progress=progress)


def half_done(experiment: Experiment, store: Path, out: Path, precision: Precision | None) -> None:
    with pytest.raises(InterruptedError):
        run(experiment, store, out, precision, die_at=4)


def are_equal(one: Path, other: Path) -> bool:
    """Whether both runs ended with the same tensors, bit for bit."""
    first, second = (load_file(checkpoints(each / "checkpoints")[-1] / "state.safetensors") for each in (one, other))
    return first.keys() == second.keys() and all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_a_run_goes_on_in_its_precision(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    run(small, tiny_store, tmp_path / "unbroken", Precision.BF16)
    half_done(small, tiny_store, tmp_path / "resumed", Precision.BF16)
    with pytest.raises(CheckpointError, match=r"--precision: .*resumed was begun in bf16: give that or auto to go on"):
        run(small, tiny_store, tmp_path / "resumed", Precision.FP32)
    folder = run(small, tiny_store, tmp_path / "resumed", None)
    assert json.loads(folder.experiment.read_text())["precision"] == "bf16"
    assert are_equal(tmp_path / "resumed", tmp_path / "unbroken")
    run(small, tiny_store, tmp_path / "exact", None)
    assert not are_equal(tmp_path / "exact", tmp_path / "unbroken")


def test_a_run_older_than_the_choice_goes_on_in_float32(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    run(small, tiny_store, tmp_path / "unbroken", Precision.FP32)
    half_done(small, tiny_store, tmp_path / "old", None)
    record = tmp_path / "old/experiment.json"
    facts = json.loads(record.read_text())
    assert facts.pop("precision") == "fp32", "auto on a CPU"
    record.write_text(json.dumps(facts))
    with pytest.raises(CheckpointError, match="was begun in fp32"):
        run(small, tiny_store, tmp_path / "old", Precision.BF16)
    run(small, tiny_store, tmp_path / "old", None)
    assert are_equal(tmp_path / "old", tmp_path / "unbroken")
    assert "precision" not in json.loads(record.read_text())


def test_auto_asks_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_bf16(torch.device("cpu"))
    for answer in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation, a=answer: a)
        monkeypatch.setattr(encoder_pass.torch.cuda, "device", lambda _: torch.no_grad())
        assert has_bf16(torch.device("cuda:0")) is answer
