"""Every verb of the command line is a function with the names and defaults of its flags, so that neither drifts."""

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.architecture.test_command_line import program, verbs

import vivi
from vivi import api

FOR_A_TERMINAL = {
    "completion": "prints a script for a shell",
    "presets": "vivi.preset_names and vivi.preset give what it prints",
    "store": "lists the verbs below it",
}
"""Verbs that are no functions, and why."""
NAMES = {"tasks": "tasks.show"}
"""Verbs whose function has another name than theirs: a module cannot be called."""
SHOWN = {
    "browse": {"open"},
    "compare": {"json"},
    "convert": {"json"},
    "detect": {"json"},
    "embed": {"json"},
    "env": {"json"},
    "evaluate": {"json"},
    "export": {"json"},
    "ingest": {"json"},
    "pretrain": {"json", "dry_run"},
    "robust": {"json"},
    "store info": {"json"},
    "sweep": {"json"},
    "tasks": {"json"},
    "tasks check": {"json"},
    "vtab": {"json", "dry_run"},
}
"""Flags that say what a terminal shows. The --json of `vivi doctor` is a file, which its function writes too."""
FOR_A_PROGRAM = {"progress", "say", "main"}
"""What a terminal shows and a caller is told, and what runs the command lines of the demo."""
VERBS = [verb for verb in verbs() if verb not in FOR_A_TERMINAL]


def function(verb: str) -> Callable[..., Any]:
    found: Any = api
    for name in NAMES.get(verb, verb.replace(" ", ".")).split("."):
        found = getattr(found, name)
    return found


def flags(verb: str) -> dict[str, inspect.Parameter]:
    """The parameters of a verb that are not for a terminal alone, by name."""
    found = inspect.signature(program(verb).default_command).parameters
    return {name: each for name, each in found.items() if name not in SHOWN.get(verb, ())}


def arguments(verb: str) -> dict[str, inspect.Parameter]:
    found = inspect.signature(function(verb)).parameters
    return {name: each for name, each in found.items() if name not in FOR_A_PROGRAM}


def test_no_exception_is_out_of_date() -> None:
    assert set(FOR_A_TERMINAL) | set(NAMES) | set(SHOWN) <= set(verbs())
    for verb, names in SHOWN.items():
        assert names <= set(inspect.signature(program(verb).default_command).parameters), verb


@pytest.mark.parametrize("verb", VERBS)
def test_arguments_are_the_flags(verb: str) -> None:
    ours, theirs = arguments(verb), flags(verb)
    assert list(ours) == list(theirs), "add the flag to the function in vivi/api, or the argument to the verb"
    assert {name: _plain(each.default) for name, each in ours.items()} == {
        name: _plain(each.default) for name, each in theirs.items()
    }


def _plain(default: Any) -> Any:
    return default if default is inspect.Parameter.empty or default is None else str(default)


@pytest.mark.parametrize("verb", VERBS)
def test_only_the_first_argument_is_positional_and_all_are_explained(verb: str) -> None:
    first, *rest = [*inspect.signature(function(verb)).parameters.values()] or [None]
    assert first is None or first.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    keyword = {name for name, each in flags(verb).items() if each.kind is inspect.Parameter.KEYWORD_ONLY}
    assert [
        each.name for each in rest if each.kind is not inspect.Parameter.KEYWORD_ONLY and each.name in keyword
    ] == []
    explained = set(
        re.findall(r"^        (\w+): ", inspect.getdoc(function(verb)).replace("\n    ", "\n        "), re.MULTILINE)
    )
    assert set(inspect.signature(function(verb)).parameters) <= explained


def test_the_front_door_shows_what_no_folder_hides() -> None:
    assert [name for name in vivi.__all__ if not hasattr(vivi, name)] == []
    code = "import sys, vivi; print(*(each for each in vivi.api.__all__ if hasattr(vivi, each)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    folders = {each for each in api.__all__ if _is_module(each)}
    assert set(shown) == set(api.__all__) - folders == set(vivi.__all__) - {"__version__", "api", "load_encoder"}
    assert {"report", "browse", "doctor", "demo", "sweep", "convert"} == folders


def _is_module(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(f"vivi.{name}") is not None


def test_importing_them_loads_next_to_nothing() -> None:
    heavy = {"subprocess", "dataclasses", "inspect", "importlib.metadata", "platform", "json", "numpy", "torch"}
    code = f"import sys, vivi; print(sorted({heavy!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=_with_path())
    assert run.stdout.strip() == "[]", run.stderr


def _with_path() -> dict[str, str]:
    """Without site, whose .pth files load things of their own."""
    return {"PYTHONPATH": str(Path(vivi.__file__).parent.parent)}
