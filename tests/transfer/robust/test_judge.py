import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from tests.reference import encoder_folder
from tests.reference import vid_robust_folder as folder
from tests.reference.vid_robust_folder import frame

from vivi.cli import main
from vivi.core.errors import ViviError
from vivi.core.files import read_json
from vivi.nn.classifier import Classifier
from vivi.transfer.pictures import load_both
from vivi.transfer.robust import judge as robustness
from vivi.transfer.robust.frame_classifiers import open_classifier
from vivi.transfer.robust.frame_log import FrameLog
from vivi.transfer.robust.judge import judge, load_centre

GROUPS = ((3, 4), (404,), (151, 268))
SETS = {frame(video, 5): [frame(video, number) for number in (4, 6, 7)[:video]] for video in range(4)}
FRAMES = sorted({*SETS, *(each for near in SETS.values() for each in near)})


@pytest.fixture
def root(tmp_path):
    """Four anchors with 0, 1, 2 and 3 neighbours, all right with class 1; images of many colours and two sizes."""
    for number, name in enumerate(FRAMES):
        path = tmp_path / "vid" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        pixels = rng.integers(0, 200, 3) + rng.integers(0, 56, (40, 50 + number % 2, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(path, quality=95)
    return folder.make(tmp_path / "vid", neighbours=SETS, labels={key: [1] for key in FRAMES}, groups=GROUPS)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """A tiny network with a random classifier of a thousand classes, which are named by their numbers, backwards."""
    rng = torch.Generator().manual_seed(7)
    classifier = Classifier(
        weight_CD=torch.randn(1000, encoder_folder.SMALL.feature_dim, generator=rng),
        bias_C=torch.zeros(1000),
        classes=tuple(str(at) for at in reversed(range(1000))),
    )
    path = tmp_path_factory.mktemp("encoders") / "named"
    encoder_folder.save(path, name="Named", classifier=classifier)
    return path


def slow_prediction(encoder, path):
    """One image by itself, through the loader that is tested elsewhere and the plain rule."""
    found = open_classifier(str(encoder), device="cpu")
    crop = torch.from_numpy(load_both(path, found.image_size)[1])[None]
    logits = found.logits(crop)[0]
    best = [max(float(logits[found.classes.index(str(number))]) for number in each) for each in GROUPS]
    return best.index(max(best))


def test_an_encoder_folder_from_frames_to_the_result(root, encoder, tmp_path):
    shown = []
    result = judge(
        str(encoder), data=root, out=tmp_path / "r.json", batch=3, progress=lambda done, total: shown.append(done)
    )
    predictions = {name: slow_prediction(encoder, root / name) for name in FRAMES}
    labels = {key: [1] for key in FRAMES}
    alone, together = folder.slow_scores(predictions, neighbours=SETS, labels=labels)
    assert 0 < sum(of == 1 for of in predictions.values()) < len(FRAMES)
    record = read_json(tmp_path / "r.json")
    assert record == json.loads(json.dumps(result.as_json()))
    assert (record["format"], record["version"]) == ("vivi-robustness", 1)
    assert (record["pm0"]["correct"], record["pm10"]["correct"]) == (alone, together)
    assert (record["pm0"]["total"], record["pm10"]["total"]) == (4, 4)
    assert record["delta"] == (alone - together) / 4
    assert record["encoder"]["name"] == "Named" and record["encoder"]["image_size"] == 32
    assert record["encoder"]["matched"] == "by number: the classes are named 0 to 999"
    assert "centre crop" in record["encoder"]["preprocessing"]
    assert record["data"] == record["data"] | {"anchors": 4, "frames": 10, "is_official": False}
    assert record["unanswered"] == {"frames": 0, "anchors": 0, "sets": 0, "each": []}
    assert record["remarks"] == ["Not the published benchmark: it has 4 anchors here, there 1109"]
    assert shown == [3, 6, 9, 10]


def test_frames_without_an_image_are_named_and_wrong_and_tried_again(root, encoder, tmp_path):
    whole = judge(str(encoder), data=root, out=tmp_path / "whole.json").outcome
    anchor, near = frame(1, 5), frame(3, 4)
    kept = (root / anchor).read_bytes()
    (root / anchor).unlink()
    (root / near).write_bytes(b"")
    result = judge(str(encoder), data=root, out=tmp_path / "r.json", batch=4)
    assert [each["path"] for each in result.unanswered] == [anchor, near]
    assert [each["reason"] for each in result.unanswered] == ["no such file", "empty file"]
    assert (result.outcome.unanswered_anchors, result.outcome.unanswered_sets) == (1, 2)
    assert (result.outcome.pm0.total, result.outcome.pm10.total) == (4, 4)
    assert result.remarks[1] == ("2 of 10 frames have no prediction and count as wrong: 1 anchors in pm-0, 2 in pm-10")
    (root / anchor).write_bytes(kept)
    again = judge(str(encoder), data=root, out=tmp_path / "r.json", batch=4)
    assert [each["path"] for each in again.unanswered] == [near]
    assert again.outcome.pm0 == whole.pm0


def test_no_prediction_is_made_twice(root, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(robustness, "CHUNK", 3)
    once = judge(str(encoder), data=root, out=tmp_path / "once.json", batch=2)
    seen, original = [], robustness.load_centre

    def stopping(path, size):
        seen.append(path)
        return original(path, size)

    monkeypatch.setattr(robustness, "load_centre", stopping)

    def stop(done, total):
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(str(encoder), data=root, out=tmp_path / "r.json", batch=2, progress=stop)
    assert not (tmp_path / "r.json").exists()
    kept = FrameLog(tmp_path / "r.json.frames").read()
    assert list(kept) == FRAMES[:4]  # the first whole chunk, of two batches
    seen.clear()
    result = judge(str(encoder), data=root, out=tmp_path / "r.json", batch=2)
    assert seen == [root / name for name in FRAMES[4:]]
    assert result.outcome == once.outcome
    seen.clear()
    assert judge(str(encoder), data=root, out=tmp_path / "r.json").outcome == once.outcome
    assert seen == []


def test_a_killed_process_leaves_whole_chunks(root, encoder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from vivi.transfer.robust import judge as r; r.CHUNK = 3\n"
        "r.judge(sys.argv[1], data=Path(sys.argv[2]), out=Path(sys.argv[3]), batch=2)"
    )
    arguments = [sys.executable, "-c", code, str(encoder), str(root), str(tmp_path / "r.json")]
    environment = os.environ | {"VIVI_CRASH_AT": "before-rename:chunk-00001.json"}
    assert subprocess.run(arguments, env=environment, capture_output=True).returncode < 0
    assert list(FrameLog(tmp_path / "r.json.frames").read()) == FRAMES[:4]
    judge(str(encoder), data=root, out=tmp_path / "r.json")
    assert sorted(FrameLog(tmp_path / "r.json.frames").read()) == FRAMES
    assert [each.name for each in (tmp_path / "r.json.frames").iterdir() if each.name.startswith(".tmp-")] == []


def test_predictions_of_something_else_are_not_mixed_in(root, encoder, tmp_path):
    judge(str(encoder), data=root, out=tmp_path / "r.json")
    folder.write(root / "metadata" / "labels.json", {key: [2] for key in FRAMES})
    with pytest.raises(ViviError, match=r"r.json.frames holds predictions of something else \(of.benchmark: "):
        judge(str(encoder), data=root, out=tmp_path / "r.json")
    theirs = tmp_path / "other.json.frames" / "later" / ".tmp-draft.txt"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    with pytest.raises(ViviError, match=r"holds .later. and is no log"):
        judge(str(encoder), data=root, out=tmp_path / "other.json")
    assert theirs.exists()
    (tmp_path / "r.json.frames" / "chunk-00000.json").write_text('{"a": "b"}')
    folder.write(root / "metadata" / "labels.json", {key: [1] for key in FRAMES})
    with pytest.raises(ViviError, match=r"chunk-00000.json is damaged: delete it"):
        judge(str(encoder), data=root, out=tmp_path / "r.json")


def test_a_folder_without_frames_is_refused(root, encoder, tmp_path):
    for name in FRAMES:
        (root / name).unlink()
    with pytest.raises(ViviError, match=f"none of 10 frames can be read; the first, {FRAMES[0]}: no such file"):
        judge(str(encoder), data=root, out=tmp_path / "r.json")


def test_an_encoder_without_a_classifier_is_refused(root, tmp_path):
    encoder_folder.save(tmp_path / "plain")
    with pytest.raises(ViviError, match=r"has no classifier.*-Co, Sup or Semi"):
        judge(str(tmp_path / "plain"), data=root, out=tmp_path / "r.json")


def table_3(tmp_path, *, alone: int, together: int):
    """A benchmark of 1109 anchors with one neighbour each, and a file of predictions with these counts."""
    sets = {frame(video, 1): [frame(video, 0)] for video in range(1109)}
    labels = {name: [2] for anchor, near in sets.items() for name in (anchor, *near)}
    root = folder.make(tmp_path / "whole", neighbours=sets, labels=labels, groups=GROUPS)
    predictions = {frame(video, 1): 2 if video < alone else 0 for video in range(1109)}
    predictions |= {frame(video, 0): 2 if video < together or video >= alone else 1 for video in range(1109)}
    folder.write(tmp_path / "mine.json", predictions)
    return root


@pytest.mark.parametrize(("alone", "together", "delta"), [(754, 553, "18.1"), (690, 513, "16.0")])
def test_table_3_comes_out_of_its_counts(tmp_path, alone, together, delta):
    """The paper prints 15.9 for the second drop, the difference of its rounded accuracies."""
    root = table_3(tmp_path, alone=alone, together=together)
    judge(str(tmp_path / "mine.json"), data=root, out=tmp_path / "r.json")
    record = read_json(tmp_path / "r.json")
    assert (record["pm0"]["correct"], record["pm10"]["correct"]) == (alone, together)
    assert (record["pm0"]["total"], record["pm10"]["total"]) == (1109, 1109)
    assert f"{100 * record['delta']:.1f}" == delta
    assert record["encoder"]["matched"] == "classes" and not (tmp_path / "r.json.frames").exists()


def test_a_file_of_predictions_may_lack_frames_but_not_all(root, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("path,class\n" + "".join(f"{name},1\n" for name in FRAMES[1:]) + "val/other,0\n")
    result = judge(str(mine), data=root, out=tmp_path / "r.json")
    assert result.unanswered == ({"path": FRAMES[0], "reason": "no prediction in the file"},)
    assert (result.outcome.pm0.correct, result.outcome.pm10.correct) == (3, 3)
    mine.write_text("path,class\nother/a,1\n")
    with pytest.raises(ViviError, match=r"for none of the 10 frames: it names 'other/a', the benchmark 'val/"):
        judge(str(mine), data=root, out=tmp_path / "r.json")


def test_load_centre_is_the_crop_that_the_classifiers_of_evaluate_see(root):
    for name in FRAMES[:2]:
        assert np.array_equal(load_centre(root / name, 28), load_both(root / name, 28)[1])


MODELS = """
import torch

class Red(torch.nn.Module):
    image_size = 16

    def preprocess(self, images):
        return images.float()

    def forward(self, images):
        return torch.nn.functional.one_hot(images[:, 0].mean(dim=(1, 2)).round().long(), 1000).float()

def red():
    return Red()

def ten():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 224 * 224, 10))

def broken():
    raise RuntimeError("no weights")
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A module of the user's in the folder where the command is run."""
    (tmp_path / "my_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("my_models", None)


def test_any_module_that_gives_a_thousand_logits(root, tmp_path, own_module):
    for video, anchor in enumerate(SETS):
        for name in (anchor, *SETS[anchor]):
            Image.new("RGB", (40, 40), (151 if video % 2 else 4, 0, 0)).save(root / name, "PNG")
    labels = {name: [2 if int(name.split("/")[1][-1]) % 2 else 0] for name in FRAMES}
    folder.write(root / "metadata" / "labels.json", labels)
    result = judge("python:my_models:red", data=root, out=tmp_path / "r.json")
    assert (result.outcome.pm0.correct, result.outcome.pm10.correct) == (4, 4)
    assert result.encoder["preprocessing"].endswith("preprocess of my_models:red")
    with pytest.raises(ViviError, match="my_models:ten knows 10 classes without names"):
        judge("python:my_models:ten", data=root, out=tmp_path / "ten.json")
    with pytest.raises(ViviError, match="RuntimeError: no weights; mend the function"):
        judge("python:my_models:broken", data=root, out=tmp_path / "broken.json")


def test_the_verb(root, encoder, tmp_path, capsys):
    assert main(["robust", str(encoder), "--data", str(root), "--out", str(tmp_path / "r.json")]) == 0
    shown = capsys.readouterr().out
    assert "pm-10" in shown and "of 4" in shown and "Not the published benchmark" in shown
    assert main(["robust", str(encoder), "--data", str(root), "--out", str(tmp_path / "r.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_json(tmp_path / "r.json")
    assert main(["robust", str(tmp_path / "none"), "--data", str(root), "--out", str(tmp_path / "r2.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_timm_is_asked_for_where_it_is_missing(root, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ViviError, match=r"needs the package timm.*pip install 'vivi\[timm\]'"):
        judge("timm:resnet50.tv_in1k", data=root, out=tmp_path / "r.json")
