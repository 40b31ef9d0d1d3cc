"""Files in the layouts of other code bases become encoders that compute what those networks compute."""

import numpy as np
import pytest
import torch
from tests.reference import published_networks as published
from tests.reference.checkpoint_files import write_bundle, write_caffemodel

from vivi.convert.conversion import LAYOUTS, convert
from vivi.convert.layout import width_of
from vivi.convert.resnets import S4L, BigTransfer
from vivi.core.crc32c import crc32c
from vivi.core.errors import CheckpointError, ConfigError
from vivi.nn.export import load_encoder
from vivi.nn.norm import BatchNorm, GroupNormWS
from vivi.nn.resnet_v2 import ResNetV2
from vivi.nn.resnet_v2_slim import SlimResNetV2
from vivi.nn.vgg import VGG16


def images(side: tuple[int, int] = (32, 32), seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (2, *side, 3))


def features(folder, x_NHWC: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return load_encoder(folder).double()(torch.from_numpy(x_NHWC.transpose(0, 3, 1, 2).copy())).numpy()


def drawn(network, **settings) -> dict[str, np.ndarray]:
    """The variables of a random network."""
    store = published.Store()
    network(store, images((33, 33)), **settings)
    return store.variables


def again(network, variables, x, **settings) -> np.ndarray:
    store = published.Store()
    store.variables = variables
    return network(store, x, **settings)


def saved(folder, variables) -> None:
    write_bundle(folder, variables, fast=crc32c)


SMALL = {"units": (2, 2, 2, 2), "channels": 8}
NETWORKS = {
    "bit": (published.bit, {"units": (2, 2, 2, 2), "channels": 32}, ResNetV2(depth=26, width=0.5, norm=GroupNormWS())),
    "s4l": (published.s4l, SMALL, ResNetV2(depth=26, width=0.125, norm=BatchNorm())),
    "rss": (published.revisiting, SMALL, ResNetV2(depth=26, width=0.125, norm=BatchNorm())),
    "slim": (published.slim, {"units": (2, 2, 2), "channels": 8}, SlimResNetV2(depth=26, width=0.125)),
}


@pytest.mark.parametrize("size", [(32, 32), (66, 47)])
@pytest.mark.parametrize("layout", NETWORKS)
def test_resnets_compute_what_their_sources_compute(layout, size, tmp_path):
    network, settings, encoder = NETWORKS[layout]
    variables = drawn(network, **settings)
    np.savez(tmp_path / "net.npz", **variables)
    summary = convert(tmp_path / "net.npz", out=tmp_path / "encoder")
    assert (summary.layout.name, summary.encoder, summary.left_out) == (layout, encoder, ())
    assert summary.taken == len(variables)
    moving = sum(values.size for name, values in variables.items() if "moving_" in name)
    assert summary.parameters == sum(values.size for values in variables.values()) - moving
    x = images(size)
    expected = again(network, variables, x, **settings)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(features(tmp_path / "encoder", x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (65, 47)])
@pytest.mark.parametrize("old", [False, True])
def test_vgg_computes_what_caffe_computes(size, old, tmp_path):
    layers = published.vgg16_layers(0, channels=8, dense=(16, 12))
    write_caffemodel(tmp_path / "net.caffemodel", layers, old=old)
    summary = convert(tmp_path / "net.caffemodel", out=tmp_path / "encoder")
    assert (summary.layout.name, summary.encoder) == ("caffe-vgg16", VGG16(width=0.125))
    assert [text.split()[0] for text in summary.left_out] == ["fc6/weight", "fc6/bias", "fc7/weight", "fc7/bias"]
    x = images(size)
    expected = published.vgg16(layers, x)
    np.testing.assert_allclose(features(tmp_path / "encoder", x), expected, rtol=1e-5, atol=1e-5)


def test_vgg_with_its_fully_connected_layers(tmp_path):
    layers = published.vgg16_layers(0, channels=8, dense=(16, 12))
    layers["fc8"] = [np.ones((5, 12), np.float32), np.ones(5, np.float32)]
    write_caffemodel(tmp_path / "net.caffemodel", layers, old=True)
    summary = convert(tmp_path / "net.caffemodel", out=tmp_path / "encoder", layout="caffe-vgg16-fc7")
    assert summary.encoder == VGG16(width=0.125, fully_connected=(16, 12))
    assert summary.left_out == ("fc8/weight (5, 12)", "fc8/bias (5,)")
    x = images((224, 224))[:1]
    expected = published.vgg16(layers, x, dense=True)
    np.testing.assert_allclose(features(tmp_path / "encoder", x), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="takes 224 x 224 images, got 32 x 32"):
        features(tmp_path / "encoder", images())


@pytest.mark.parametrize("layout", ["s4l", "rss", "slim"])
def test_a_hub_module_is_its_network_less_heads_and_optimiser(layout, tmp_path):
    network, settings, encoder = NETWORKS[layout]
    scope = "module/" if layout != "slim" else "resnet_v2_101/"
    variables = drawn(network, **settings, scope=scope)
    ones = np.ones
    root = next(name for name, values in variables.items() if values.ndim == 4)
    extra = {
        "global_step": np.array(7, np.int64),
        f"{root}/Momentum": ones(variables[root].shape, np.float32),
        "other_network/conv2d/kernel": ones((1, 1, 2, 2), np.float32),
        **{
            "s4l": {"module/head/conv2d/kernel": ones((1, 1, 256, 9)), "module/rotations/bias": ones(4)},
            "rss": {"module/conv2d_29/kernel": ones((1, 1, 256, 9)), "module/conv2d_29/bias": ones(9)},
            "slim": {
                f"{scope}block4/unit_1/bottleneck_v2/conv1/weights": ones((1, 1, 128, 4)),
                f"{scope}postnorm/gamma": ones(256), f"{scope}logits/biases": ones(9),
            },
        }[layout],
    }  # fmt: skip
    saved(tmp_path / "hub" / "variables" / "variables", variables | extra)
    summary = convert(tmp_path / "hub", out=tmp_path / "encoder", name="From the hub")
    assert summary.encoder == encoder and {text.split(" (")[0] for text in summary.left_out} == set(extra)
    x = images()
    expected = again(network, variables, x, **settings, scope=scope)
    np.testing.assert_allclose(features(tmp_path / "encoder", x), expected, rtol=1e-5, atol=1e-5)
    loaded = load_encoder(tmp_path / "encoder")
    assert loaded.name == "From the hub" and loaded.image_size == 224
    assert loaded.details == {"converted from": "hub", "layout": layout, "variables left out": len(extra)}


def test_bit_files_that_number_their_convolutions_and_have_a_head(tmp_path):
    network, settings, _ = NETWORKS["bit"]
    variables = drawn(network, **settings)
    numbered = {
        name.replace("standardized_conv2d", f"standardized_conv2d_{number}") if "a/proj" in name else name: values
        for number, (name, values) in enumerate(variables.items())
    }
    assert numbered.keys() != variables.keys()
    head = {"resnet/head/conv2d/kernel": np.zeros((1, 1, 1024, 7)), "resnet/head/conv2d/bias": np.zeros(7)}
    np.savez(tmp_path / "BiT-S.npz", **numbered, **head)
    summary = convert(tmp_path / "BiT-S.npz", out=tmp_path / "encoder")
    assert summary.left_out == ("resnet/head/conv2d/kernel (1, 1, 1024, 7)", "resnet/head/conv2d/bias (7,)")
    expected = again(network, variables, images(), **settings)
    np.testing.assert_allclose(features(tmp_path / "encoder", images()), expected, rtol=1e-5, atol=1e-5)
    assert load_encoder(tmp_path / "encoder").name == "BiT-S"


@pytest.mark.parametrize(("units", "depth"), [((3, 4, 6, 3), 50), ((3, 4, 23, 3), 101)])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize(("layout", "unit"), [(BigTransfer(), "unit{:02d}"), (S4L(), "unit{}")])
def test_depth_and_width_are_read_off_names_and_shapes(layout, unit, width, units, depth):
    names = [f"block{b}/{unit.format(u)}/x" for b, count in enumerate(units, start=1) for u in range(1, count + 1)]
    root = f"root_block/{layout.convolution}/kernel"
    variables = {root: np.empty((7, 7, 3, 64 * width)), **{name: np.empty(0) for name in names}}
    assert layout.plan(variables)[0] == ResNetV2(depth=depth, width=width, norm=layout.norm)


def test_width_of_the_root():
    assert width_of(np.empty((7, 7, 3, 192)), what="root") == 3
    for channels in (60, 4, 4096):
        with pytest.raises(CheckpointError, match=f"root has {channels} channels.*multiples of 0.125"):
            width_of(np.empty((7, 7, 3, channels)), what="root")


def refused(tmp_path, variables, text, **settings):
    np.savez(tmp_path / "net.npz", **variables)
    with pytest.raises(CheckpointError, match=text) as caught:
        convert(tmp_path / "net.npz", out=tmp_path / "encoder", **settings)
    assert "\n" not in str(caught.value) and not (tmp_path / "encoder").exists()


@pytest.fixture(scope="module")
def s4l_variables():
    return drawn(published.s4l, **SMALL)


NORM = "module/block2/unit1/b/batch_normalization/gamma"
KERNEL = "module/block2/unit1/b/conv2d/kernel"


def test_whatever_does_not_fit_is_named_with_its_shape(tmp_path, s4l_variables):
    ok = s4l_variables
    lost = {name: values for name, values in ok.items() if name not in (NORM, KERNEL)}
    names = r"block2/unit1/b/batch_normalization/gamma \(16,\).* block2/unit1/b/conv2d/kernel \(3, 3, 16, 16\)"
    named = "2 variables of ResNetV2.* are missing"
    refused(tmp_path, lost, named)
    with pytest.raises(CheckpointError) as caught:
        convert(tmp_path / "net.npz", out=tmp_path / "encoder")
    assert all(part in str(caught.value) for part in names.replace("\\", "").split(".*"))
    refused(tmp_path, ok | {KERNEL: np.zeros((3, 3, 16, 24))}, r"b/conv2d/kernel has shape \(3, 3, 16, 24\).*16, 16\)")
    refused(tmp_path, ok | {"module/block2/unit1/d/bias": np.zeros(3)}, r"1 variables have no place.*d/bias \(3,\)")
    many = {f"module/block9/unit{number}/x/y": np.zeros(3) for number in range(9)}
    refused(tmp_path, ok | many, "9 variables have no place.* and 4 more")


def test_networks_of_other_depth_and_width(tmp_path, s4l_variables):
    root = "module/root_block/conv2d/kernel"
    refused(tmp_path, s4l_variables | {root: np.zeros((7, 7, 3, 12))}, "has 12 channels.* multiples of 0.125")
    more = {"module/block3/unit3/a/conv2d/kernel": np.zeros(3)}
    refused(tmp_path, s4l_variables | more, r"2, 2, 3, 2 units: vivi has .*3, 4, 6, 3 \(depth 50\)")
    first_version = {**drawn(published.revisiting, **SMALL), "batch_normalization_25/gamma": np.zeros(3)}
    refused(tmp_path, first_version, "26 batch norms, a ResNet v2 of depth 26, 50 or 101 has 25, 49 or 100")


REAL = "legal are finite floating or integer numbers up to 3.4e38"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.full(16, "gamma"), "is of type <U5"),
        (np.full(16, b"gamma"), r"is of type \|S5"),
        (np.zeros(16, [("a", "<f4"), ("b", "<i4")]), r"is of type \[\('a', '<f4'\), \('b', '<i4'\)\]"),
        (np.zeros(16, "V2"), r"is of type \|V2"),
        (np.ones(16, np.complex64), "is of type complex64"),
        (np.ones(16, bool), "is of type bool"),
        (np.zeros(16, "datetime64[s]"), r"is of type datetime64\[s\]"),
        (np.zeros(16, "timedelta64[s]"), r"is of type timedelta64\[s\]"),
        (np.r_[np.ones(15), np.nan], r"\(float64\) holds NaN or infinity"),
        (np.r_[np.ones(15, np.float16), np.float16(-np.inf)], r"\(float16\) holds NaN or infinity"),
        (np.r_[np.ones(15), 1e300], r"\(float64\) holds numbers beyond float32"),
        (np.r_[np.ones(15), -3.5e38], r"\(float64\) holds numbers beyond float32"),
    ],
)
def test_only_finite_real_numbers_go_into_an_encoder(values, text, tmp_path, s4l_variables):
    refused(tmp_path, s4l_variables | {NORM: values}, f"read as s4l: {NORM.removeprefix('module/')} .*{text}: {REAL}")


@pytest.mark.parametrize("kind", ["<f2", ">f4", "<f8", ">f8", "g", "i1", "u1", ">i4", "<i8", "<u8"])
def test_every_kind_of_real_number_goes_into_an_encoder(kind, tmp_path, s4l_variables):
    values = np.arange(16).astype(kind)
    np.savez(tmp_path / "net.npz", **(s4l_variables | {NORM: values}))
    convert(tmp_path / "net.npz", out=tmp_path / "encoder")
    norms = [each for each in load_encoder(tmp_path / "encoder").state_dict().values() if each.shape == (16,)]
    assert sum(torch.equal(each, torch.arange(16.0)) for each in norms) == 1


def test_what_is_left_out_may_be_anything(tmp_path, s4l_variables):
    extra = {"author": np.array("someone"), "module/head/conv2d/bias": np.array([np.nan])}
    np.savez(tmp_path / "net.npz", **s4l_variables, **extra)
    assert len(convert(tmp_path / "net.npz", out=tmp_path / "encoder").left_out) == 2


@pytest.mark.parametrize("size", [-5, 0, 1, 31])
def test_sizes_of_images_that_cannot_be(size, tmp_path, s4l_variables):
    np.savez(tmp_path / "net.npz", **s4l_variables)
    with pytest.raises(ConfigError, match=f"^--image-size {size}: must be at least 32 pixels$"):
        convert(tmp_path / "net.npz", out=tmp_path / "encoder", image_size=size)
    assert not (tmp_path / "encoder").exists()
    convert(tmp_path / "net.npz", out=tmp_path / "encoder", image_size=32)


@pytest.mark.parametrize("scopes", [("ema/", "resnet/"), ("", "ema/"), ("net/", "net/ema/")])
def test_of_several_networks_one_is_chosen_by_its_scope(scopes, tmp_path):
    drawings = {scope: drawn(published.s4l, **SMALL, scope=scope) for scope in scopes}
    for offset, variables in enumerate(drawings.values()):
        for name in variables:
            if name.endswith("kernel"):
                variables[name] = variables[name] * (1 + offset)
    both = {name: values for variables in drawings.values() for name, values in variables.items()}
    refused(tmp_path, both, rf"holds 2 networks, '{scopes[0]}' \(s4l\), '{scopes[1]}' \(s4l\): choose .* with --scope")
    refused(tmp_path, both, "no network in the scope 'nowhere', it has '", scope="nowhere")
    for scope, variables in drawings.items():
        summary = convert(tmp_path / "net.npz", out=tmp_path / f"of {scope[:-1]}", name="net", scope=scope.rstrip("/"))
        others = both.keys() - variables.keys()
        assert {text.split(" (")[0] for text in summary.left_out} == others and summary.taken == len(variables)
        expected = again(published.s4l, variables, images(), **SMALL, scope=scope)
        np.testing.assert_allclose(features(summary.folder, images()), expected, rtol=1e-5, atol=1e-5)


def test_of_networks_of_several_layouts_one_is_chosen_too(tmp_path, s4l_variables):
    slim = drawn(published.slim, units=(2, 2, 2), channels=8, scope="module/")
    refused(tmp_path, s4l_variables | slim, r"2 networks, 'module/' \(s4l\), 'module/' \(slim\): .* with --layout")
    slim = drawn(published.slim, units=(2, 2, 2), channels=8, scope="other/")
    refused(tmp_path, s4l_variables | slim, r"2 networks, 'module/' \(s4l\), 'other/' \(slim\): .* with --scope")
    assert convert(tmp_path / "net.npz", out=tmp_path / "a", layout="s4l").layout.name == "s4l"
    assert convert(tmp_path / "net.npz", out=tmp_path / "b", scope="other").layout.name == "slim"


def test_layouts_that_are_not_known_or_not_those_of_the_file(tmp_path, s4l_variables):
    refused(tmp_path, {"a/b": np.zeros(3)}, r"of no layout that vivi knows \(a/b \(3,\)\): it knows Big Transfer")
    refused(tmp_path, s4l_variables, r"read as slim: it has no variable block1/unit_1", layout="slim")
    layers = published.vgg16_layers(0, channels=8)
    write_caffemodel(tmp_path / "net.caffemodel", layers)
    with pytest.raises(CheckpointError, match="fc6/bias is missing: convert with the layout caffe-vgg16"):
        convert(tmp_path / "net.caffemodel", out=tmp_path / "encoder", layout="caffe-vgg16-fc7")
    with pytest.raises(ConfigError, match="no layout is named 'cafe': choose one of bit, s4l"):
        convert(tmp_path / "net.caffemodel", out=tmp_path / "encoder", layout="cafe")
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)


def test_another_encoder_is_not_overwritten(tmp_path, s4l_variables):
    np.savez(tmp_path / "net.npz", **s4l_variables)
    convert(tmp_path / "net.npz", out=tmp_path / "encoder", name="first")
    with pytest.raises(CheckpointError, match="holds the encoder 'first', not 'second'"):
        convert(tmp_path / "net.npz", out=tmp_path / "encoder", name="second")
