"""TimmModel beside timm itself: the same functions, our batch norms, the same run again. Run by `make test-extras`."""

import copy
import json

import numpy as np
import pytest
import torch
from tests.reference import published_networks as published
from torch import nn

from vivi.convert.conversion import convert
from vivi.core.errors import ConfigError
from vivi.nn.export import load_encoder, random_twin, save_encoder
from vivi.nn.norm import GroupedBatchNorm, GroupNormWS, commit_running_averages, norm_groups
from vivi.nn.resnet_v2 import ResNetV2
from vivi.nn.timm_model import TimmModel, _refuse_random_layers

pytestmark = pytest.mark.extras

MODELS = [
    TimmModel(name="test_resnet"),
    TimmModel(name="resnet18", args=("layers=[1, 1, 1, 1]",)),
    TimmModel(name="test_efficientnet"),  # BatchNormAct2d
    TimmModel(name="mobilenetv3_small_050"),  # features wider than its last stage
    TimmModel(name="levit_128s", image_size=64),  # BatchNorm1d over tokens; buffers that no file holds
    TimmModel(name="vit_tiny_patch16_224", args=("depth=2",), image_size=64),
    TimmModel(
        name="swin_tiny_patch4_window7_224",
        args=("depths=[1, 2, 1, 1]", "embed_dim=24", "drop_path_rate=0"),
        image_size=112,
    ),
    TimmModel(name="convnext_atto"),
]
WITH_BATCH_NORM = MODELS[:5]


def images(model: TimmModel, count: int, *, seed: int = 2) -> torch.Tensor:
    side = model.image_size or 64
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def made(model: TimmModel, *, seed: int = 1) -> nn.Module:
    return model.build(generator=torch.Generator().manual_seed(seed))


def timms_own(model: TimmModel) -> nn.Module:
    import timm

    form = model.timm_form()
    return timm.create_model(form.architecture, pretrained=False, num_classes=0, **form.model_args)


def moved(module: nn.Module, x: torch.Tensor) -> nn.Module:
    """Running averages away from where they start."""
    for layer in module.modules():
        if isinstance(layer, GroupedBatchNorm):
            layer.momentum = 1.0
    module.train()(x)
    commit_running_averages(module)
    return module.eval()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_evaluation_equals_timm_with_the_same_tensors(model):
    ours, theirs, x = moved(made(model), images(model, 8)), timms_own(model).eval(), images(model, 2)
    theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        features = ours.double()(x.double())
        assert features.shape == (2, model.feature_dim) and ours.feature_dim == model.feature_dim
        torch.testing.assert_close(features, theirs.double()(x.double()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("model", WITH_BATCH_NORM, ids=lambda model: model.name)
def test_norm_groups_equal_timm_on_each_group_alone(model):
    ours, theirs = made(model).double(), timms_own(model).double()
    theirs.load_state_dict(ours.state_dict())
    x = images(model, 12).double()
    with norm_groups(ours, 3):
        grouped = ours.train()(x)
    alone = torch.cat([theirs.train()(part) for part in x.chunk(3)])
    torch.testing.assert_close(grouped, alone, rtol=1e-9, atol=1e-9)
    whole = ours(x)
    assert (whole - grouped).abs().max() > 1e-3
    assert not any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in ours.modules())
    weights = torch.randn_like(whole)
    gradients = []
    for module in (ours, theirs):
        module.zero_grad()
        (module(x) * weights).sum().backward()
        gradients.append([each.grad for each in module.parameters() if each.grad is not None])
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-7)


def test_running_averages_move_once_a_step_by_timms_momentum():
    model = MODELS[0]
    ours, theirs, x = made(model), timms_own(model), images(model, 8)
    theirs.load_state_dict(ours.state_dict())
    before = ours.bn1.running_mean.clone()
    ours.train()(x), theirs.train()(x)
    assert torch.equal(ours.bn1.running_mean, before)
    commit_running_averages(ours)
    torch.testing.assert_close(dict(ours.state_dict()), dict(theirs.state_dict()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_weights_depend_on_the_generator_only_and_the_global_one_stays(model):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = made(model).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    again, other = made(model).state_dict(), made(model, seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_an_encoder_folder_comes_back_and_is_timms_own_model(model, tmp_path):
    import timm

    module, x = moved(made(model), images(model, 8)), images(model, 2)
    side = x.shape[-1]
    save_encoder(tmp_path / "e", module, encoder=model, image_size=side, name="test", card="A test.", details={})
    theirs = timm.create_model(f"local-dir:{tmp_path / 'e'}", pretrained=True, num_classes=0).eval()
    loaded = load_encoder(tmp_path / "e")
    stored = json.loads((tmp_path / "e" / "config.json").read_text())
    assert stored["architecture"] == model.name and stored["num_features"] == model.feature_dim
    with torch.no_grad():
        expected = module(x)
        torch.testing.assert_close(loaded(x), expected)
        torch.testing.assert_close(theirs(x), expected)
    assert not torch.equal(random_twin(loaded, seed=3)(x), expected)


def test_autocast_gives_float32_features():
    model = MODELS[0]
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert made(model).eval()(images(model, 2)).dtype == torch.float32


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (TimmModel(name="resnet51x"), "no model 'resnet51x': did you mean resnet5"),
        (TimmModel(name="resnet18", image_size=64), "timm cannot build resnet18.*img_size"),
        (TimmModel(name="resnet18", args=("colour=red",)), "timm cannot build resnet18.*colour"),
        (TimmModel(name="swin_tiny_patch4_window7_224"), "drops at random .*drop_path_rate=0"),
        (TimmModel(name="ghostnetv3_050"), r"drops at random \(GhostNet.drop_rate = 0.2\).* drop_rate=0"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(model, text):
    with pytest.raises(ConfigError, match=text):
        model.build()


@pytest.mark.parametrize("args", [{"drop_rate": 0.5}, {"drop_path_rate": 0.1}, {"drop_block_rate": 0.1}])
def test_no_built_model_drops_at_random_whatever_its_arguments_were(args):
    import timm

    with pytest.raises(ConfigError, match="drops at random"):
        _refuse_random_layers(timm.create_model("resnet10t", num_classes=0, **args), "resnet10t")


@pytest.mark.parametrize(
    ("model", "side", "text"),
    [
        (TimmModel(name="vit_tiny_patch16_224", args=("depth=1",)), 48, "=null .* 48 x 48 pixels .*model \\(224\\)"),
        (TimmModel(name="vit_tiny_patch16_224", args=("depth=1",), image_size=50), 48, "=50 .* 48 x 48 .*model \\(50"),
        (TimmModel(name="inception_v3"), 48, "=null .* 48 x 48 pixels .*Kernel size"),
    ],
)
@pytest.mark.parametrize("train", [True, False])
def test_sizes_that_a_model_does_not_take_are_said_in_one_line(model, side, text, train):
    module = made(model).train(train)
    with pytest.raises(ConfigError, match=f"timm's {model.name} with encoder.image_size{text}") as caught:
        module(torch.zeros(4, 3, side, side))
    assert f"set encoder.image_size={side}" in str(caught.value) and "\n" not in str(caught.value)
    assert all(layer.training == train for layer in module.modules())


def test_other_failures_of_a_pass_are_not_blamed_on_the_size(monkeypatch):
    module = made(MODELS[0])
    with pytest.raises(RuntimeError, match=r"dtype|type"):
        module(torch.zeros(2, 3, 64, 64, dtype=torch.float64))

    def full(*_):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(module.conv1, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        module(torch.zeros(2, 3, 64, 64))


def test_a_copy_is_a_model_of_its_own():
    module, x = made(MODELS[0]).eval(), images(MODELS[0], 2)
    twin, before = copy.deepcopy(module), module(x)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert torch.equal(twin(x), before) and not torch.equal(module(x), before)


def test_maps_instead_of_features_are_refused():
    with pytest.raises(ConfigError, match="not features of"):
        TimmModel(name="test_resnet", args=("global_pool=",)).build().eval()(torch.zeros(1, 3, 64, 64))


def test_timms_own_reader_of_bit_files_puts_every_tensor_where_ours_does(tmp_path):
    import timm

    store = published.Store()
    published.bit(store, np.zeros((1, 33, 33, 3)), units=(3, 4, 6, 3), channels=64)
    head = {"resnet/head/conv2d/kernel": np.ones((1, 1, 2048, 5)), "resnet/head/conv2d/bias": np.ones(5)}
    np.savez(tmp_path / "bit.npz", **store.variables, **{name: each.astype(np.float32) for name, each in head.items()})
    theirs = timm.create_model("resnetv2_50x1_bit", pretrained=False, num_classes=5)
    theirs.load_pretrained(str(tmp_path / "bit.npz"))
    summary = convert(tmp_path / "bit.npz", out=tmp_path / "encoder")
    assert summary.encoder == ResNetV2(norm=GroupNormWS()) and summary.parameters == 23_500_352
    ours = load_encoder(tmp_path / "encoder").encoder.state_dict()
    expected = {name: each for name, each in theirs.state_dict().items() if not name.startswith("head.")}
    torch.testing.assert_close(dict(ours), expected, rtol=1e-6, atol=0)
