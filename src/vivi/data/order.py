"""Which samples a step sees: a pure function of (eligible, seed, step, size), the same on every rank."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ConfigError
from vivi.core.seeds import rng


def batch_ids(eligible: NDArray[np.int64], *, seed: int, step: int, size: int) -> NDArray[np.int64]:
    """Ids of the whole batch of one step, in order; a rank takes its slice.

    An epoch is a seeded permutation of all eligible ids, cut into batches; what is left over at its end is dropped.
    So no id comes twice in a batch or in an epoch.

    Args:
        eligible: ids to draw from, each once.
        seed: the experiment's seed.
        step: the global step, from 0.
        size: samples of the whole batch.

    Raises:
        ConfigError: there are fewer eligible ids than a batch needs.
    """
    count = len(eligible)
    if count < size:
        raise ConfigError(
            f"a step needs {size} different samples, the store has {count} that are long enough: "
            f"use --set samples_per_step={count} or fewer (norm_group and the levels' group must divide the shots of a "
            "step: set them too if need be), or ingest more videos"
        )
    epoch, batch = divmod(step, count // size)
    return eligible[_permutation(seed, epoch, count)[batch * size : (batch + 1) * size]]


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    order = rng(seed, step=epoch, purpose="order").permutation(count)
    order.flags.writeable = False
    return order
