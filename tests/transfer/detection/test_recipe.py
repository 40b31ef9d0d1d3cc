"""The recipe: its values, its checks and its learning rate."""

import pytest

from vivi.core.config import dump, fingerprint, load
from vivi.core.errors import ConfigError
from vivi.optim import Schedule
from vivi.transfer.detection.recipe import Recipe, chosen


def test_a_recipe_survives_being_saved():
    recipe = chosen(assignments=["random=3", "short_sides=[64,96]", "frozen_norm=false"])
    assert load(dump(recipe), Recipe) == recipe
    assert recipe.random == 3 and recipe.short_sides == (64, 96)
    assert fingerprint(recipe) != fingerprint(Recipe())


def test_the_rate_follows_batch_and_schedule():
    """0.02 for 16 images; a quarter of the images take a quarter of it; a tenth after each decay."""
    recipe = Recipe()
    assert recipe.rate(0) == pytest.approx(0.02 / 100)
    assert recipe.rate(49) == pytest.approx(0.01)
    assert [recipe.rate(step) for step in (99, 11_999, 12_000, 16_000)] == pytest.approx([0.02, 0.02, 0.002, 0.0002])
    small = Recipe(batch=4, schedule=Schedule(steps=9, warmup=0, decays=(5,)))
    assert [small.rate(step) for step in (0, 4, 5)] == pytest.approx([0.005, 0.005, 0.0005])


def test_steps_stretch_the_schedule():
    assert chosen(steps=180).schedule == Schedule(steps=180, warmup=1, decays=(120, 160))
    assert chosen(steps=0).schedule == Schedule(steps=0, warmup=0, decays=(0, 0))
    assert chosen(steps=180, assignments=["schedule.warmup=0"]).schedule.warmup == 0


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("short_sides=[]", "short_sides: must be one or more sizes that rise"),
        ("short_sides=[64,64]", "sizes that rise"),
        ("long_side=700", "long_side: must be at least 800"),
        ("anchor_sides=[8,16,32,64]", "anchor_sides: must be 5 sizes"),
        ("anchor_sides=[8,16,32,64,48]", "anchor_sides: must be 5 sizes that rise"),
        ("batch=0", "batch"),
        ("flip=1.5", "flip"),
        ("frozen_parts=6", "frozen_parts"),
        ("frozen_norms=true", "did you mean 'frozen_norm'"),
    ],
)
def test_illegal_values_are_named(assignment, said):
    with pytest.raises(ConfigError, match=said):
        chosen(assignments=[assignment])
