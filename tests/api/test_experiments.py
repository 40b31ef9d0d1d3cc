"""Options that are refused before anything is begun."""

import math

import pytest

from vivi.api.experiments import run_options
from vivi.core.errors import ConfigError
from vivi.core.world import World


@pytest.mark.parametrize("gigabytes", [0.0, -1.0, math.nan, math.inf])
def test_no_such_memory(gigabytes: float) -> None:
    with pytest.raises(ConfigError, match=f"--memory {gigabytes:g}: give the gigabytes"):
        run_options(World.single("cpu"), None, chunks="auto", memory=gigabytes)


def test_memory_is_told_in_bytes() -> None:
    assert run_options(World.single("cpu"), None, chunks="auto", memory=1.5).memory == 1_500_000_000
