"""Exports that need no other program: the copy for timm, the folder for a hub, and where they may be written."""

import html
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from markdown_it import MarkdownIt
from tests.reference.encoder_folder import save, trained

from vivi.core.errors import CheckpointError, ViviError
from vivi.nn.classifier import Classifier
from vivi.nn.export import load_encoder
from vivi.nn.exported import compared
from vivi.nn.hub_export import CardScore, export_hub
from vivi.nn.model_card import front_matter, shown, without_front_matter
from vivi.nn.norm import GroupNormWS
from vivi.nn.resnet_v2 import ResNetV2
from vivi.nn.timm_export import export_timm
from vivi.presets import PRESETS, find, tiny

SCORE = CardScore(
    task="my flowers",
    probe="k nearest neighbours on frozen features",
    accuracy=0.875,
    interval=(0.8, 0.9),
    total=80,
    baseline=0.25,
    remark="",
)


@pytest.fixture
def without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.mark.parametrize("name", PRESETS)
def test_timm_has_the_network_of_every_preset(name):
    small = tiny(find(name)).encoder
    assert find(name).encoder.timm_form() is not None
    assert isinstance(small, ResNetV2)
    assert (small.timm_form() is None) is isinstance(small.norm, GroupNormWS)  # timm's small ones have batch norm


def test_the_copy_for_timm_is_the_encoder_folder_byte_for_byte(saved, tmp_path, images, without_timm):
    (saved / "README.md").write_text("---\nlibrary_name: timm\n---\n\n# Mine\n\nedited\n")
    (saved / "notes.txt").write_text("not part of it")
    done = export_timm(saved, out=tmp_path / "out")
    assert (done.to, done.difference, sorted(done.files)) == ("timm", None, sorted(contents(tmp_path / "out")))
    assert "timm cannot be imported here: the outputs were not compared" in done.remarks[0]
    for file in ("config.json", "model.safetensors", "README.md"):
        assert (tmp_path / "out" / file).read_bytes() == (saved / file).read_bytes()
    ours, theirs = load_encoder(saved), load_encoder(tmp_path / "out")
    assert torch.equal(ours(ours.preprocess(images)), theirs(theirs.preprocess(images)))
    assert f"local-dir:{tmp_path / 'out'}" in done.snippet


def test_a_network_that_timm_does_not_have_is_refused_with_what_to_do(tmp_path, without_timm):
    save(tmp_path / "narrow", encoder=ResNetV2(depth=18, width=0.125, norm=GroupNormWS()))
    with pytest.raises(CheckpointError, match=r"no network of exactly the shape .*: export it with --to onnx, or"):
        export_timm(tmp_path / "narrow", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert export_hub(tmp_path / "narrow", out=tmp_path / "out").snippet.startswith("import vivi")


def test_only_an_earlier_export_of_the_same_model_is_replaced(saved, tmp_path, without_timm):
    out = tmp_path / "out"
    export_timm(saved, out=out)
    first = contents(out)
    export_timm(saved, out=out)
    assert contents(out) == first
    for refused in (lambda: export_hub(saved, out=out), lambda: export_timm(other(tmp_path), out=out)):
        with pytest.raises(CheckpointError, match="exists and is not an earlier export of"):
            refused()
    save(tmp_path / "another run")
    for taken in (tmp_path / "another run", tmp_path):
        with pytest.raises(CheckpointError, match=r"exists and is not an earlier export|is, holds or lies in"):
            export_timm(saved, out=taken)
    for inside in (saved, saved / "timm", saved.parent):
        with pytest.raises(CheckpointError, match="is, holds or lies in the encoder folder"):
            export_timm(saved, out=inside)
    (tmp_path / "empty").mkdir()
    assert export_timm(saved, out=tmp_path / "empty").folder == tmp_path / "empty"
    assert contents(out) == first


def other(tmp_path: Path) -> Path:
    save(tmp_path / "other", name="Ex-YT-F")
    return tmp_path / "other"


def test_the_card_of_a_hub_tells_licence_and_scores(saved, tmp_path):
    done = export_hub(saved, out=tmp_path / "hub", scores=[SCORE], license="apache-2.0", remarks=["a word"])
    card = (tmp_path / "hub" / "README.md").read_text()
    head = card.split("---\n")[1]
    assert head.splitlines()[:3] == [
        'license: "apache-2.0"',
        'library_name: "timm"',
        'pipeline_tag: "image-feature-extraction"',
    ]
    assert "| my flowers | k nearest neighbours on frozen features | 87.5% | 80.0% to 90.0% | 25.0% | 80 |" in card
    assert "Made by a *test*." in card and "- a word" in card and card.count("# VIVI-Ex(4)") == 1
    assert done.remarks == ()
    index = head[head.index("model-index:") :]
    assert index == (
        "model-index:\n"
        '  - name: "VIVI-Ex(4)"\n'
        "    results:\n"
        "      - task:\n"
        '          type: "image-classification"\n'
        '          name: "k nearest neighbours on frozen features"\n'
        "        dataset:\n"
        '          type: "my-flowers"\n'
        '          name: "my flowers"\n'
        "        metrics:\n"
        '          - type: "accuracy"\n'
        "            value: 0.875\n"
        '            name: "accuracy, 95 % interval 80.0% to 90.0% (80 test images)"\n'
    )


def test_what_nobody_decided_is_said(saved, tmp_path):
    done = export_hub(saved, out=tmp_path / "hub")
    assert "unknown" in done.remarks[0] and "no scores" in done.remarks[1]
    assert "model-index" not in (tmp_path / "hub" / "README.md").read_text()
    with pytest.raises(ViviError, match="--license 'Apache 2': give an identifier"):
        export_hub(saved, out=tmp_path / "other", license="Apache 2")


def test_hostile_names_stay_text(tmp_path):
    name = '<script>alert("1")</script>\n---\nx: [y\u202e'
    save(tmp_path / "encoder", name=name)
    score = CardScore("a | b\n<img>", "p", 0.5, (0.1, 0.9), 2, None, "<b>")
    export_hub(tmp_path / "encoder", out=tmp_path / "hub", scores=[score])
    card = (tmp_path / "hub" / "README.md").read_text()
    _, head, body = card.split("---\n", 2)
    assert "\u202e" not in card and "<script>" not in body and "<img>" not in body and "<b>" not in body
    assert "| a \\| b &lt;img&gt; |" in body
    (line,) = (line for line in head.splitlines() if line.startswith("  - name: "))
    assert json.loads(line.removeprefix("  - name: ")) == name.replace("\n", "\\n").replace("\u202e", "\\u202e")


def test_front_matter_is_taken_off_again():
    head = front_matter({"a": {"b": [1, {"c": True}]}, "d": []})
    assert head == "---\na:\n  b:\n    - 1\n    - c: true\nd: []\n---\n"
    assert without_front_matter(f"{head}\n# Title\n") == "# Title\n"
    assert without_front_matter("# Title\n") == "# Title\n" and without_front_matter("---\nopen") == "---\nopen"
    assert shown("a\u202eb & <c>\n d") == "a\\\\u202eb &amp; &lt;c&gt; d"


def test_a_classifier_goes_along(tmp_path, without_timm):
    module = trained()
    classifier = Classifier(weight_CD=torch.randn(3, 64), bias_C=torch.randn(3), classes=("a", "b", "c"))
    save(tmp_path / "encoder", module, classifier=classifier)
    done = export_timm(tmp_path / "encoder", out=tmp_path / "out")
    assert "classifier.safetensors" in done.files
    assert torch.equal(load_encoder(tmp_path / "out").classifier.weight_CD, classifier.weight_CD)


def test_outputs_that_differ_are_refused(saved):
    loaded = load_encoder(saved)
    same = compared(loaded, lambda images: (loaded(loaded.preprocess(images)),), what="x", side=32)
    assert same.difference == 0 and same.largest > 0
    with pytest.raises(CheckpointError, match=r"x differs from the encoder by .* nothing was written"):
        compared(loaded, lambda images: (1.01 * loaded(loaded.preprocess(images)),), what="x", side=32)
    with pytest.raises(CheckpointError, match="x differs from the encoder by inf"):
        compared(loaded, lambda images: (float("nan") * loaded(loaded.preprocess(images)),), what="x", side=32)
    with pytest.raises(CheckpointError, match=r"x gives shape \[1, 63\], the encoder \[1, 64\]"):
        compared(loaded, lambda images: (loaded(loaded.preprocess(images))[:, 1:],), what="x", side=32)


def test_nothing_appears_where_the_source_is_damaged(saved, tmp_path, without_timm):
    (saved / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="is damaged"):
        export_timm(saved, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


MARKUP = "![i](http://e.example/x.png) [l](javascript:x) <b>h</b> `c` *e* __s__ a\\|b | ~~d~~ \u202e\x1b[1m snake_case"


def test_a_card_has_no_markup_from_names(tmp_path):
    """As a Markdown renderer sees it: no picture, link, HTML or table cell comes from a name."""
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    save(tmp_path / "plain", name="plain")
    save(tmp_path / "hostile", name=MARKUP)
    score = replace(SCORE, task=MARKUP, probe=MARKUP, remark=MARKUP)
    export_hub(tmp_path / "plain", out=tmp_path / "a", scores=[replace(SCORE, remark="x")])
    export_hub(tmp_path / "hostile", out=tmp_path / "b", scores=[score], remarks=[MARKUP])
    plain, hostile = (
        renderer.render(without_front_matter((tmp_path / name / "README.md").read_text())) for name in ("a", "b")
    )
    tags = [re.findall(r"<(\w+)", text) for text in (plain, hostile)]
    assert sorted(tags[1]) == sorted([*tags[0], "li"])  # one remark more
    told = html.unescape(hostile).replace("\\u202e\\x1b", "\u202e\x1b")
    assert told.count(MARKUP) == 6  # heading, two cells, two remarks, one of them after the name of its task
