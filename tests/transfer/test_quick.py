import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vivi.core.errors import CheckpointError, ViviError
from vivi.data.image_file import load_image
from vivi.data.images import ImageFolder
from vivi.nn.export import load_encoder, random_twin
from vivi.probe import clopper_pearson, encode, knn
from vivi.transfer.quick import evaluate


def test_scores_file(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    seen: list[tuple[int, int]] = []
    out = tmp_path / "out" / "scores.json"
    scores = evaluate(
        encoder_folder, data=colours, out=out, batch=10, progress=lambda done, total: seen.append((done, total))
    )
    saved = json.loads(out.read_text())
    assert saved == json.loads(json.dumps(scores.as_json()))
    assert (saved["format"], saved["version"]) == ("vivi-scores", 1)
    assert saved["encoder"]["name"] == "Tiny"
    assert saved["encoder"]["fingerprint"] == load_encoder(encoder_folder).fingerprint
    assert saved["encoder"]["image_size"] == 24
    assert "squashed" in saved["encoder"]["preprocessing"]
    assert saved["data"]["classes"] == ["blue", "green", "red"]
    assert (saved["data"]["train"], saved["data"]["test"], saved["data"]["split"]) == (27, 9, "seeded 75/25, seed 0")
    assert saved["data"]["chance"] == saved["data"]["majority"] == pytest.approx(1 / 3)
    assert [(each["task"], each["weights"], each["probe"]) for each in saved["results"]] == [
        ("colours", weights, probe) for weights in ("trained", "random") for probe in ("knn", "logistic")
    ]
    for each in saved["results"]:
        assert each["accuracy"] == each["correct"] / each["total"]
        assert each["total"] == 9
        assert each["interval"] == list(clopper_pearson(each["correct"], total=9))
        assert each["details"]["seed"] == 0
    assert saved["results"][0]["accuracy"] == 1
    assert saved["skipped"] == []
    assert seen[-1] == (36, 36)
    assert [path.name for path in out.parent.iterdir()] == ["scores.json"]


def test_knn_equals_the_parts_put_together_by_hand(encoder_folder: Path, colours: Path) -> None:
    scores = evaluate(encoder_folder, data=colours, seed=2, k=3)
    folder = ImageFolder.open(colours, seed=2)
    for network, weights in (
        (load_encoder(encoder_folder), "trained"),
        (random_twin(encoder_folder, seed=2), "random"),
    ):
        parts = []
        for part in (folder.train, folder.test):
            images_BCHW = torch.stack([torch.from_numpy(load_image(colours / image.path, 24)) for image in part])
            parts.append((encode(network, images_BCHW), torch.tensor([image.label for image in part])))
        (train_ND, labels_N), (test_MD, test_labels_M) = parts
        correct = int((knn(train_ND, labels_N=labels_N, test_MD=test_MD, k=3) == test_labels_M).sum())
        assert [each.correct for each in scores.results if (each.probe, each.weights) == ("knn", weights)] == [correct]


def test_same_again_whatever_the_batch(encoder_folder: Path, colours: Path) -> None:
    first, second, larger = (evaluate(encoder_folder, data=colours, batch=batch) for batch in (7, 7, 64))
    assert first.results == second.results
    assert first.neighbours == second.neighbours
    assert [each.correct for each in first.results] == [each.correct for each in larger.results]


def test_neighbours_are_test_queries_and_training_answers(encoder_folder: Path, colours: Path) -> None:
    scores = evaluate(encoder_folder, data=colours, queries=4)
    folder = ImageFolder.open(colours)
    train, test = ({image.path for image in part} for part in (folder.train, folder.test))
    assert len(scores.neighbours) == 4
    assert {each["class"] for each in scores.neighbours[:3]} == {"red", "green", "blue"}
    for each in scores.neighbours:
        assert each["query"] in test
        assert len(set(each["nearest"])) == 5
        assert set(each["nearest"]) <= train
        assert [path.split("/")[0] for path in each["nearest"]] == each["nearest_classes"]
        assert each["nearest_classes"][0] == each["class"]


def test_more_splits_and_twins_each_give_rows(encoder_folder: Path, colours: Path) -> None:
    scores = evaluate(encoder_folder, data=colours, seed=5, splits=2, twins=2)
    found = [
        (each.weights, each.probe, each.details["seed"], each.details.get("random_seed")) for each in scores.results
    ]
    assert len(found) == len(set(found)) == 2 * 3 * 2
    assert {(seed, twin) for _, _, seed, twin in found} == {(seed, twin) for seed in (5, 6) for twin in (None, 5, 6)}
    assert scores.data["split"] == "seeded 75/25, seed 5"


def test_given_split_and_caps(tmp_path: Path, encoder_folder: Path, paint: Callable[[Path, str, int], None]) -> None:
    for colour in ("red", "blue"):
        for number in range(6):
            paint(tmp_path / "train" / colour / f"{number}.jpg", colour, number)
            paint(tmp_path / "val" / colour / f"{number}.jpg", colour, number + 100)
    scores = evaluate(encoder_folder, data=tmp_path, max_train=4, max_test=3)
    assert (scores.data["train"], scores.data["test"], scores.data["split"]) == (8, 6, "given: train, val")
    assert scores.results[0].details["k"] == 8


def test_broken_images_are_skipped_and_named(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    (colours / "red" / "03.png").write_bytes(b"")
    (colours / "red" / "new\nline.png").write_bytes(b"text")
    scores = evaluate(encoder_folder, data=colours, out=tmp_path / "scores.json")
    assert scores.skipped == (
        {"path": "red/03.png", "reason": "empty file"},
        {"path": "red/new\nline.png", "reason": "not an image of a kind this program reads"},
    )
    assert scores.data["train"] + scores.data["test"] == 35
    assert json.loads((tmp_path / "scores.json").read_text())["skipped"] == list(scores.skipped)


def test_data_sets_that_were_taken_for_classes_are_remarked(
    tmp_path: Path, encoder_folder: Path, paint: Callable[[Path, str, int], None]
) -> None:
    for name in ("one", "two"):
        for colour in ("red", "blue"):
            for number in range(3):
                paint(tmp_path / "sets" / name / colour / f"{number}.png", colour, number)
    (told,) = evaluate(encoder_folder, data=tmp_path / "sets").remarks
    assert told.startswith("Every class is a folder of several folders") and told.endswith(f"{tmp_path}/sets/one")
    assert evaluate(encoder_folder, data=tmp_path / "sets" / "one").remarks == ()
    paint(tmp_path / "sets" / "two" / "9.png", "red", 9)
    assert evaluate(encoder_folder, data=tmp_path / "sets").remarks == ()


def test_too_little_is_left(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    for file in (*(colours / "red").iterdir(), *(colours / "green").iterdir()):
        file.write_bytes(b"")
    with pytest.raises(ViviError, match=r"after 24 unreadable files.*green/00.png: empty file"):
        evaluate(encoder_folder, data=colours)
    for file in (colours / "blue").iterdir():
        file.write_bytes(b"")
    with pytest.raises(ViviError, match=r"none of its 36 images can be read"):
        evaluate(encoder_folder, data=colours, out=tmp_path / "scores.json")
    assert not (tmp_path / "scores.json").exists()


def test_illegal_numbers_and_folders(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    for name in ("splits", "twins", "k"):
        with pytest.raises(ViviError, match=f"{name} is 0"):
            evaluate(encoder_folder, data=colours, **{name: 0})
    with pytest.raises(CheckpointError):
        evaluate(tmp_path / "missing", data=colours)
    with pytest.raises(ViviError, match="is not a folder"):
        evaluate(encoder_folder, data=tmp_path / "missing")
