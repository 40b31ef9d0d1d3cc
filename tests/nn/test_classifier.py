"""The classifier of an encoder folder: round trip, card, and one clear line for whatever is wrong with it."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.reference.encoder_folder import edit, one_line, resign, save

from vivi.core.errors import CheckpointError
from vivi.data.image_file import printable
from vivi.nn.classifier import Classifier
from vivi.nn.export import load_encoder, random_twin


def classifier(*, classes=("cat", "dog", "caf\u00e9"), features=64):
    generator = torch.Generator().manual_seed(5)
    weight_CD = torch.randn(len(classes), features, generator=generator, requires_grad=True)
    return Classifier(weight_CD=weight_CD, bias_C=torch.randn(len(classes), generator=generator), classes=classes)


@pytest.fixture
def labelled(tmp_path):
    """An encoder folder with a classifier."""
    save(tmp_path / "labelled", classifier=classifier())
    return tmp_path / "labelled"


def test_a_classifier_comes_back_and_gives_logits(labelled, images):
    loaded, made = load_encoder(labelled), classifier()
    assert loaded.classifier.classes == made.classes
    assert torch.equal(loaded.classifier.weight_CD, made.weight_CD) and torch.equal(
        loaded.classifier.bias_C, made.bias_C
    )
    assert not loaded.classifier.weight_CD.requires_grad
    features_BD = loaded(loaded.preprocess(images)).detach()
    rows = list(zip(made.weight_CD.detach(), made.bias_C, strict=True))
    by_hand = [[float((features_D * weight_D).sum() + bias) for weight_D, bias in rows] for features_D in features_BD]
    torch.testing.assert_close(loaded.logits(loaded.preprocess(images)), torch.tensor(by_hand), rtol=1e-4, atol=1e-4)


def test_the_classifier_follows_its_encoder(labelled, images):
    loaded = load_encoder(labelled).double()
    assert loaded.classifier.weight_CD.dtype == loaded.classifier.bias_C.dtype == torch.float64
    assert loaded.logits(loaded.preprocess(images).double()).dtype == torch.float64
    assert load_encoder(labelled).to("meta").classifier.bias_C.device.type == "meta"


def test_only_what_was_classified_is_written_down(saved, labelled):
    files = {"README.md", "config.json", "manifest.json", "model.safetensors"}
    assert {path.name for path in labelled.iterdir()} - {path.name for path in saved.iterdir()} == {
        "classifier.safetensors"
    }
    assert {path.name for path in saved.iterdir()} == files
    plain, named = (json.loads((folder / "config.json").read_text()) for folder in (saved, labelled))
    assert set(plain["vivi"]) == {"name", "image_size", "encoder", "timm_epsilons", "details"}
    assert named["vivi"].pop("classes") == ["cat", "dog", "caf\u00e9"]
    assert named == plain and plain["num_classes"] == 0
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (saved, labelled)]
    assert set(manifests[0]["sha256"]) == {"config.json", "model.safetensors"}
    assert manifests[0]["version"] == manifests[1]["version"] == 1
    assert load_encoder(saved).fingerprint == load_encoder(labelled).fingerprint
    assert load_encoder(saved).state_dict().keys() == load_encoder(labelled).state_dict().keys()


def test_encoders_without_a_classifier_say_so(saved, labelled, images):
    for loaded in (load_encoder(saved), random_twin(labelled, seed=0)):
        assert loaded.classifier is None
        with pytest.raises(CheckpointError, match="has no classifier: only runs with labelled images"):
            loaded.logits(loaded.preprocess(images))


def test_a_newer_export_without_classifier_leaves_none_behind(labelled):
    save(labelled)
    assert load_encoder(labelled).classifier is None and not (labelled / "classifier.safetensors").exists()


def test_classifiers_that_cannot_be():
    weight_CD, bias_C = torch.zeros(3, 4), torch.zeros(3)
    for changed, text in (
        ({"classes": ("a", "b", "a")}, "all of them different"),
        ({"classes": ("a",)}, "at least two"),
        ({"classes": ("a", 1, "b")}, "names"),
        ({"classes": ("a", "b")}, "weight_CD: 2 rows"),
        ({"weight_CD": torch.zeros(3)}, "weight_CD"),
        ({"bias_C": torch.zeros(3, 1)}, "bias_C: 3 numbers"),
    ):
        with pytest.raises(ValueError, match=text):
            Classifier(**({"weight_CD": weight_CD, "bias_C": bias_C, "classes": ("a", "b", "c")} | changed))


def test_a_classifier_for_other_features_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="classifier: for 65 features, the encoder has 64"):
        save(tmp_path / "encoder", classifier=classifier(features=65))
    assert not (tmp_path / "encoder").exists()


def test_names_of_classes_that_are_no_text_are_kept_as_escapes(tmp_path):
    odd = os.fsdecode(b"caf\xe9")
    save(tmp_path / "encoder", classifier=classifier(classes=("cat", odd)))
    assert load_encoder(tmp_path / "encoder").classifier.classes == ("cat", "caf\\xe9") == ("cat", printable(odd))


def test_one_flipped_bit_or_a_lost_classifier_is_found(labelled):
    data = bytearray((labelled / "classifier.safetensors").read_bytes())
    data[-1] ^= 1
    (labelled / "classifier.safetensors").write_bytes(data)
    one_line(labelled, "classifier.safetensors is damaged, its sha256")
    (labelled / "classifier.safetensors").unlink()
    one_line(labelled, "classifier.safetensors is missing")


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.update(weight=t["weight"][:, :-1].contiguous()),
        lambda t: t.update(weight=t["weight"].T.contiguous()),
        lambda t: t.update(weight=t["weight"][:2].contiguous(), bias=t["bias"][:2].contiguous()),
        lambda t: t.update(bias=t["bias"].double()),
        lambda t: t.update(more=t["bias"].clone()),
        lambda t: t.pop("bias"),
    ],
)
def test_forged_classifiers(labelled, change):
    tensors = load_file(labelled / "classifier.safetensors")
    change(tensors)
    save_file(tensors, labelled / "classifier.safetensors")
    resign(labelled)
    one_line(labelled, "does not fit its encoder, which has 3 classes and 64 features")


def test_classifiers_that_are_no_tensors(labelled):
    (labelled / "classifier.safetensors").write_bytes(b"\3" * 20)
    resign(labelled)
    one_line(labelled, r"classifier.safetensors is not readable")


@pytest.mark.parametrize("classes", [["a", "b", "b"], [], ["a"], [1, 2, 3], 3, None, "abc"])
def test_forged_names_of_classes(labelled, classes):
    edit(labelled / "config.json", lambda c: c["vivi"].update(classes=classes))
    resign(labelled)
    one_line(labelled, "does not describe a vivi encoder")


def test_the_card_tells_of_the_classifier_and_its_statements_run(saved, labelled):
    assert "classifier" not in (saved / "README.md").read_text()
    card = (labelled / "README.md").read_text()
    blocks = [each.partition("```")[0] for each in card.split("```python\n")[1:]]
    assert "3 classes" in card and "head.fc" in card and "reset_classifier" in blocks[-1]
    names = {}
    exec("".join(blocks[:2]).replace("path/to/this/folder", str(labelled)), names)
    assert set(names["names"]) <= {"cat", "dog", "caf\u00e9"} and names["logits_BC"].shape == (1, 3)
