"""Our encoder and timm's, layer for layer: the same tensors give the same features, in both directions.

Comparisons are in float64, where two right networks agree to rounding; float32 is compared at the size of its own
rounding noise. Run by `make test-extras`; without timm these tests fail, they do not skip.
"""

import pytest
import torch
from torch import nn

from vivi.nn.export import load_encoder, save_encoder
from vivi.nn.norm import (
    TIMM_NORM_EPS,
    TIMM_WEIGHT_EPS,
    BatchNorm,
    GroupedBatchNorm,
    GroupNormWS,
    commit_running_averages,
)
from vivi.nn.resnet_v2 import ResNetV2

pytestmark = pytest.mark.extras

EXPORTS = [
    ResNetV2(),
    ResNetV2(norm=GroupNormWS()),
    ResNetV2(depth=18, width=0.25),
    ResNetV2(depth=18, width=0.125, norm=BatchNorm(eps=0.1)),
    ResNetV2(depth=26, width=0.5),
    ResNetV2(depth=101, width=0.375),
    ResNetV2(depth=50, width=0.5, norm=GroupNormWS()),
    ResNetV2(depth=101, width=0.5, norm=GroupNormWS(weight_eps=1e-6)),
]


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(2)) * 2 - 1


def lived_in(encoder: ResNetV2) -> nn.Module:
    """A network whose scales, shifts and running averages are all away from where they start."""
    generator = torch.Generator().manual_seed(1)
    module = encoder.build(generator=generator)
    for name, tensor in module.named_parameters():
        if tensor.ndim == 1:
            low, high = (0.5, 1.5) if name.endswith("weight") else (-0.3, 0.3)
            tensor.uniform_(low, high, generator=generator)
    for layer in module.modules():
        if isinstance(layer, GroupedBatchNorm):
            layer.momentum = 1.0
    with torch.enable_grad():
        module.train()(torch.randn(4, 3, 64, 64, generator=generator))
    commit_running_averages(module)
    return module.eval()


def exported(encoder: ResNetV2, module: nn.Module, folder) -> nn.Module:
    import timm

    save_encoder(folder, module, encoder=encoder, image_size=64, name="test", card="A test.", details={})
    return timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()


def largest_difference(ours: nn.Module, theirs: nn.Module, x: torch.Tensor) -> float:
    return (ours(x) - theirs(x)).abs().max().item()


@pytest.mark.parametrize("encoder", EXPORTS, ids=str)
def test_timm_reads_an_encoder_folder_and_gives_its_features(encoder, tmp_path):
    module = lived_in(encoder)
    theirs = exported(encoder, module, tmp_path / "encoder")
    assert theirs.num_features == encoder.feature_dim
    assert theirs.pretrained_cfg["tag"] == "vivi" and "hf_hub_id" not in theirs.pretrained_cfg
    x = images(2, 3, 64, 64)
    loaded = load_encoder(tmp_path / "encoder")
    features, single = module(x), largest_difference(module, theirs, x)
    double = largest_difference(module.double(), theirs.double(), x.double())
    again = largest_difference(module, loaded.double(), x.double())
    noise = (features - module(x.double())).abs().max().item()
    print(f"\n{encoder}: float64 {double:.1e}, load_encoder {again:.1e}, float32 {single:.1e}, its noise {noise:.1e}")
    assert double < 1e-5 and again < 1e-5 and single < 4 * noise + 1e-6


@pytest.mark.parametrize(
    ("encoder", "name", "arguments"),
    [
        (ResNetV2(norm=BatchNorm(eps=TIMM_NORM_EPS)), "resnetv2_50", {"stem_type": "fixed"}),
        (ResNetV2(norm=GroupNormWS(weight_eps=TIMM_WEIGHT_EPS)), "resnetv2_50x1_bit", {}),
    ],
    ids=["resnetv2_50", "resnetv2_50x1_bit"],
)
def test_the_same_tensors_and_epsilons_give_the_same_features_at_224(encoder, name, arguments):
    import timm

    torch.manual_seed(0)  # timm draws its weights from the global generator
    theirs = timm.create_model(name, pretrained=False, num_classes=0, **arguments).eval()
    ours = encoder.build().eval()
    ours.load_state_dict(theirs.state_dict())
    x = images(1, 3, 224, 224)
    single = largest_difference(ours, theirs, x)
    double = largest_difference(ours.double(), theirs.double(), x.double())
    size = ours(x.double()).abs().max().item()
    print(f"\n{name}: float64 {double:.1e}, float32 {single:.1e}, largest feature {size:.2f}")
    assert single < 1e-5 * max(1.0, size) and double < 1e-12


@pytest.mark.parametrize("name", ["resnetv2_50x3_bit", "resnetv2_101x1_bit", "resnetv2_101x3_bit"])
def test_names_and_shapes_of_the_wide_and_deep_models(name):
    import timm

    depth, width = name.removeprefix("resnetv2_").removesuffix("_bit").split("x")
    with torch.device("meta"):
        theirs = timm.create_model(name, pretrained=False, num_classes=0)
        ours = ResNetV2(depth=int(depth), width=int(width), norm=GroupNormWS()).build()
    shapes = [{key: value.shape for key, value in each.state_dict().items()} for each in (ours, theirs)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("encoder", [ResNetV2(depth=18, width=0.25), ResNetV2(width=0.5, norm=GroupNormWS())], ids=str)
def test_the_cards_statements_restore_our_epsilons_in_timm(encoder, tmp_path):
    module = lived_in(encoder)
    theirs = exported(encoder, module, tmp_path / "encoder")
    form = encoder.timm_form()
    assert form.restore in (tmp_path / "encoder" / "README.md").read_text()
    exec(form.restore, {"torch": torch, "encoder": theirs})
    restored, x = theirs.state_dict(), images(2, 3, 64, 64).double()
    torch.testing.assert_close(dict(restored), dict(module.state_dict()))
    assert largest_difference(module.double(), theirs.double(), x) < 1e-5


def test_the_difference_in_weight_epsilon_is_not_negligible(tmp_path):
    """Why exports scale the filters: the same tensors under timm's epsilon are off by more than 1e-5."""
    import timm

    ours = ResNetV2(norm=GroupNormWS()).build(generator=torch.Generator().manual_seed(3)).eval()
    theirs = timm.create_model("resnetv2_50x1_bit", pretrained=False, num_classes=0).eval()
    theirs.load_state_dict(ours.state_dict())
    assert largest_difference(ours.double(), theirs.double(), images(1, 3, 64, 64).double()) > 1e-5
