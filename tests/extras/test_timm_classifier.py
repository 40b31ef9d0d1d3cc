"""timm's classifiers beside timm itself, from files that are here: nothing is fetched. Run by `make test-extras`."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from tests.reference import vid_robust_folder as folder
from tests.reference.vid_robust_folder import frame

from vivi.core.errors import CheckpointError, ConfigError
from vivi.nn.timm_classifier import load_timm_classifier
from vivi.transfer.robust.frame_classifiers import open_classifier
from vivi.transfer.robust.judge import judge, load_centre

pytestmark = pytest.mark.extras
huggingface_hub = pytest.importorskip("huggingface_hub")
timm = pytest.importorskip("timm")
pytest.importorskip("timm.data")

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=1000).eval()


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "saved"
    path.mkdir()
    safetensors.torch.save_file(model.state_dict(), path / "model.safetensors")
    settings = {"tag": "mine", "input_size": [3, 64, 64], "mean": MEAN, "std": STD}
    record = {"architecture": "test_resnet", "num_classes": 1000, "pretrained_cfg": settings}
    (path / "config.json").write_text(json.dumps(record))
    return path


def test_a_folder_is_loaded_with_its_classifier(model, saved):
    found = load_timm_classifier(f"local-dir:{saved}")
    assert (found.name, found.image_size, found.outputs) == ("test_resnet.mine", 64, 1000)
    assert (found.mean, found.std) == (MEAN, STD)
    assert found.classes == tuple(timm.data.ImageNetInfo("imagenet-1k").label_names())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(found.module(images), model(images))
    opened = open_classifier(f"timm:local-dir:{saved}", device="cpu")
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    scaled = (pixels.float() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        assert torch.allclose(opened.logits(pixels), model(scaled), atol=1e-5)


def test_a_name_is_loaded_from_the_cache_alone(model, saved, monkeypatch):
    asked = []

    def cached(repository, file):
        asked.append((repository, file))
        return str(saved / "model.safetensors")

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    found = load_timm_classifier("test_resnet.r160_in1k")
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    assert found.name == "test_resnet.r160_in1k" and found.image_size == 160
    assert torch.equal(found.module.state_dict()["conv1.0.weight"], model.state_dict()["conv1.0.weight"])
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(CheckpointError, match="nothing is downloaded: fetch them once"):
        load_timm_classifier("test_resnet.r160_in1k")


def test_what_cannot_be_loaded_is_told(saved, tmp_path):
    with pytest.raises(ConfigError, match="no pretrained model 'test_resnt': did you mean test_resnet"):
        load_timm_classifier("test_resnt")
    with pytest.raises(CheckpointError, match=r"has no config.json"):
        load_timm_classifier(f"local-dir:{tmp_path}")
    (saved / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="timm cannot load"):
        load_timm_classifier(f"local-dir:{saved}")
    record = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(record | {"num_classes": 0}))
    empty = timm.create_model("test_resnet", num_classes=0)
    safetensors.torch.save_file(empty.state_dict(), saved / "model.safetensors")
    with pytest.raises(CheckpointError, match="has no classifier"):
        load_timm_classifier(f"local-dir:{saved}")


def test_its_classes_are_matched_by_wordnet_id(model, saved, tmp_path):
    groups = ((7, 8, 80), (404,), (151, 268))
    frames = [frame(video, number) for video in range(3) for number in range(2)]
    for number, name in enumerate(frames):
        (tmp_path / "vid" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (80, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "vid" / name)
    sets = {frame(video, 0): [frame(video, 1)] for video in range(3)}
    labels = {name: [1] for name in frames}
    root = folder.make(tmp_path / "vid", neighbours=sets, labels=labels, groups=groups)
    result = judge(f"timm:local-dir:{saved}", data=root, out=tmp_path / "r.json")
    assert result.encoder["matched"].startswith("by WordNet id")
    expected = {}
    for name in frames:
        pixels = torch.from_numpy(load_centre(root / name, 64))[None].float() / 255
        scaled = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        with torch.no_grad():
            logits = model(scaled)[0]
        best = [float(logits[list(each)].max()) for each in groups]
        expected[name] = best.index(max(best))
    counts = folder.slow_scores(expected, neighbours=sets, labels=labels)
    assert (result.outcome.pm0.correct, result.outcome.pm10.correct) == counts
