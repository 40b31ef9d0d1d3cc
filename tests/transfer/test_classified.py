"""Top-1 and top-5 with an encoder's own classifier."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from vivi.console.judging import show_scores
from vivi.core.errors import ViviError
from vivi.data.images import ImageFolder
from vivi.nn.classifier import Classifier
from vivi.nn.export import load_encoder, save_encoder
from vivi.probe import clopper_pearson
from vivi.transfer.classified import best_classes, remarks, rows_of_classes
from vivi.transfer.pictures import load_both
from vivi.transfer.quick import evaluate
from vivi.transfer.scores import Scores

NAMES = ("zebra", "red", "comb", "blue", "gnu", "owl", "green", "elk")
"""Of a classifier; the folder has blue, green and red."""
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path, encoder_folder: Path) -> Save:
    """Writes the tiny encoder with a classifier."""

    def saved(weight_CD: torch.Tensor, *, classes: Sequence[str] = NAMES) -> Path:
        tiny = load_encoder(encoder_folder)
        classifier = Classifier(weight_CD=weight_CD, bias_C=torch.zeros(len(classes)), classes=tuple(classes))
        save_encoder(
            tmp_path / "classified", tiny.encoder, encoder=tiny.config, image_size=tiny.image_size,
            name="Co", card="", details={}, classifier=classifier,
        )  # fmt: skip
        return tmp_path / "classified"

    return saved


def weights_for(encoder: Path, folder: ImageFolder, *, places: Sequence[int], names: Sequence[str] = NAMES):
    """The linear map that puts the right class of the i-th test image at places[i] of its ranking; 0 is the best."""
    tiny = load_encoder(encoder)
    crops = torch.stack([torch.from_numpy(load_both(folder.root / image.path, 24)[1]) for image in folder.test])
    features_MD = tiny(tiny.preprocess(crops)).detach().double()
    wanted_MC = torch.zeros(len(places), len(names), dtype=torch.float64)
    for row, (image, place) in enumerate(zip(folder.test, places, strict=True)):
        right = names.index(folder.classes[image.label])
        ranking = [other for other in range(len(names)) if other != right]
        ranking.insert(place, right)
        wanted_MC[row, ranking] = torch.arange(len(names), 0, -1, dtype=torch.float64)
    weight_CD = (torch.linalg.pinv(features_MD) @ wanted_MC).T
    assert (features_MD @ weight_CD.T - wanted_MC).abs().max() < 0.01
    return weight_CD


def rows(scores: Scores, probe: str) -> list[tuple[str, int, int]]:
    return [(each.weights, each.correct, each.total) for each in scores.results if each.probe == probe]


@pytest.mark.parametrize(
    ("places", "first", "five"),
    [
        ((0, 0, 0, 0, 0, 0, 0, 0, 0), 9, 9),
        ((0, 1, 0, 4, 5, 7, 0, 3, 6), 3, 6),
        ((5, 6, 7, 5, 6, 7, 5, 6, 7), 0, 0),
    ],
)
def test_top_1_and_top_5_are_what_was_made(
    save: Save, encoder_folder: Path, colours: Path, places: Sequence[int], first: int, five: int
) -> None:
    weight_CD = weights_for(encoder_folder, ImageFolder.open(colours), places=places)
    scores = evaluate(save(weight_CD), data=colours, batch=5)
    assert rows(scores, "top-1") == [("trained", first, 9)]
    assert rows(scores, "top-5") == [("trained", five, 9)]
    assert scores.remarks == ()
    for each in scores.results:
        assert each.accuracy == each.correct / 9 and each.interval == clopper_pearson(each.correct, total=9)
    assert [(each.weights, each.probe) for each in scores.results] == [
        ("trained", "knn"), ("trained", "logistic"), ("trained", "top-1"), ("trained", "top-5"),
        ("random", "knn"), ("random", "logistic"),
    ]  # fmt: skip


def test_the_order_of_the_classifiers_classes_does_not_matter(save: Save, encoder_folder: Path, colours: Path) -> None:
    weight_CD = weights_for(encoder_folder, ImageFolder.open(colours), places=(0, 1, 0, 4, 5, 7, 0, 3, 6))
    order = torch.randperm(len(NAMES), generator=torch.Generator().manual_seed(3))
    scores = evaluate(save(weight_CD[order], classes=[NAMES[at] for at in order]), data=colours)
    assert rows(scores, "top-1") == [("trained", 3, 9)] and rows(scores, "top-5") == [("trained", 6, 9)]


def test_the_other_scores_are_those_without_a_classifier(save: Save, encoder_folder: Path, colours: Path) -> None:
    plain, named = evaluate(encoder_folder, data=colours), evaluate(save(torch.zeros(8, 64)), data=colours)
    assert [each for each in named.results if not each.probe.startswith("top")] == list(plain.results)
    assert named.neighbours == plain.neighbours and plain.remarks == ()


def test_every_split_has_its_own_test_images(save: Save, encoder_folder: Path, colours: Path) -> None:
    weight_CD = weights_for(encoder_folder, ImageFolder.open(colours, seed=1), places=[0] * 9)
    scores = evaluate(save(weight_CD), data=colours, seed=0, splits=2)
    first = [each for each in scores.results if each.probe == "top-1"]
    assert [each.details["seed"] for each in first] == [0, 1]
    assert first[1].correct == 9 > first[0].correct


def test_what_stands_in_the_file(tmp_path: Path, save: Save, colours: Path) -> None:
    evaluate(save(torch.randn(8, 64)), data=colours, out=tmp_path / "scores.json")
    saved = json.loads((tmp_path / "scores.json").read_text())
    assert saved["version"] == 1 and saved["remarks"] == []
    first, five = (each["details"] for each in saved["results"] if each["probe"].startswith("top"))
    assert first["classes"] == 8 and "centre crop" in first["preprocessing"]
    assert five["guessing"] == 1  # the folder has three classes
    assert "guessing" not in first


def test_guessing_five_classes(tmp_path: Path, save: Save, paint: Callable[[Path, str, int], None]) -> None:
    """Eight classes, of which the first five are the most frequent in the training part, not in the test part."""
    for at, name in enumerate(sorted(NAMES)):
        for number in range(8 - at):
            paint(tmp_path / "data" / "train" / name / f"{number}.png", "red", number)
        for number in range(1 + at):
            paint(tmp_path / "data" / "test" / name / f"{number}.png", "red", 50 + number)
    scores = evaluate(save(torch.randn(8, 64)), data=tmp_path / "data")
    (five,) = (each for each in scores.results if each.probe == "top-5")
    assert five.details["guessing"] == 5 / 8 > (1 + 2 + 3 + 4 + 5) / 36


def test_unreadable_images_do_not_count(save: Save, encoder_folder: Path, colours: Path) -> None:
    folder = ImageFolder.open(colours)
    weight_CD = weights_for(encoder_folder, folder, places=(0, 1, 0, 4, 5, 7, 0, 3, 6))
    (colours / folder.test[1].path).write_bytes(b"")
    (colours / folder.test[2].path).write_bytes(b"")
    scores = evaluate(save(weight_CD), data=colours, batch=3)
    assert rows(scores, "top-1") == [("trained", 2, 7)] and rows(scores, "top-5") == [("trained", 4, 7)]


def test_a_small_classifier_has_no_top_5(save: Save, encoder_folder: Path, colours: Path, capsys) -> None:
    names = ("green", "red", "blue", "owl", "elk")
    folder = ImageFolder.open(colours)
    weight_CD = weights_for(encoder_folder, folder, places=(0, 1, 0, 2, 1, 4, 0, 3, 0), names=names)
    scores = evaluate(save(weight_CD, classes=names), data=colours)
    assert rows(scores, "top-1") == [("trained", 4, 9)] and rows(scores, "top-5") == []
    assert scores.remarks == ("No top-5: the encoder's classifier knows 5 classes, it would have to know 6",)
    show_scores(scores, out=None)
    told = capsys.readouterr().out
    assert scores.remarks[0] in told.splitlines() and "top-1" in told


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (("Red", "owl"), "none of the folder's 3 classes ('blue', 'green', 'red') has a name among the 2 that the "
                         "encoder's classifier knows ('Red', 'owl')"),
        (("red", "blue", "owl"), "the encoder's classifier does not know 1 of the folder's 3 classes ('green')"),
    ],
)  # fmt: skip
def test_folders_of_other_classes_get_no_such_score(save: Save, colours: Path, classes, told: str) -> None:
    scores = evaluate(save(torch.zeros(len(classes), 64), classes=classes), data=colours)
    assert {each.probe for each in scores.results} == {"knn", "logistic"}
    assert scores.remarks == (f"No top-1: {told}",)


def test_long_lists_of_classes_are_cut_short() -> None:
    classifier = Classifier(weight_CD=torch.zeros(8, 2), bias_C=torch.zeros(8), classes=NAMES)
    (told,) = remarks(classifier, classes=[str(number) for number in range(2000)])
    assert "'0', '1', '2', ...)" in told and "('zebra', 'red', 'comb', ...)" in told and len(told) < 250


def test_classes_whose_names_are_no_text_are_found() -> None:
    odd = os.fsdecode(b"caf\xe9")
    classifier = Classifier(weight_CD=torch.zeros(2, 2), bias_C=torch.zeros(2), classes=("cat", "caf\\xe9"))
    assert rows_of_classes(classifier, classes=[odd, "cat"]).tolist() == [1, 0]
    assert rows_of_classes(classifier, classes=[odd, "dog"]) is None
    assert rows_of_classes(None, classes=["cat"]) is None


def test_equal_logits_are_no_help(save: Save) -> None:
    encoder = load_encoder(save(torch.zeros(8, 64)))
    images_BCHW = torch.randint(256, (2, 3, 24, 24), dtype=torch.uint8)
    assert best_classes(encoder, images_BCHW, device="cpu").tolist() == [[0, 1, 2, 3, 4]] * 2


def test_a_classifier_that_diverged(save: Save, colours: Path) -> None:
    weight_CD = torch.zeros(8, 64)
    weight_CD[3, 5] = float("nan")
    with pytest.raises(ViviError, match="classifier gives infinite or undefined logits for 4 of 4 images"):
        evaluate(save(weight_CD), data=colours, batch=16)
