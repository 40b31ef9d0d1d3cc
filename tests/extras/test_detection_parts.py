"""The parts of the detector that need torchvision and torchmetrics, but not torchvision's compiled operators.

The whole detector is tested in tests/transfer/detection/test_detector.py, where those operators work.
"""

import numpy as np
import pytest
import torch
from tests.reference.compiled_operators import detection_works
from tests.reference.encoder_folder import trained
from tests.reference.slow_average_precision import OVERLAPS as SLOW_OVERLAPS
from tests.reference.slow_average_precision import average_precision

from vivi.core.errors import ConfigError, ViviError
from vivi.nn.export import LoadedEncoder
from vivi.nn.norm import GroupNormWS
from vivi.nn.resnet_v2 import ResNetV2
from vivi.nn.timm_model import TimmModel
from vivi.transfer.detection.batches import Target
from vivi.transfer.detection.detector import Pyramid, build_detector
from vivi.transfer.detection.library import check_operators
from vivi.transfer.detection.measure import OVERLAPS, measure
from vivi.transfer.detection.recipe import chosen
from vivi.transfer.detection.stage_maps import STRIDES, stage_maps
from vivi.transfer.detection.step import Found

pytestmark = pytest.mark.extras

SMALL = ("pyramid_channels=16", "head_features=24", "short_sides=[64]", "long_side=96", "anchor_sides=[8,16,24,32,48]")


def loaded(config):
    module = trained(config) if isinstance(config, ResNetV2) else config.build()
    return LoadedEncoder(module, config=config, image_size=32, name="tiny", details={}, fingerprint="0" * 12)


@pytest.fixture
def encoder():
    return loaded(ResNetV2(depth=18, width=0.125))


def state(detector):
    return {name: value.clone() for name, value in detector.state_dict().items()}


@pytest.mark.parametrize("norm", [None, GroupNormWS()], ids=str)
def test_the_pyramid_has_five_levels(norm):
    config = ResNetV2(depth=18, width=0.125) if norm is None else ResNetV2(depth=18, width=0.125, norm=norm)
    pyramid = Pyramid(stage_maps(loaded(config), frozen_norm=True, frozen_parts=0), channels=16)
    found = pyramid(torch.randn(2, 3, 128, 192))
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    names = ("0", "1", "2", "3", "pool")
    strides = (*STRIDES, 64)
    assert shapes == {name: (2, 16, 128 // by, 192 // by) for name, by in zip(names, strides, strict=True)}


def test_the_encoder_sees_its_own_range(encoder):
    """0 and 255 become -1 and 1, as `LoadedEncoder.preprocess` makes of them, and the short side is resized."""
    detector = build_detector(encoder, recipe=chosen(assignments=SMALL), classes=3)
    image_CHW = torch.zeros(3, 32, 40)
    image_CHW[:, :, 20:] = 1
    images, _ = detector.transform([image_CHW])
    assert images.image_sizes == [(64, 80)]
    inside = images.tensors[0, :, :64, :80]
    assert (float(inside.min()), float(inside.max())) == (-1, 1)
    assert (inside[:, :, 0] == -1).all() and (inside[:, :, 79] == 1).all()


def test_new_weights_follow_from_the_seed_alone(encoder):
    built = []
    for outside, seed in ((1, 0), (2, 0), (1, 7)):
        torch.manual_seed(outside)
        before = torch.get_rng_state()
        built.append(state(build_detector(encoder, recipe=chosen(assignments=[*SMALL, f"seed={seed}"]), classes=3)))
        assert torch.equal(torch.get_rng_state(), before)
    one, same, other = built
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one["rpn.head.cls_logits.weight"], other["rpn.head.cls_logits.weight"])
    taken = {name: value for name, value in one.items() if name.startswith("backbone.maps.encoder.")}
    for name, value in encoder.encoder.state_dict().items():
        assert torch.equal(taken[f"backbone.maps.encoder.{name}"], value), name


def test_the_recipe_decides_sizes(encoder):
    detector = build_detector(encoder, recipe=chosen(assignments=[*SMALL, "proposals=50", "regions=40"]), classes=3)
    assert detector.training
    assert tuple(detector.roi_heads.box_predictor.cls_score.weight.shape) == (4, 24)  # the background is class 0
    assert detector.rpn.anchor_generator.sizes == ((8,), (16,), (24,), (32,), (48,))
    assert detector.rpn._pre_nms_top_n == {"training": 100, "testing": 50}
    assert detector.roi_heads.fg_bg_sampler.batch_size_per_image == 40
    frozen = build_detector(encoder, recipe=chosen(assignments=[*SMALL, "frozen_parts=5"]), classes=3)
    learning = {name for name, value in frozen.named_parameters() if value.requires_grad}
    assert learning and not any(name.startswith("backbone.maps.encoder.st") for name in learning)


def test_random_batch_norms_are_not_frozen(encoder):
    with pytest.raises(ConfigError, match=r"random: .*set frozen_norm=false"):
        build_detector(encoder, recipe=chosen(assignments=[*SMALL, "random=1"]), classes=3)


def test_missing_operators_are_said_to_be_missing():
    if detection_works():
        check_operators()
    else:
        with pytest.raises(ViviError, match="torchvision does not work beside torch"):
            check_operators()


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_timm_models_with_stages_have_maps(name):
    encoder = loaded(TimmModel(name=name))
    maps = stage_maps(encoder, frozen_norm=True, frozen_parts=0).eval()
    found = maps(torch.randn(1, 3, 64, 96))
    assert [tuple(each.shape) for each in found] == [
        (1, channels, 64 // stride, 96 // stride) for channels, stride in zip(maps.channels, STRIDES, strict=True)
    ]


def test_the_last_map_of_timms_resnet_averages_to_its_features():
    encoder = loaded(TimmModel(name="resnet18")).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        last = stage_maps(encoder, frozen_norm=True, frozen_parts=0).eval()(x)[3]
        torch.testing.assert_close(last.mean(dim=(2, 3)), encoder(x))


def test_other_timm_models_are_refused():
    encoder = loaded(TimmModel(name="vit_tiny_patch16_224", image_size=64))
    with pytest.raises(ConfigError, match="vit_tiny_patch16_224 has no maps of strides 4, 8, 16 and 32"):
        stage_maps(encoder, frozen_norm=True, frozen_parts=0)
    with pytest.raises(ConfigError, match="frozen_parts: resnet18 is timm's"):
        stage_maps(loaded(TimmModel(name="resnet18")), frozen_norm=True, frozen_parts=1)


def scene(random, classes):
    """True boxes, and found ones of which some are near them; (found, labels, scores, true, labels, difficult)."""

    def boxes(count):
        corner = random.uniform(0, 60, size=(count, 2))
        return np.concatenate([corner, corner + random.uniform(8, 40, size=(count, 2))], axis=1)

    true = boxes(random.integers(0, 5))
    true_labels = random.integers(1, classes + 1, size=len(true))
    near = [each + random.normal(0, 2.5, size=4) for each in true for _ in range(random.integers(0, 3))]
    near = [each for each in near if each[2] > each[0] + 1 and each[3] > each[1] + 1]
    found = np.concatenate([np.array(near).reshape(-1, 4), boxes(random.integers(0, 4))])
    labels = random.integers(1, classes + 1, size=len(found))
    labels[: len(near)] = np.where(random.random(len(near)) < 0.8, 1, labels[: len(near)])
    difficult = random.random(len(true)) < 0.25
    single = found.astype(np.float32), true.astype(np.float32)
    return single[0], labels, random.random(len(found)).astype(np.float32), single[1], true_labels, difficult


def pair(found, labels, scores, true, true_labels, difficult):
    given = Found(torch.tensor(found), labels_D=torch.tensor(labels), scores_D=torch.tensor(scores))
    target = Target(torch.tensor(true), labels_O=torch.tensor(true_labels), difficult_O=torch.tensor(difficult))
    return given, target


@pytest.mark.parametrize("seed", range(4))
def test_precision_equals_that_of_slow_loops(seed):
    random = np.random.default_rng(seed)
    classes = ("a", "b", "c")
    images = [scene(random, len(classes)) for _ in range(12)]
    measured = measure([pair(*image) for image in images], classes=classes)
    lists = [tuple(part.tolist() for part in image) for image in images]
    means = []
    for number, each in enumerate(measured.classes, start=1):
        slow = [average_precision(lists, number, least) for least in SLOW_OVERLAPS]
        assert each.objects == sum(
            label == number and not hard for image in images for label, hard in zip(image[4], image[5], strict=True)
        )
        ours = (each.precision.ap, each.precision.ap50, each.precision.ap75)
        expected = (sum(slow) / len(slow), slow[0], slow[5])
        assert ours == pytest.approx(expected, abs=1e-6)
        means.append(expected)
    mean = (measured.mean.ap, measured.mean.ap50, measured.mean.ap75)
    assert mean == pytest.approx(np.mean(means, axis=0).tolist(), abs=1e-6)
    assert 0 < measured.mean.ap < 1
    assert tuple(round(each, 2) for each in SLOW_OVERLAPS) == OVERLAPS


def test_precision_worked_out_by_hand():
    """One class: the better of two boxes is right at 0.5 but not at 0.75; the other object is missed: half is recalled.

    Recalls 0 to 0.5 are 51 of 101 places, with precision 1. The box covers 60 % of the object, so it is right at the
    overlaps 0.5, 0.55 and 0.6.
    """
    true = [[0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]]
    found = [[0.0, 0.0, 10.0, 6.001], [30.0, 0.0, 40.0, 10.0]]
    image = pair(np.float32(found), [1, 1], np.float32([0.9, 0.8]), np.float32(true), [1, 1], [False, False])
    mean = measure([image], classes=("a",)).mean
    assert (mean.ap, mean.ap50, mean.ap75) == pytest.approx((3 / 10 * 51 / 101, 51 / 101, 0.0), abs=1e-9)


def test_difficult_objects_are_neither_found_nor_missed():
    true = np.float32([[0, 0, 10, 10], [50, 50, 60, 60]])
    found = np.float32([[50, 50, 60, 60], [0, 0, 10, 10]])
    image = pair(found, [1, 1], np.float32([0.9, 0.8]), true, [1, 1], [False, True])
    (only,) = measure([image], classes=("a",)).classes
    assert only.objects == 1 and only.precision.ap == pytest.approx(1.0)


def test_a_class_without_objects_has_no_precision():
    empty = np.zeros((0, 4), dtype=np.float32)
    nothing = np.zeros(0, dtype=np.int64)
    one = pair(np.float32([[0, 0, 9, 9]]), [2], np.float32([0.9]), np.float32([[0, 0, 9, 9]]), [1], [False])
    measured = measure([one], classes=("a", "b", "c"))
    assert [each.precision.ap for each in measured.classes] == [0.0, None, None]
    assert measured.mean.ap == 0.0
    none = pair(empty, nothing, np.float32([]), empty, nothing, np.zeros(0, dtype=bool))
    assert measure([none], classes=("a",)).mean.ap is None
