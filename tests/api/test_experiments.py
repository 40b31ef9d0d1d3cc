"""Options that are refused before anything is begun."""

import math
from typing import Any

import pytest

from vivi.api.experiments import run_options
from vivi.core.errors import ConfigError
from vivi.core.world import World


@pytest.mark.parametrize("gigabytes", [0.0, -1.0, math.nan, math.inf])
def test_no_such_memory(gigabytes: float) -> None:
    with pytest.raises(ConfigError, match=f"--memory {gigabytes:g}: give the gigabytes"):
        run_options(World.single("cpu"), None, chunks="auto", memory=gigabytes)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"precision": "fp16"}, "--precision fp16: legal: auto, fp32, bf16"),
        ({"chunks": "all"}, "--chunks all: legal: auto, or a number from 1 on"),
    ],
)
def test_words_that_no_option_has(options: dict[str, Any], told: str) -> None:
    """A program may give them; the command line asks for one of its own words."""
    with pytest.raises(ConfigError, match=told):
        run_options(World.single("cpu"), None, **options)


def test_memory_is_told_in_bytes() -> None:
    assert run_options(World.single("cpu"), None, chunks="auto", memory=1.5).memory == 1_500_000_000
