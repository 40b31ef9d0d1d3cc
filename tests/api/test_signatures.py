"""The functions of `vivi` have the names and defaults of the command line's flags, so that neither drifts."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import vivi
from vivi import cli

VERBS: dict[str, Callable[..., Any]] = {
    "ingest": vivi.ingest,
    "pretrain": vivi.pretrain,
    "evaluate": vivi.evaluate,
    "embed": vivi.embed,
    "vtab": vivi.vtab,
    "report": vivi.write_report,
    "export": vivi.export,
}
FOR_A_SCREEN = {"json", "dry_run"}
"""Flags that say what is shown."""
FOR_A_PROGRAM = {"progress", "say"}
"""What a caller is told on the way, which a terminal shows."""


def flags(verb: str) -> dict[str, Any]:
    """Name and default of each flag of a verb."""
    function = cli.app[verb].default_command
    return {
        name: each.default for name, each in inspect.signature(function).parameters.items() if name not in FOR_A_SCREEN
    }


def arguments(function: Callable[..., Any]) -> dict[str, Any]:
    """Name and default of each argument."""
    found = inspect.signature(function).parameters
    return {name: each.default for name, each in found.items() if name not in FOR_A_PROGRAM}


@pytest.mark.parametrize("verb", VERBS)
def test_arguments_are_the_flags(verb: str) -> None:
    ours, theirs = arguments(VERBS[verb]), flags(verb)
    assert list(ours) == list(theirs), "add the flag to the function in vivi/api, or the argument to the verb"
    assert {name: _plain(value) for name, value in ours.items()} == {
        name: _plain(value) for name, value in theirs.items()
    }


def _plain(default: Any) -> Any:
    return default if default is inspect.Parameter.empty or default is None else str(default)


@pytest.mark.parametrize("verb", VERBS)
def test_only_the_first_argument_is_positional_and_all_are_explained(verb: str) -> None:
    function = VERBS[verb]
    first, *rest = inspect.signature(function).parameters.values()
    assert first.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert {each.kind for each in rest} == {inspect.Parameter.KEYWORD_ONLY}
    explained = set(
        re.findall(r"^        (\w+): ", inspect.getdoc(function).replace("\n    ", "\n        "), re.MULTILINE)
    )
    assert set(inspect.signature(function).parameters) <= explained


def test_the_front_door_names_what_it_has() -> None:
    assert [name for name in vivi.__all__ if not hasattr(vivi, name)] == []
    assert set(VERBS.values()) <= {getattr(vivi, name) for name in vivi.__all__}
