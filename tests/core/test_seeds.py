"""Random numbers: the same for the same place in the run, independent for every other place."""

import itertools

import numpy as np
import pytest
import torch

from vivi.core.seeds import MAX_SAMPLE, MAX_STEP, Draw, rng, torch_generator


def first(seed: int = 0, step: int = 0, purpose: str = "crop", sample: int = 0) -> int:
    return int(rng(seed, step=step, purpose=purpose, sample=sample).integers(2**62))


def test_the_same_place_gives_the_same_numbers() -> None:
    assert first(3, 7, "clip", 11) == first(3, 7, "clip", 11)
    rng(3, step=7, purpose="clip", sample=11).random(1000)
    assert first(3, 7, "clip", 11) == first(3, 7, "clip", 11)


def test_the_numbers_are_those_of_the_first_release() -> None:
    assert rng(0, step=0, purpose="crop").integers(1000, size=4).tolist() == [863, 418, 114, 882]


def test_every_place_has_numbers_of_its_own() -> None:
    places = itertools.product((0, 1, -1), (0, 1, MAX_STEP - 1), ("crop", "clip"), (0, 1, MAX_SAMPLE - 1))
    drawn = [first(*place) for place in places]
    assert len(set(drawn)) == len(drawn) == 54


def test_a_step_and_a_sample_are_not_mixed_up() -> None:
    assert first(step=1, sample=0) != first(step=0, sample=1)
    assert len({first(step=step, sample=sample) for step in range(20) for sample in range(20)}) == 400


def test_neighbouring_samples_are_uncorrelated() -> None:
    drawn = np.stack([rng(0, step=5, purpose="crop", sample=sample).standard_normal(500) for sample in range(40)])
    correlation = np.corrcoef(drawn) - np.eye(40)
    assert np.abs(correlation).max() < 0.25
    assert abs(drawn.mean()) < 0.03 and abs(drawn.std() - 1) < 0.03


@pytest.mark.parametrize(("step", "sample"), [(-1, 0), (MAX_STEP, 0), (0, -1), (0, MAX_SAMPLE)])
def test_a_place_outside_the_run_is_refused(step: int, sample: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        rng(0, step=step, purpose="crop", sample=sample)


def test_torch_draws_the_same_too() -> None:
    drawn = [torch.rand(3, generator=torch_generator(0, step=step, purpose="colour")) for step in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_ranks_share_out_one_draw() -> None:
    whole = Draw(seed=1, step=2, purpose="rotation", first=0, count=12, total=12).integers("turns", high=4)
    parts = [
        Draw(seed=1, step=2, purpose="rotation", first=at, count=4, total=12).integers("turns", high=4)
        for at in (0, 4, 8)
    ]
    assert whole.dtype == torch.int64 and set(whole.tolist()) <= {0, 1, 2, 3} and len(set(whole.tolist())) > 1
    assert torch.equal(torch.cat(parts), whole)
