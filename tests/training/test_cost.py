"""What a dry run says is counted as a step counts."""

import pytest

from vivi.core.config import override
from vivi.core.world import World
from vivi.model import VIVI
from vivi.presets import find, tiny
from vivi.training.cost import cost

WORLD = World.single()


def small(name: str):
    return override(tiny(find(name)), ["augmentation.crop.size=32"])


@pytest.mark.parametrize(
    ("name", "views"),
    [("VIVI-Ex(4)", 1), ("VIVI-Rot(4)", 4)],  # rotation shows every frame in four turns
)
def test_pictures_and_parameters(name, views):
    experiment = small(name)
    found = cost(experiment, world=WORLD)
    assert found.pictures_per_step == experiment.samples_per_step * 4 * experiment.sampling.frames
    assert found.encoded_per_step == views * found.pictures_per_step
    model = VIVI(experiment)
    assert found.parameters == sum(each.numel() for each in model.encoder.parameters())
    assert found.parameters + found.head_parameters == sum(each.numel() for each in model.parameters())
    assert found.hours == pytest.approx(found.steps * found.seconds_per_step / 3600)


def test_labelled_images_count_too():
    experiment = override(small("VIVI-Ex(4)-Co(10%)"), ["labelled.augmentation.crop.size=32"])
    found = cost(experiment, world=WORLD)
    assert found.encoded_per_step == experiment.frames_per_step + experiment.images_per_step


def test_chunks_divide_the_memory_of_the_activations():
    experiment = small("VIVI-Ex(4)")
    one, four = (cost(experiment, world=WORLD, chunks=chunks) for chunks in (1, 4))
    assert four.memory < one.memory and (one.chunks, four.chunks) == (1, 4)
    fixed = (4 * one.memory - 16 * four.memory) // -12  # memory = fixed + activations / chunks
    assert one.memory - fixed == pytest.approx(4 * (four.memory - fixed), rel=0.2)
    assert cost(experiment, world=WORLD, chunks=None).chunks == 1
