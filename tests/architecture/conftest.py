"""The source as syntax trees, and the plan that it has to follow."""

import ast
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def plan() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "floors.json").read_text())


@pytest.fixture(scope="session")
def parsed() -> Callable[..., dict[str, ast.Module]]:
    """Syntax trees of all Python files in folders of the project, by path from its root."""

    @functools.cache
    def parse(*folders: str) -> dict[str, ast.Module]:
        files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
        return {str(file.relative_to(ROOT)): ast.parse(file.read_text(), str(file)) for file in files}

    return parse
