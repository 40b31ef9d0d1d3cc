"""What a step sees: a function of seed and step, with boxes that follow the pixels."""

import numpy as np
import pytest
import torch

from vivi.core.errors import ConfigError
from vivi.optim import Schedule
from vivi.transfer.detection.annotation import Annotation
from vivi.transfer.detection.batches import (
    Sample,
    Target,
    TrainingOrder,
    mirrored,
    target_of,
    training_batches,
    without_difficult,
)
from vivi.transfer.detection.recipe import Recipe
from vivi.transfer.detection.voc import read_list

SCHEDULE = Schedule(steps=7, warmup=0, decays=())
RECIPE = Recipe(batch=5, schedule=SCHEDULE)


def batches(world, recipe=RECIPE, *, first=0, workers=2):
    found = read_list(world, "trainval")
    return list(training_batches(found, classes=found.classes, recipe=recipe, first=first, workers=workers))


def same(one, other):
    return torch.equal(one.image_CHW, other.image_CHW) and torch.equal(one.target.boxes_O4, other.target.boxes_O4)


def test_a_mirrored_box_frames_the_same_pixels():
    """A bright block of an image is inside its box before and after."""
    image_CHW = torch.zeros(3, 5, 11, dtype=torch.uint8)
    image_CHW[:, 1:3, 2:6] = 9
    target = Target(torch.tensor([[2.0, 1.0, 6.0, 3.0]]), labels_O=torch.tensor([4]), difficult_O=torch.tensor([True]))
    turned = mirrored(Sample(image_CHW, target))
    assert turned.target.boxes_O4.tolist() == [[5, 1, 9, 3]]
    assert (turned.image_CHW[:, 1:3, 5:9] == 9).all() and int(turned.image_CHW.count_nonzero()) == 3 * 2 * 4
    assert turned.target.labels_O.tolist() == [4] and turned.target.difficult_O.tolist() == [True]
    assert same(mirrored(turned), Sample(image_CHW, target))


def test_classes_are_numbered_from_1_and_difficult_ones_can_be_left_out():
    boxes_O4 = np.array([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]], dtype=np.float32)
    difficult_O = np.array([False, True, False])
    found = Annotation(9, height=9, boxes_O4=boxes_O4, names=("b", "a", "b"), difficult_O=difficult_O, clipped=0)
    target = target_of(found, classes=("a", "b"))
    assert target.labels_O.tolist() == [2, 1, 2]
    kept = without_difficult(target)
    assert kept.labels_O.tolist() == [2, 2] and kept.boxes_O4[:, 2].tolist() == [1, 3]


def test_an_epoch_sees_no_image_twice():
    order = TrainingOrder(12, recipe=RECIPE)
    first, second, third = (order.images(step).tolist() for step in range(3))
    assert len({*first, *second}) == 10
    assert len(set(third)) == 5 and third != first


@pytest.mark.parametrize("flip", [0.0, 0.3, 1.0])
def test_as_many_are_mirrored_as_asked(flip):
    order = TrainingOrder(100, recipe=Recipe(batch=100, flip=flip))
    share = np.mean([order.mirrored(step).mean() for step in range(50)])
    assert abs(share - flip) < 4 * (flip * (1 - flip) / 5000) ** 0.5 + 1e-12


def test_batches_do_not_depend_on_threads_or_on_where_one_begins(world):
    whole = batches(world)
    assert [len(each) for each in whole] == [5] * 7
    for others in (batches(world, workers=1), batches(world, workers=4)):
        assert all(
            same(*pair) for one, other in zip(whole, others, strict=True) for pair in zip(one, other, strict=True)
        )
    rest = batches(world, first=4)
    assert all(same(*pair) for one, other in zip(whole[4:], rest, strict=True) for pair in zip(one, other, strict=True))
    assert batches(world, first=7) == []


def test_another_seed_is_another_order(world):
    one, other = batches(world), batches(world, Recipe(batch=5, schedule=SCHEDULE, seed=1))
    assert not all(same(*pair) for pair in zip(one[0], other[0], strict=True))


def test_difficult_objects_are_learned_where_the_recipe_says_so(own_world):
    for file in (own_world / "Annotations").iterdir():
        file.write_text(file.read_text().replace("<difficult>0", "<difficult>1"))
    for learned in (True, False):
        recipe = Recipe(batch=3, schedule=Schedule(steps=1, warmup=0, decays=()), learn_difficult=learned)
        (samples,) = batches(own_world, recipe)
        assert {len(sample.target.labels_O) > 0 for sample in samples} == {learned}
        assert all(sample.target.boxes_O4.shape == (len(sample.target.labels_O), 4) for sample in samples)


def test_too_few_images_are_refused(world):
    with pytest.raises(ConfigError, match="takes 13 images, there are 12: --set batch=12"):
        TrainingOrder(12, recipe=Recipe(batch=13))
