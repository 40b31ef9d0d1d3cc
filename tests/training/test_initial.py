"""--init-from: the encoder of another run, and nothing else of it; another one is another run."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.reference import published_networks as published

from vivi.api.learning import starting_point
from vivi.convert.conversion import convert
from vivi.core.checkpoint import checkpoints
from vivi.core.config import override
from vivi.core.errors import CheckpointError
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.nn.export import load_encoder
from vivi.training.initial import initial_weights
from vivi.training.loop import RunOptions, pretrain
from vivi.training.state import TrainState

WORLD = World.single()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_run: Experiment, tiny_store: Path) -> RunFolder:
    return run(small_run, tiny_store, tmp_path_factory.mktemp("finished") / "run")


def run(experiment: Experiment, store: Path, out: Path, *, init_from: Path | None = None) -> RunFolder:
    options = RunOptions(world=WORLD, workers=1, log_every=2, save_every=2)
    return pretrain(experiment, data=store, out=out, options=options, init_from=init_from, progress=lambda _: None)


@pytest.mark.parametrize("source", ["encoder", "checkpoint"])
def test_it_takes_the_encoder_alone(finished: RunFolder, small_run: Experiment, source: str) -> None:
    path = finished.encoder if source == "encoder" else checkpoints(finished.checkpoints)[-1]
    fresh, state = (TrainState.start(small_run, device=WORLD.device) for _ in range(2))
    initial_weights(path, state=state, world=WORLD)
    expected = load_encoder(finished.encoder).encoder.state_dict()
    before = fresh.model.state_dict()
    for name, tensor in state.model.state_dict().items():
        if name.startswith("encoder."):
            torch.testing.assert_close(tensor, expected[name.removeprefix("encoder.")], rtol=1e-5, atol=1e-6)
        else:
            assert torch.equal(tensor, before[name]), name
    assert any(not torch.equal(before[f"encoder.{name}"], each) for name, each in expected.items())
    assert state.step == 0 and not state.with_momentum()


def test_it_is_part_of_the_run(tmp_path: Path, finished: RunFolder, small_run: Experiment, tiny_store: Path) -> None:
    first, last = checkpoints(finished.checkpoints)
    started = run(small_run, tiny_store, tmp_path / "run", init_from=last)
    assert started.read_metrics() != finished.read_metrics()
    assert run(small_run, tiny_store, tmp_path / "run", init_from=last).path == started.path
    for other in (None, first):
        with pytest.raises(CheckpointError, match="differs in --init-from names other files"):
            run(small_run, tiny_store, tmp_path / "run", init_from=other)


def test_another_network_is_refused_by_the_tensor_that_differs(
    tmp_path: Path, finished: RunFolder, small_run: Experiment, tiny_store: Path
) -> None:
    wide = override(small_run, ["encoder.width=0.25"])
    with pytest.raises(
        CheckpointError, match=r"--init-from .*: norm.bias is of shape \[64\] there and of shape \[128\]"
    ):
        run(wide, tiny_store, tmp_path / "run", init_from=finished.encoder)
    group_norm = override(small_run, ["encoder.norm=GroupNormWS"])
    with pytest.raises(CheckpointError, match=r"norm.num_batches_tracked is of shape \[\] there and missing in this"):
        run(group_norm, tiny_store, tmp_path / "run", init_from=finished.encoder)
    assert not (tmp_path / "run").exists()


def test_what_is_neither_is_refused(tmp_path: Path, finished: RunFolder, small_run: Experiment) -> None:
    state = TrainState.start(small_run, device=WORLD.device)
    for path, told in (
        (tmp_path, r"neither an encoder folder .*: give one of these"),
        (tmp_path / "none", "there is no such file or folder"),
        (finished.path, f"neither an encoder folder .*: did you mean {re.escape(str(finished.encoder))}\\?"),
    ):
        with pytest.raises(CheckpointError, match=told):
            initial_weights(path, state=state, world=WORLD)
    damaged = tmp_path / "step-00000001"
    damaged.mkdir()
    (damaged / "state.json").write_text("{}")
    with pytest.raises(CheckpointError, match="is damaged"):
        initial_weights(damaged, state=state, world=WORLD)


def test_another_network_is_answered_with_the_flags_that_take_it(
    tmp_path: Path, finished: RunFolder, small_run: Experiment, tiny_store: Path
) -> None:
    changes = ["encoder.width=0.25", "encoder.norm=GroupNormWS"]
    with pytest.raises(CheckpointError) as caught:
        run(override(small_run, changes), tiny_store, tmp_path / "run", init_from=finished.encoder)
    flags = str(caught.value).partition("to take this network, add ")[2].split("--set ")[1:]
    taken = override(small_run, [*changes, *map(str.strip, flags)])
    assert taken.encoder == load_encoder(finished.encoder).config


def test_a_published_checkpoint_is_converted_on_the_way(tmp_path: Path, small_run: Experiment) -> None:
    with starting_point("timm:resnet18", is_first=True) as spec:
        assert spec == "timm:resnet18"
    with starting_point(None, is_first=True) as nothing:
        assert nothing is None
    store = published.Store()
    published.bit(store, np.zeros((1, 33, 33, 3)), units=(2, 2, 2, 2), channels=32)
    np.savez(tmp_path / "BiT.npz", **store.variables)
    converted = convert(tmp_path / "BiT.npz", out=tmp_path / "converted")
    fitting = override(
        small_run, ["encoder=ResNetV2", "encoder.depth=26", "encoder.width=0.5", "encoder.norm=GroupNormWS"]
    )
    state = TrainState.start(fitting, device=WORLD.device)
    with starting_point(tmp_path / "BiT.npz", is_first=True) as folder:
        assert folder is not None
        initial_weights(folder, state=state, world=WORLD, encoder=fitting.encoder)
    expected = load_encoder(converted.folder).encoder.state_dict()
    torch.testing.assert_close(state.model.encoder.state_dict(), expected)
    (tmp_path / "net.npz").write_bytes(b"no zip")
    with pytest.raises(CheckpointError, match=r"net\.npz"), starting_point(tmp_path / "net.npz", is_first=True):
        pass
    with starting_point(tmp_path / "net.npz", is_first=False) as left:
        assert left == tmp_path / "net.npz"
