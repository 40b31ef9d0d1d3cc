"""--init-from timm: pretrained weights of timm in a run of ours. Run by `make test-extras`."""

from pathlib import Path

import pytest
import torch

from vivi.core.config import override
from vivi.core.errors import CheckpointError, ViviError
from vivi.core.world import World
from vivi.presets import find, tiny
from vivi.training.initial import initial_weights
from vivi.training.state import TrainState

pytestmark = pytest.mark.extras
WORLD = World.single()


def saved(folder: Path, name: str, **settings) -> torch.nn.Module:
    """A model that timm drew and saved."""
    import timm

    model = timm.create_model(name, pretrained=False, num_classes=3)
    model.pretrained_cfg = model.pretrained_cfg | settings
    timm.models.save_for_hf(model, folder, model_config=settings, safe_serialization=True)
    return model.eval()


def begun(folder: Path, *changes: str, told: list[str] | None = None):
    """A state of VIVI-Ex(4) whose encoder comes from the folder."""
    experiment = override(tiny(find("VIVI-Ex(4)")), ["augmentation.crop.size=32", *changes])
    state = TrainState.start(experiment, device=WORLD.device)
    say = (lambda _: None) if told is None else told.append
    initial_weights(f"timm:local-dir:{folder}", state=state, world=WORLD, encoder=experiment.encoder, say=say)
    return state.model.encoder.eval()


def test_a_model_of_timm_gives_its_features_in_a_run(tmp_path):
    theirs, told = saved(tmp_path / "m", "test_resnet", mean=(0.4, 0.5, 0.6)), []
    ours = begun(tmp_path / "m", "encoder=TimmModel", "encoder.name=test_resnet", told=told)
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = theirs.forward_head(theirs.forward_features(x), pre_logits=True)
        torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)
    assert len(told) == 1 and "its first layer has to adapt" in told[0]


def test_bit_weights_enter_our_own_network_with_our_epsilons(tmp_path):
    theirs = saved(tmp_path / "m", "resnetv2_50x1_bit")
    assert theirs.pretrained_cfg["mean"] == (0.5, 0.5, 0.5)
    changes = ("encoder=ResNetV2", "encoder.depth=50", "encoder.width=1", "encoder.norm=GroupNormWS")
    told: list[str] = []
    ours = begun(tmp_path / "m", *changes, told=told).double()
    theirs.double().reset_classifier(0)
    x = torch.rand(1, 3, 64, 64, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    assert told == []


def test_another_network_is_refused(tmp_path):
    saved(tmp_path / "m", "test_resnet")
    with pytest.raises(CheckpointError, match=r"--init-from timm:local-dir:.* in this experiment"):
        begun(tmp_path / "m")


def test_a_name_is_answered_with_the_flags_that_take_it_or_the_nearest(tmp_path, monkeypatch):
    saved(tmp_path / "m", "test_resnet")
    monkeypatch.setattr("vivi.nn.timm_classifier._cached", lambda _: str(tmp_path / "m" / "model.safetensors"))
    monkeypatch.setattr(
        "vivi.training.initial.load_timm_model",
        lambda name: __import__("vivi.nn.timm_pretrained", fromlist=["x"]).load_timm_folder(tmp_path / "m"),
    )
    experiment = tiny(find("VIVI-Ex(4)"))
    state = TrainState.start(experiment, device=WORLD.device)
    with pytest.raises(CheckpointError, match=r"add --set encoder=TimmModel --set encoder.name=test_resnet"):
        initial_weights("timm:test_resnet.r160_in1k", state=state, world=WORLD, encoder=experiment.encoder)
    monkeypatch.undo()
    with pytest.raises(ViviError, match=r"timm has no pretrained model 'resnet_50'.*did you mean"):
        initial_weights("timm:resnet_50", state=state, world=WORLD, encoder=experiment.encoder)
