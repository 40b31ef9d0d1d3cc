"""A torch module that a Python function of the user's returns, by the name `python:MODULE:FUNCTION`."""

import importlib
import os
import sys

from torch import nn

from vivi.core.errors import ViviError

PYTHON = "python"
"""What stands before the colon and the function."""


def user_module(spec: str) -> nn.Module:
    """Call the function; its module is looked for in the current folder too.

    Args:
        spec: "python:MODULE:FUNCTION"; the function takes no arguments.

    Raises:
        ViviError: it is written otherwise, cannot be imported or called, or returns something else.
    """
    module_name, _, name = spec.removeprefix(f"{PYTHON}:").partition(":")
    if not module_name or not name:
        raise ViviError(f"{spec}: write it as python:MODULE:FUNCTION, e.g. python:my_models:resnet")
    if os.getcwd() not in sys.path:  # noqa: PTH109 (compared with texts)
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        module = getattr(importlib.import_module(module_name), name)()
    except Exception as error:  # a module of the user's may raise anything
        raise ViviError(f"{spec}: {type(error).__name__}: {first_line(error)}; mend the function") from error
    if not isinstance(module, nn.Module):
        raise ViviError(f"{spec}: it must return a torch.nn.Module, not {type(module).__name__}; mend the function")
    return module


def first_line(error: Exception) -> str:
    """What an error says first, or its kind if it says nothing."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
