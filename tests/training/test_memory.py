"""Memory of a step in chunks of one size: it stays nearly flat while the batch and the number of chunks grow."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.reference.miniatures import batches

from vivi.core.config import override
from vivi.core.errors import ConfigError, ViviError
from vivi.core.world import World
from vivi.data.records import VideoBatch
from vivi.experiment import Experiment
from vivi.training import loop
from vivi.training.loop import RunOptions, pretrain
from vivi.training.memory import spent_bytes
from vivi.training.state import TrainState
from vivi.training.step import train_step

WORLD = World.single()


def peak(experiment: Experiment, *, chunks: int) -> int:
    """Bytes of the second step, whose optimiser has its momentum, above what lay there before."""
    state = TrainState.start(experiment, device=WORLD.device)
    videos, _ = batches(experiment)
    assert videos is not None
    frames_NKLCHW = videos.frames_NKLCHW[..., :32, :32]

    def step() -> object:
        batch = VideoBatch(step=state.step, frames_NKLCHW=frames_NKLCHW, sample_ids_N=videos.sample_ids_N)
        return train_step(state, batch, experiment=experiment, world=WORLD, chunks=chunks)

    step()
    return spent_bytes(step, lambda _: None, device=WORLD.device)


def _light(small: Experiment) -> Experiment:
    """Without what weighs more than all pictures of this size: the LSTM and 1000 numbers of an embedding."""
    return override(dataclasses.replace(small, video_levels=()), ["frame_levels.0.objective.dim=16"])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Many small operations."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_it_does_not_grow_with_the_batch(small: Experiment) -> None:
    light = _light(small)
    few, many = (override(light, [f"samples_per_step={samples}"]) for samples in (8, 32))
    flat, grown = peak(many, chunks=32) - peak(few, chunks=8), peak(many, chunks=1) - peak(few, chunks=1)
    pictures = 3 * 32 * 32 * 4 * (many.frames_per_step - few.frames_per_step)
    assert grown > 5 * pictures, "in one chunk, float pictures and all activations"
    assert flat < 0.5 * pictures, "in chunks not even the pictures; embeddings and distances remain"


def test_more_chunks_take_less(small: Experiment) -> None:
    light = override(_light(small), ["samples_per_step=32"])
    peaks = [peak(light, chunks=chunks) for chunks in (1, 4, 16)]
    assert peaks[0] > 2 * peaks[1] > 2 * peaks[2]


@pytest.mark.parametrize("more", [{"chunks": 2, "memory": 10**9}, {"chunks": None, "memory": 0}])
def test_a_limit_that_nothing_looks_at_is_refused(more: dict[str, int | None]) -> None:
    with pytest.raises(ConfigError, match="--memory: give it with --chunks auto"):
        RunOptions(world=WORLD, workers=1, **more)


def test_noise_of_the_measure_itself() -> None:
    ones = torch.ones(1000)
    assert spent_bytes(lambda: ones, lambda _: None, device=WORLD.device) == 0


def test_a_full_gpu_is_told_in_a_line_that_names_the_flags(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has none")

    monkeypatch.setattr(loop, "train_step", full)
    options = RunOptions(world=WORLD, workers=1, chunks=2)
    with pytest.raises(
        ViviError, match=r"a step in 2 parts does not fit .* \(CUDA .* 2\.00 GiB\.\): give --chunks auto or 4,"
    ):
        pretrain(small, data=tiny_store, out=tmp_path / "run", options=options, progress=lambda _: None)
    options = dataclasses.replace(options, chunks=4)
    with pytest.raises(ViviError, match=r"a step in 4 parts .*: give --recompute, more processes"):
        pretrain(small, data=tiny_store, out=tmp_path / "run", options=options, progress=lambda _: None)
    options = dataclasses.replace(options, recompute=True)
    with pytest.raises(ViviError, match=r"a step in 4 parts .*: give more processes, or a smaller batch; all but"):
        pretrain(small, data=tiny_store, out=tmp_path / "run", options=options, progress=lambda _: None)
