"""Whose encoder is judged: folders, functions, and what is said where they are not usable."""

from pathlib import Path

import pytest
import torch
from tests.reference import tiny_networks
from tests.reference.tiny_networks import FIXED, FLAT, PLAIN

from vivi.core.errors import ViviError
from vivi.nn.export import load_encoder
from vivi.transfer.vtab.backbones import open_backbone, preserved, weights_fingerprint

MODULE = "python:tests.reference.tiny_networks:"


def test_an_encoder_folder(encoder_folder: Path) -> None:
    backbone, loaded = open_backbone(str(encoder_folder)), load_encoder(encoder_folder)
    assert (backbone.name, backbone.fingerprint) == (loaded.name, loaded.fingerprint)
    assert (backbone.feature_dim, backbone.image_size) == (loaded.feature_dim, 24)
    images = torch.randint(0, 256, (3, 3, 24, 24), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(backbone.module.eval()(backbone.preprocess(images)), loaded(images.float() / 127.5 - 1))
    backbone.check_size(24)
    backbone.check_size(40)


def test_a_function_of_the_users() -> None:
    backbone = open_backbone(FLAT)
    assert (backbone.name, backbone.feature_dim, backbone.image_size) == ("tests.reference.tiny_networks:flat", 6, None)
    assert backbone.fingerprint == open_backbone(FLAT).fingerprint
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    assert backbone.preprocess(images).flatten().tolist() == [-1, 1]
    assert open_backbone(f"{MODULE}standardised").preprocess(images).flatten().tolist() == [0, 1]


def test_the_fingerprint_sees_every_tensor() -> None:
    module = tiny_networks.flat()
    before = weights_fingerprint(module)
    module.norm.running_var[2] += 1e-3
    assert weights_fingerprint(module) != before


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("nowhere/encoder", "there is no encoder nowhere/encoder: give an encoder folder, timm:NAME"),
        ("python:only_a_module", "write it as python:MODULE:FUNCTION"),
        ("python:no_such_module_here:f", "ModuleNotFoundError: No module named 'no_such_module_here'; mend"),
        (f"{MODULE}absent", "AttributeError"),
        (f"{MODULE}broken", "RuntimeError: no weights here; mend the function"),
        (f"{MODULE}featureless", "must have the whole number `feature_dim`"),
        ("timm:local-dir:nowhere", "nowhere has no config.json|needs the package timm"),
    ],
)
def test_what_is_not_usable_is_said_in_one_line(spec: str, text: str) -> None:
    with pytest.raises(ViviError, match=text) as caught:
        open_backbone(spec)
    assert "\n" not in str(caught.value)


def test_images_of_the_wrong_size_are_refused_with_the_right_one() -> None:
    backbone = open_backbone(FIXED)
    backbone.check_size(12)
    with pytest.raises(
        ViviError, match=r"does not take images of 24 x 24 .*made for 12, set .* image_size=12"
    ) as caught:
        backbone.check_size(24)
    assert "\n" not in str(caught.value)


def test_features_of_the_wrong_shape_are_refused() -> None:
    backbone = open_backbone(FLAT)
    backbone.module.norm = torch.nn.Flatten(2)
    with pytest.raises(ViviError, match=r"gives|does not take"):
        backbone.check_size(8)
    assert backbone.module.training


@pytest.mark.parametrize("spec", [FLAT, PLAIN])
def test_what_is_preserved(spec: str) -> None:
    module = open_backbone(spec).module.eval()
    module.conv.weight.requires_grad_(False)
    module.register_buffer("unsaved", torch.ones(2), persistent=False)
    before = {name: each.clone() for name, each in module.state_dict().items()}
    with preserved(module):
        assert module.conv.weight.requires_grad
        module.train()(torch.randn(4, 3, 8, 8)).sum().backward()
        with torch.no_grad():
            for tensor in (*module.parameters(), module.unsaved):
                tensor.fill_(float("nan"))
    assert all(torch.equal(before[name], each) for name, each in module.state_dict().items())
    assert module.unsaved.tolist() == [1, 1]
    assert not module.training and not module.conv.weight.requires_grad and module.norm.weight.requires_grad
    assert all(parameter.grad is None for parameter in module.parameters())
    assert spec == PLAIN or module.norm.take_recorded() is None
