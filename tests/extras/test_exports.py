"""Exports as other programs see them: timm, onnxruntime, and the model cards that huggingface_hub reads."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.reference.encoder_folder import save, trained

from vivi.core.errors import CheckpointError
from vivi.nn import onnx_export
from vivi.nn.classifier import Classifier
from vivi.nn.export import load_encoder
from vivi.nn.hub_export import CardScore, export_hub
from vivi.nn.norm import GroupNormWS
from vivi.nn.onnx_export import export_onnx
from vivi.nn.resnet_v2 import ResNetV2
from vivi.nn.timm_export import export_timm
from vivi.nn.timm_model import TimmModel

pytestmark = pytest.mark.extras


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    classifier = Classifier(weight_CD=torch.randn(3, 64), bias_C=torch.randn(3), classes=("a", "b", "c"))
    save(tmp_path / "encoder", classifier=classifier)
    return tmp_path / "encoder"


def images(count: int) -> torch.Tensor:
    return torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("pixels", ["uint8", "float"])
def test_onnxruntime_gives_the_features_and_logits_of_any_batch(saved, tmp_path, pixels):
    done = export_onnx(saved, out=tmp_path / "onnx", pixels=pixels)
    import onnxruntime  # after the export, which switches its telemetry off

    assert done.difference is not None and done.largest is not None and done.difference < 1e-5 * done.largest
    loaded = load_encoder(saved)
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "model.onnx"))
    assert [each.shape for each in session.get_inputs()] == [["batch", 3, 32, 32]]
    for count in (1, 2, 7):
        raw = images(count)
        given = raw if pixels == "uint8" else raw.float() / 127.5 - 1
        features, logits = session.run(["features", "logits"], {"images": given.numpy()})
        with torch.no_grad():
            expected = loaded(loaded.preprocess(raw)), loaded.logits(loaded.preprocess(raw))
        np.testing.assert_allclose(features, expected[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(logits, expected[1], rtol=1e-4, atol=1e-4)


def test_the_graph_says_what_it_takes_and_nothing_of_the_machine(saved, tmp_path):
    import onnx

    export_onnx(saved, out=tmp_path / "onnx")
    data = (tmp_path / "onnx" / "model.onnx").read_bytes()
    for trace in (str(Path.cwd()), str(tmp_path), str(Path.home()), "site-packages", "stack_trace"):
        assert trace.encode() not in data
    model = onnx.load_from_string(data)
    assert [each.version for each in model.opset_import if each.domain == ""] == [onnx_export.OPSET]
    about = json.loads({each.key: each.value for each in model.metadata_props}["vivi"])
    assert about == json.loads((tmp_path / "onnx" / "config.json").read_text())
    assert about["input"]["pixels"].startswith("uint8, RGB, 0 to 255") and about["vivi"]["classes"] == ["a", "b", "c"]
    assert about["vivi"]["fingerprint"] == load_encoder(saved).fingerprint


def test_a_graph_that_differs_is_not_written(saved, tmp_path, monkeypatch):
    monkeypatch.setattr("vivi.nn.exported.TOLERANCE", -1.0)
    with pytest.raises(CheckpointError, match=r"model.onnx differs from the encoder"):
        export_onnx(saved, out=tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


@pytest.mark.parametrize("encoder", [ResNetV2(width=0.5, norm=GroupNormWS()), TimmModel(name="resnet18")], ids=str)
def test_other_networks_for_onnx_and_timm(tmp_path, encoder):
    save(tmp_path / "encoder", trained(encoder), encoder=encoder)
    for done in (
        export_onnx(tmp_path / "encoder", out=tmp_path / "onnx"),
        export_timm(tmp_path / "encoder", out=tmp_path / "timm"),
    ):
        assert done.difference is not None and done.largest is not None and done.difference < 1e-3 * done.largest


def test_timm_loads_what_the_snippet_says(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = export_timm(saved, out=Path("timm"))
    names: dict = {}
    exec(done.snippet, names)
    loaded = load_encoder(saved)
    with torch.no_grad():
        inputs = loaded.preprocess(images(2))
        torch.testing.assert_close(names["encoder"](inputs), loaded(inputs), rtol=1e-4, atol=1e-5)


def test_the_hub_reads_the_card(saved, tmp_path):
    from huggingface_hub import ModelCard

    score = CardScore("my \U0001f33c flowers", 'a "quoted" probe: #1', 0.875, (0.8, 0.9), 80, None, "")
    export_hub(saved, out=tmp_path / "hub", scores=[score], license="cc-by-4.0")
    card = ModelCard((tmp_path / "hub" / "README.md").read_text())
    assert (card.data.license, card.data.library_name, card.data.model_name) == ("cc-by-4.0", "timm", "VIVI-Ex(4)")
    (result,) = card.data.eval_results
    assert (result.dataset_name, result.task_name, result.metric_value) == (score.task, score.probe, 0.875)
    assert card.text.strip().startswith("# VIVI-Ex(4)")
