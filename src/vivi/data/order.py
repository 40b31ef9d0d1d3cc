"""Which samples a step sees: a pure function of (eligible, seed, step, size), the same on every rank."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ConfigError
from vivi.core.seeds import rng


def batch_ids(
    eligible: NDArray[np.int64],
    *,
    seed: int,
    step: int,
    size: int,
    stream: str = "",
    field: str = "samples_per_step",
    noun: str = "samples",
) -> NDArray[np.int64]:
    """Ids of the whole batch of one step, in order; a rank takes its slice.

    An epoch is a seeded permutation of all eligible ids, cut into batches; what is left over at its end is dropped.
    So no id comes twice in a batch or in an epoch.

    Args:
        eligible: ids to draw from, each once.
        seed: the experiment's seed.
        step: the global step, from 0.
        size: samples of the whole batch.
        stream: sources that are read side by side have different ones, and orders that do not depend on one another.
        field: the experiment's field that holds `size`, for the message.
        noun: what the ids count, for the message.

    Raises:
        ConfigError: there are fewer eligible ids than a batch needs.
    """
    count = len(eligible)
    if count < size:
        raise ConfigError(
            f"a step needs {size} different {noun}, there are {count}: use --set {field}={count} or fewer (the norm "
            "group and the levels' groups must divide a step: set them too if need be), or give more data; of a store "
            "vivi doctor says which settings of vivi ingest leave more"
        )
    epoch, batch = divmod(step, count // size)
    return eligible[_permutation(seed, f"{stream}order", epoch, count)[batch * size : (batch + 1) * size]]


@lru_cache(maxsize=4)
def _permutation(seed: int, purpose: str, epoch: int, count: int) -> NDArray[np.int64]:
    order = rng(seed, step=epoch, purpose=purpose).permutation(count)
    order.flags.writeable = False
    return order
