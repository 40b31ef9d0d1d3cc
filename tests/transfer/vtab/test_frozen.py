"""Quick judgements on frozen features against the functions they are made of."""

import numpy as np
import pytest
import torch
from tests.reference.tiny_networks import FLAT
from tests.reference.tiny_tasks import examples

from vivi.core.errors import ViviError
from vivi.probe import knn
from vivi.transfer.logistic import logistic
from vivi.transfer.vtab.backbones import open_backbone
from vivi.transfer.vtab.frozen import Features, NeighboursSetting
from vivi.transfer.vtab.image_sets import ImageSet, image_set
from vivi.transfer.vtab.pixels import Squash
from vivi.transfer.vtab.recipe import Recipe, SGDSetting

TRAIN = examples(np.arange(24) % 3, bad=(7,))
TEST = examples(np.arange(12) % 3, part="test", bad=(4,))


def images(source, *, resident: int = 100) -> ImageSet:
    return image_set(source, squash=Squash(8), threads=1, device=torch.device("cpu"), resident=resident)


@pytest.fixture
def features() -> Features:
    return Features.of(open_backbone(FLAT), train=images(TRAIN), judged=images(TEST, resident=0))


def test_features_are_those_of_the_readable_images_in_evaluation_mode(features: Features) -> None:
    module = open_backbone(FLAT).module.eval()
    with torch.no_grad():
        for source, bad, found_ND in ((TRAIN, 7, features.train_ND), (TEST, 4, features.judged_MD)):
            pixels = [Squash(8)(source.read(at)) for at in range(len(source)) if at != bad]
            assert torch.allclose(found_ND, module(torch.tensor(np.stack(pixels)) / 127.5 - 1), atol=1e-6)
    assert features.labels_N.tolist() == [at % 3 for at in range(24) if at != 7]
    assert [name for name, _ in features.unreadable] == ["train/7.png", "test/4.png"]
    assert features.total == 12


def test_the_backbone_stays_in_its_mode() -> None:
    backbone = open_backbone(FLAT)
    Features.of(backbone, train=images(TRAIN), judged=images(TEST))
    assert backbone.module.training


def test_logistic_regression_and_neighbours_are_those_of_the_project(features: Features) -> None:
    fit = logistic(features.train_ND, labels_N=features.labels_N, test_MD=features.judged_MD, seed=3)
    right = int((fit.predictions_M == features.judged_labels_M.numpy()).sum())
    found = features.by_logistic(seed=3)
    assert (found.correct, found.total, found.curve, found.diverged) == (right, 12, (), False)
    named = knn(features.train_ND, labels_N=features.labels_N, test_MD=features.judged_MD, k=3, temperature=0.1)
    found = features.by_neighbours(NeighboursSetting(3, 0.1))
    assert found.correct == int((named == features.judged_labels_M).sum())


def test_heads_know_their_settings_and_orders(features: Features) -> None:
    recipe = Recipe(batch=8, buffer=30)
    slow, fast = SGDSetting(1e-9, 4), SGDSetting(0.5, 80)
    found = features.by_heads([(slow, "a"), (fast, "a"), (fast, "b")], classes=3, recipe=recipe, seed=0)
    assert [len(each.curve) for each in found] == [4, 20, 20]
    assert found[1].curve[-1][1] < found[0].curve[-1][1]
    assert found[1].curve != found[2].curve
    assert found[1].correct > 6


def test_one_class_alone_is_what_everything_is_called() -> None:
    alone = Features.of(open_backbone(FLAT), train=images(examples([2, 2, 2])), judged=images(TEST))
    found = alone.by_logistic(seed=0)
    assert (found.correct, found.total) == (4, 12)


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(ViviError, match="none of 2 training images can be read"):
        Features.of(open_backbone(FLAT), train=images(examples([0, 1], bad=(0, 1))), judged=images(TEST))


@pytest.mark.parametrize("resident", [100, 0])
def test_nothing_to_judge_on_is_said(resident: int) -> None:
    nothing = images(examples([0, 1], part="test", bad=(0, 1)), resident=resident)
    with pytest.raises(ViviError, match=r"none of 2 images to judge on can be read; the first, test/0.png: damaged"):
        Features.of(open_backbone(FLAT), train=images(TRAIN), judged=nothing)


def test_features_are_taken_in_float32_on_a_gpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default cuDNN's convolutions round to TensorFloat-32."""
    backbone, seen = open_backbone(FLAT), []
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    backbone.module.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    Features.of(backbone, train=images(TRAIN), judged=images(TEST))
    assert seen and not any(seen) and torch.backends.cudnn.allow_tf32


def test_features_that_are_not_finite_are_refused() -> None:
    backbone = open_backbone(FLAT)
    torch.nn.init.constant_(backbone.module.conv.weight, float("nan"))
    with pytest.raises(ViviError, match="infinite or undefined features"):
        Features.of(backbone, train=images(TRAIN), judged=images(TEST))
