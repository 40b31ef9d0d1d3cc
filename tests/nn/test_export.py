"""The encoder folder: round trip, atomic replacement, and one clear line for whatever is wrong with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.reference.encoder_folder import SMALL, edit, one_line, resign, save, trained

import vivi
from vivi.core.errors import CheckpointError, DiskFullError
from vivi.core.files import atomic_folder
from vivi.nn.export import load_encoder, random_twin
from vivi.nn.norm import BatchNorm, GroupNormWS
from vivi.nn.resnet_v2 import ResNetV2


@pytest.mark.parametrize(
    "encoder",
    [
        SMALL,
        ResNetV2(depth=18, width=0.125, norm=GroupNormWS()),
        ResNetV2(depth=26, width=0.125, norm=BatchNorm(eps=0.1)),
    ],
)
def test_round_trip_gives_the_same_features_and_facts(encoder, tmp_path, images):
    module = save(tmp_path / "encoder", encoder=encoder)
    loaded = vivi.load_encoder(str(tmp_path / "encoder"))
    torch.testing.assert_close(loaded(loaded.preprocess(images)), module(images / 127.5 - 1), rtol=1e-6, atol=1e-6)
    assert (loaded.config, loaded.name, loaded.image_size) == (encoder, "VIVI-Ex(4)", 32)
    assert loaded.feature_dim == encoder.feature_dim == loaded(loaded.preprocess(images)).shape[1]
    assert loaded.details == {"steps": 12, "a|b": "line\nbreak"}
    assert not loaded.training and all(parameter.requires_grad for parameter in loaded.parameters())


def test_group_norm_weights_that_timm_can_hold_come_back(tmp_path):
    encoder = ResNetV2(depth=50, width=0.5, norm=GroupNormWS())
    module = save(tmp_path / "encoder", encoder.build(generator=torch.Generator().manual_seed(0)), encoder=encoder)
    torch.testing.assert_close(load_encoder(tmp_path / "encoder").encoder.state_dict(), module.state_dict())
    stored = load_file(tmp_path / "encoder" / "model.safetensors")["stem.conv.weight"]
    torch.testing.assert_close(stored, 10 * module.stem.conv.weight.detach())


def test_loaded_weights_outlive_the_folder(saved, images):
    loaded = load_encoder(saved)
    before = loaded(loaded.preprocess(images))
    save(saved, trained(seed=1))
    assert torch.equal(loaded(loaded.preprocess(images)), before)


def test_preprocess_spans_minus_one_to_one_and_takes_uint8_only(saved):
    loaded = load_encoder(saved)
    assert loaded.preprocess(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1.0, 1.0]
    with pytest.raises(ValueError, match="uint8"):
        loaded.preprocess(torch.zeros(2))


def test_description_for_timm(saved):
    described = json.loads((saved / "config.json").read_text())
    assert described["architecture"] == "resnetv2_18"
    assert described["model_args"] == {"stem_type": "fixed", "width_factor": 0.125}
    assert (described["num_classes"], described["num_features"]) == (0, 64)
    assert described["pretrained_cfg"]["mean"] == described["pretrained_cfg"]["std"] == [0.5, 0.5, 0.5]
    assert described["pretrained_cfg"]["input_size"] == [3, 32, 32]


@pytest.mark.parametrize(
    ("encoder", "architecture"),
    [
        (ResNetV2(), "resnetv2_50"),
        (ResNetV2(depth=26), "resnetv2_50"),
        (ResNetV2(depth=101, width=3), "resnetv2_101"),
        (ResNetV2(norm=GroupNormWS()), "resnetv2_50x1_bit"),
        (ResNetV2(width=3, norm=GroupNormWS()), "resnetv2_50x3_bit"),
        (ResNetV2(depth=101, width=1.5, norm=GroupNormWS()), "resnetv2_101x1_bit"),
        (ResNetV2(width=0.25, norm=GroupNormWS()), None),
        (ResNetV2(depth=18, norm=GroupNormWS()), None),
        (ResNetV2(norm=GroupNormWS(groups=16)), None),
        (ResNetV2(norm=GroupNormWS(eps=1e-3)), None),
    ],
)
def test_architecture_is_named_only_where_timm_has_it(encoder, architecture):
    form = encoder.timm_form()
    assert (form and form.architecture) == architecture


def test_card_says_what_it_is_and_how_to_load_it(saved, tmp_path):
    card = (saved / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: timm\n")
    for part in ("# VIVI-Ex(4)", "Made by a *test*.", "vivi.load_encoder", "local-dir:", "| a\\|b | line break |"):
        assert part in card
    narrow = ResNetV2(depth=18, width=0.125, norm=GroupNormWS())
    save(tmp_path / "narrow", encoder=narrow)
    card = (tmp_path / "narrow" / "README.md").read_text()
    assert "timm has no model of exactly this shape" in card and "local-dir:" not in card
    assert set(json.loads((tmp_path / "narrow" / "config.json").read_text())) == {"vivi"}


def test_card_may_be_edited(saved):
    (saved / "README.md").write_text("mine")
    load_encoder(saved)


def test_the_same_weights_give_the_same_bytes_and_fingerprint(saved, tmp_path):
    save(tmp_path / "again")
    save(tmp_path / "other", trained(seed=1))
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()
    }
    assert load_encoder(saved).fingerprint == load_encoder(tmp_path / "again").fingerprint
    assert load_encoder(saved).fingerprint != load_encoder(tmp_path / "other").fingerprint


def test_random_twin_is_the_same_network_with_other_weights_fixed_by_the_seed(saved, images):
    loaded = load_encoder(saved)
    twin, again, other = random_twin(loaded, seed=1), random_twin(saved, seed=1), random_twin(saved, seed=2)
    features = [each(each.preprocess(images)) for each in (twin, again, other, loaded)]
    assert torch.equal(features[0], features[1])
    assert not torch.equal(features[0], features[2]) and not torch.equal(features[0], features[3])
    assert twin.config == loaded.config and twin.image_size == 32 and "random" in twin.name
    assert len({twin.fingerprint, other.fingerprint, loaded.fingerprint}) == 3


def test_an_older_export_of_the_same_name_is_replaced_whole(saved):
    first = load_encoder(saved).fingerprint
    (saved / "extra").write_text("from the older one")
    save(saved, trained(seed=1))
    assert load_encoder(saved).fingerprint != first
    assert sorted(path.name for path in saved.iterdir()) == [
        "README.md", "config.json", "manifest.json", "model.safetensors",
    ]  # fmt: skip
    assert [path.name for path in saved.parent.iterdir()] == ["encoder"]


class StoppedError(Exception):
    """In the place of a kill."""


def temporary_of(folder):
    """Where this process writes a folder before it has its name."""
    with pytest.raises(StoppedError), atomic_folder(folder) as fresh:
        raise StoppedError
    return fresh


def test_what_a_killed_writer_left_does_no_harm(saved):
    stale = temporary_of(saved)
    stale.mkdir()
    (stale / "junk").write_text("half")
    save(saved, trained(seed=1))
    assert not stale.exists() and not (saved / "junk").exists()


def test_other_folders_are_never_overwritten(saved, tmp_path):
    with pytest.raises(CheckpointError, match=r"holds the encoder 'VIVI-Ex\(4\)', not 'Ex-YT-S'"):
        save(saved, name="Ex-YT-S")
    (tmp_path / "photos").mkdir()
    with pytest.raises(CheckpointError, match="photos exists and is not an encoder folder"):
        save(tmp_path / "photos")
    assert list((tmp_path / "photos").iterdir()) == []


def test_a_full_disk_leaves_the_older_export(saved, monkeypatch):
    before = load_encoder(saved).fingerprint

    def full(*args, **kwargs):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("vivi.core.files.os.fsync", full)
    with pytest.raises(DiskFullError, match="no space left"):
        save(saved, trained(seed=1))
    monkeypatch.undo()
    assert load_encoder(saved).fingerprint == before
    assert [path.name for path in saved.parent.iterdir()] == ["encoder"]


def test_a_rename_that_fails_brings_the_older_export_back(saved, monkeypatch):
    before, rename, temporary = load_encoder(saved).fingerprint, Path.rename, temporary_of(saved)

    def failing(path, target):
        if path == temporary:
            raise OSError(5, os.strerror(5))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="Input/output"):
        save(saved, trained(seed=1))
    assert load_encoder(saved).fingerprint == before
    assert [path.name for path in saved.parent.iterdir()] == ["encoder"]


def test_folders_that_are_none(saved, tmp_path):
    one_line(tmp_path / "nowhere", "nowhere is not a folder: give the encoder folder")
    one_line(saved / "README.md", "is not a folder")
    one_line(saved.parent, r"has no manifest.json: did you mean .*encoder\?")
    (tmp_path / "empty").mkdir()
    one_line(tmp_path / "empty", "has no manifest.json: a run writes one when it ends")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_one_flipped_bit_or_a_lost_file_is_found(saved, name):
    data = bytearray((saved / name).read_bytes())
    data[len(data) // 2] ^= 1
    (saved / name).write_bytes(data)
    one_line(saved, f"{name} is damaged, its sha256")
    (saved / name).unlink()
    one_line(saved, f"{name} is missing")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda m: m.update(version=2), "of version 2, this vivi reads version 1"),
        (lambda m: m.update(format="vivi-shots"), "of another format"),
        (lambda m: m.update(sha256=None), "has no checksums"),
        (lambda m: m.update(sha256={}), "config.json is damaged"),
    ],
)
def test_manifests_of_other_kinds(saved, change, text):
    edit(saved / "manifest.json", change)
    one_line(saved, text)


@pytest.mark.parametrize(
    ("content", "text"), [(b"{", "is damaged"), (b"[]", "another format"), (b" " * 2**21, "bytes")]
)
def test_manifests_that_are_no_manifests(saved, content, text):
    (saved / "manifest.json").write_bytes(content)
    one_line(saved, text)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c.pop("vivi"), "does not describe a vivi encoder"),
        (lambda c: c["vivi"].pop("image_size"), "does not describe a vivi encoder"),
        (lambda c: c["vivi"]["encoder"].update({"class": "vivi.nn.other:Net"}), "made by another version"),
        (lambda c: c["vivi"]["encoder"].update({"class": "os:system"}), "made by another version"),
        (lambda c: c["vivi"]["encoder"].update(depth=7), "made by another version"),
        (lambda c: c["vivi"].update(encoder=c["vivi"]["encoder"]["norm"]), "expected a Encoder"),
        (lambda c: c["vivi"]["encoder"].update(width=16), "other tensors than its config.json"),
    ],
)
def test_forged_configurations(saved, change, text):
    edit(saved / "config.json", change)
    resign(saved)
    one_line(saved, text)


def test_forged_weights(saved):
    weights = saved / "model.safetensors"
    tensors = load_file(weights)
    tensors["norm.bias"] = tensors["norm.bias"].double()
    save_file(tensors, weights)
    resign(saved)
    one_line(saved, "other tensors")
    for header in (2**62, 99_000_000, 3):
        weights.write_bytes(header.to_bytes(8, "little") + b"{}{}")
        resign(saved)
        one_line(saved, "is not readable")


def test_files_that_may_not_be_read(saved, monkeypatch):
    def refused(path):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr("vivi.nn.manifest.sha256_file", refused)
    one_line(saved, "cannot read .*config.json: Permission denied")


def test_importing_vivi_alone_is_light():
    code = "import sys, vivi; assert not {'torch', 'numpy'} & set(sys.modules), 'heavy'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
