"""Models of timm as encoders to judge: random weights, weights in a folder, sizes. Run by `make test-extras`."""

import pytest
import torch
from safetensors.torch import load_file
from tests.reference.encoder_folder import save

from vivi.core.errors import CheckpointError, ViviError
from vivi.core.seeds import torch_generator
from vivi.nn.timm_model import TimmModel
from vivi.transfer.vtab.backbones import open_backbone

pytestmark = pytest.mark.extras


def test_random_weights_by_name():
    backbone = open_backbone("timm:random:test_resnet")
    module = TimmModel(name="test_resnet").build(generator=torch_generator(0, step=0, purpose="encoder"))
    assert backbone.feature_dim == module.feature_dim
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, backbone.module.state_dict()[name])
    assert backbone.fingerprint == open_backbone("timm:random:test_resnet").fingerprint
    backbone.check_size(64)


def test_a_vit_of_one_size_refuses_images_of_another_in_one_line():
    backbone = open_backbone("timm:random:vit_tiny_patch16_224")
    backbone.check_size(224)
    with pytest.raises(ViviError, match=r"does not take images of 64 x 64 pixels .*--set image_size=") as caught:
        backbone.check_size(64)
    assert "\n" not in str(caught.value)


def test_a_name_alone_means_pretrained_weights_and_nothing_is_downloaded(monkeypatch, tmp_path):
    saved(tmp_path / "m")
    with pytest.raises(CheckpointError, match=r"the weights of timm's resnet50.a1_in1k are not here and nothing is"):
        open_backbone("timm:resnet50.a1_in1k")
    with pytest.raises(ViviError, match=r"timm has no pretrained model 'resnet_50'.*did you mean"):
        open_backbone("timm:resnet_50")
    monkeypatch.setattr("vivi.nn.timm_classifier._cached", lambda _: str(tmp_path / "m" / "model.safetensors"))
    backbone = open_backbone("timm:test_resnet.r160_in1k")
    images_BCHW = torch.rand(2, 3, 64, 64)
    theirs = saved(tmp_path / "again")
    theirs.load_state_dict(load_file(tmp_path / "m" / "model.safetensors"))
    theirs.reset_classifier(0)
    assert torch.equal(backbone.module.eval()(images_BCHW), theirs(images_BCHW))
    assert backbone.feature_dim == theirs.num_features


def saved(folder, **settings):
    import timm

    model = timm.create_model("test_resnet", pretrained=False, num_classes=7)
    model.pretrained_cfg = model.pretrained_cfg | settings
    timm.models.save_for_hf(model, folder, model_config=settings, safe_serialization=True)
    return model.eval()


def test_weights_in_a_folder_with_their_own_preprocessing(tmp_path):
    model = saved(tmp_path / "m", mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    backbone = open_backbone(f"timm:local-dir:{tmp_path / 'm'}")
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)))
    with torch.no_grad():
        expected = model.forward_head(model.forward_features((images / 255 - mean) / std), pre_logits=True)
        assert torch.allclose(backbone.module.eval()(backbone.preprocess(images)), expected, atol=1e-6)
    assert "(" not in backbone.fingerprint and "0.2" in backbone.preprocessing


def test_our_own_encoder_folder_through_timm(tmp_path):
    module = save(tmp_path / "encoder")
    backbone = open_backbone(f"timm:local-dir:{tmp_path / 'encoder'}")
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        ours = module(images / 127.5 - 1)
        assert torch.allclose(backbone.module.eval()(backbone.preprocess(images)), ours, atol=1e-4)
    assert backbone.image_size == 32


def test_weights_that_are_not_safetensors_are_refused(tmp_path):
    saved(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").rename(tmp_path / "m" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"has no \*\.safetensors"):
        open_backbone(f"timm:local-dir:{tmp_path / 'm'}")
