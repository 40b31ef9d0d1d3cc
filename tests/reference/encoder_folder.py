"""Small encoder folders, and what is done to them in tests."""

import json

import pytest
import torch

from vivi.core.errors import CheckpointError
from vivi.core.files import sha256_file
from vivi.nn.export import load_encoder, save_encoder
from vivi.nn.norm import commit_running_averages
from vivi.nn.resnet_v2 import ResNetV2

SMALL = ResNetV2(depth=18, width=0.125)


def trained(encoder=SMALL, seed=0):
    generator = torch.Generator().manual_seed(seed)
    module = encoder.build(generator=generator)
    module(torch.randn(8, 3, 32, 32, generator=generator))
    commit_running_averages(module)
    return module.eval()


def save(folder, module=None, *, encoder=SMALL, name="VIVI-Ex(4)", **more):
    facts = {"steps": 12, "a|b": "line\nbreak"}
    module = trained(encoder) if module is None else module
    card = "Made by a *test*."
    save_encoder(folder, module, encoder=encoder, image_size=32, name=name, card=card, details=facts, **more)
    return module


def resign(folder):
    """Make the manifest agree with the files, as a forger would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"] = {name: sha256_file(folder / name) for name in manifest["sha256"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def one_line(path, text):
    with pytest.raises(CheckpointError, match=text) as caught:
        load_encoder(path)
    assert "\n" not in str(caught.value)
