"""Processes that stay for all tests, and the store of the training tests."""

from collections.abc import Iterator

import pytest
from tests.reference.ranks import RankPools
from tests.reference.tiny_store import tiny_store  # noqa: F401 (a fixture)


@pytest.fixture(scope="session")
def pools() -> Iterator[RankPools]:
    """Ask `pools.run(ranks, work, ...)`; the processes live until the session ends."""
    with RankPools() as all_pools:
        yield all_pools
