"""The order of samples: epochs of permutations, pure in (seed, step)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivi.core.errors import ConfigError
from vivi.data.order import batch_ids


def test_an_epoch_shows_no_id_twice_and_drops_the_remainder():
    eligible = np.arange(0, 46, 2)  # 23 ids
    epoch = np.concatenate([batch_ids(eligible, seed=3, step=step, size=5) for step in range(4)])
    assert len(set(epoch.tolist())) == 20
    assert set(epoch.tolist()) <= set(eligible.tolist())


def test_epochs_and_seeds_differ():
    eligible = np.arange(20)
    batches = [batch_ids(eligible, seed=seed, step=step, size=20).tolist() for seed in (0, 1) for step in (0, 1)]
    assert len({tuple(batch) for batch in batches}) == 4
    assert all(sorted(batch) == list(range(20)) for batch in batches)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 500), st.integers(-5, 5))
def test_a_batch_depends_on_its_step_alone(count, size, step, seed):
    eligible = np.arange(count) * 7 + 1
    if size > count:
        with pytest.raises(ConfigError, match=f"samples_per_step={count}"):
            batch_ids(eligible, seed=seed, step=step, size=size)
        return
    batch_ids(eligible, seed=seed + 1, step=step + 40, size=size)
    first = batch_ids(eligible, seed=seed, step=step, size=size).tolist()
    batch_ids(eligible, seed=seed, step=0, size=size)
    assert batch_ids(eligible, seed=seed, step=step, size=size).tolist() == first
    assert len(set(first)) == size


def test_streams_have_orders_of_their_own():
    eligible = np.arange(20)
    plain, other = (
        [batch_ids(eligible, seed=0, step=step, size=20, stream=stream).tolist() for step in range(5)]
        for stream in ("", "images/")
    )
    assert all(ours != theirs for ours, theirs in zip(plain, other, strict=True))
    assert [sorted(batch) for batch in other] == [list(range(20))] * 5


def test_too_few_are_said_in_the_words_of_the_caller():
    with pytest.raises(ConfigError) as caught:
        batch_ids(np.arange(3), seed=0, step=0, size=8, field="labelled.images_per_step", noun="images")
    said = str(caught.value)
    assert said.startswith(
        "a step needs 8 different images, there are 3: use --set labelled.images_per_step=3 or fewer"
    )
    assert "\n" not in said


def test_every_id_comes_equally_often_in_the_long_run():
    eligible = np.arange(7)
    seen = np.concatenate([batch_ids(eligible, seed=0, step=step, size=3) for step in range(2 * 700)])
    counts = np.bincount(seen, minlength=7)
    assert counts.sum() == 2 * 700 * 3
    assert np.abs(counts / 600 - 1).max() < 0.08
