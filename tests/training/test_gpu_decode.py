"""A run whose frames are decoded on the device, with a CPU's decoder in the place of a GPU's."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
import simplejpeg
import torch

from vivi.core.errors import CheckpointError, ConfigError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.training import inputs
from vivi.training.loop import RunOptions, pretrain

OPTIONS = RunOptions(world=World.single(), workers=1, log_every=1, save_every=2, gpu_decode=True)


def stands_in(files: Sequence[bytes], device: torch.device) -> list[torch.Tensor]:
    return [torch.from_numpy(simplejpeg.decode_jpeg(file, "RGB")).movedim(2, 0) for file in files]


def run(small: Experiment, store: Path, out: Path, **changes) -> RunFolder:
    options = dataclasses.replace(OPTIONS, **changes)
    return pretrain(small, data=store, out=out, options=options, progress=lambda _: None)


def test_without_a_gpu_the_run_does_not_begin(tmp_path: Path, small: Experiment, tiny_store: Path) -> None:
    with pytest.raises(ConfigError, match="--gpu-decode: the run is on cpu"):
        run(small, tiny_store, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_run_is_that_of_the_threads_up_to_rounding_and_remembers_what_decodes(
    tmp_path: Path, small: Experiment, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "nvjpeg", stands_in)
    monkeypatch.setattr(inputs, "check_nvjpeg", lambda device: None)
    device = run(small, tiny_store, tmp_path / "device")
    threads = run(small, tiny_store, tmp_path / "threads", gpu_decode=False)
    first, expected = (folder.read_metrics()[0] for folder in (device, threads))
    assert first["loss"] == pytest.approx(expected["loss"], rel=1e-2)
    with pytest.raises(CheckpointError, match="it differs in --gpu-decode, which was given for one of them alone"):
        run(small, tiny_store, tmp_path / "device", gpu_decode=False)
    with pytest.raises(CheckpointError, match="it differs in --gpu-decode"):
        run(small, tiny_store, tmp_path / "threads")
