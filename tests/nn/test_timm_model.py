"""What TimmModel promises where timm is not installed; with timm it is tested by `make test-extras`."""

import sys

import pytest

from vivi.core import config
from vivi.core.errors import ConfigError
from vivi.nn.timm_model import TimmModel


@pytest.fixture
def without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)


def test_without_timm_one_line_says_what_to_install(without_timm):
    model = TimmModel(name="resnet18")
    for use in (model.build, lambda: model.feature_dim):
        with pytest.raises(ConfigError, match=r"needs the package timm.*pip install 'vivi\[timm\]'") as caught:
            use()
        assert "\n" not in str(caught.value)


def test_configuration_survives_json_without_timm(without_timm):
    model = TimmModel(name="vit_tiny_patch16_224", args=("depth=2", "global_pool=avg"), image_size=64)
    assert config.load(config.dump(model), TimmModel) == model


def test_timm_form_is_the_model_itself():
    form = TimmModel(name="vit_tiny_patch16_224", args=("depth=2", "global_pool=avg"), image_size=64).timm_form()
    assert form.architecture == "vit_tiny_patch16_224" and form.restore == ""
    assert form.model_args == {"img_size": 64, "depth": 2, "global_pool": "avg"}


@pytest.mark.parametrize(
    ("assignment", "text"),
    [
        ("name=hf-hub:somebody/net", "no tag and no hub"),
        ("name=resnet50.a1_in1k", "no tag and no hub"),
        ('args=["depth"]', "key=value"),
        ('args=["pretrained=true"]', "pretrained is not free"),
        ('args=["num_classes=7"]', "num_classes is not free"),
        ('args=["img_size=64"]', "image_size sets img_size"),
        ('args=["checkpoint_path=x"]', "not free"),
        ('args=["drop_rate=0.5"]', "args: drop_rate must be 0, .*got 'drop_rate=0.5'"),
        ('args=["depth=2","drop_path_rate=1e-3"]', "args: drop_path_rate must be 0"),
        ('args=["proj_drop_rate=0.1"]', "args: proj_drop_rate must be 0"),
        ('args=["attn_drop_rate=0.1"]', "args: attn_drop_rate must be 0"),
        ('args=["pos_drop_rate=1"]', "args: pos_drop_rate must be 0"),
        ('args=["patch_drop_rate=0.1"]', "args: patch_drop_rate must be 0"),
        ('args=["drop_block_rate=0.1"]', "args: drop_block_rate must be 0"),
        ('args=["drop_path_rates=[0,0.1]"]', "args: drop_path_rates must be 0"),
        ("image_size=0", "greater than or equal to 1"),
    ],
)
def test_illegal_fields_are_refused_without_timm(assignment, text, without_timm):
    with pytest.raises(ConfigError, match=text):
        config.override(TimmModel(name="resnet18"), [assignment])


def test_rates_of_nothing_are_legal(without_timm):
    args = ("drop_rate=0", "drop_path_rate=0.0", "drop_path_rates=[0, 0]", "drop_block_rate=null", "drop_last=true")
    assert TimmModel(name="resnet18", args=args).args == args
