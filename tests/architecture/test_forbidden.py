"""What runs foreign code, hides a shell, or belongs to somebody's machine has no place here."""

import ast
import re
from pathlib import Path

import pytest

MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
CALLS = {"eval", "exec", "os.system", "os.popen", "yaml.load", "torch.hub.load"}
METHODS = {"extractall"}
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b")
SOMEBODYS = re.compile(r"(?<![\w.])/(?:home|Users|root|work|opt|mnt)/")
PACKAGE_INDEX = re.compile(r"(?:py(?:pi|thonhosted)|download\.pytorch)\.org", re.IGNORECASE)
CPU_WHEELS = "scripts/setup.py"
TEXTS = ("*.md", "*.toml", "*.txt", "*.cff", "Makefile", ".ci/*")
FOLDERS = ("src", "tests", "benchmarks", "scripts", "docs")


def may_be_true(call: ast.Call, name: str) -> bool:
    """Whether a call passes keyword `name` as anything but a plain False."""
    values = (item.value for item in call.keywords if item.arg == name)
    return any(not (isinstance(value, ast.Constant) and value.value is False) for value in values)


def dangers(tree: ast.Module) -> list[str]:
    """Imports and calls that are not allowed, as "line: what"."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{node.lineno}: import {name}" for name in names if name.split(".")[0] in MODULES]
        if isinstance(node, ast.Call) and is_danger(node):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def is_danger(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    return (
        name in CALLS
        or name.split(".")[-1] in METHODS
        or (name == "torch.load" and "weights_only=True" not in ast.unparse(call))
        or may_be_true(call, "shell")
        or may_be_true(call, "allow_pickle")
    )


@pytest.mark.parametrize(
    ("line", "sound"),
    [
        ("import pickle", False),
        ("from joblib import load", False),
        ("torch.load(path)", False),
        ("torch.load(path, weights_only=False)", False),
        ("torch.load(path, weights_only=True)", True),
        ("subprocess.run(text, shell=True)", False),
        ("subprocess.run(text, shell=shell)", False),
        ("subprocess.run([program])", True),
        ("tar.extractall(path)", False),
        ("yaml.load(text)", False),
        ("numpy.load(path, allow_pickle=True)", False),
        ("numpy.load(path, allow_pickle=False)", True),
        ("eval(text)", False),
        ("model.eval()", True),
    ],
)
def test_the_rule_itself(line, sound):
    assert (dangers(ast.parse(line)) == []) is sound


def test_nothing_runs_foreign_code(parsed):
    found = {path: dangers(tree) for path, tree in parsed("src", "benchmarks", "scripts").items()}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_nothing_is_left_unfinished(parsed, root):
    assert [
        path for path in parsed("src", "benchmarks", "scripts") if UNFINISHED.search((root / path).read_text())
    ] == []


@pytest.fixture
def texts(root: Path) -> dict[str, str]:
    """Every text of the project by its path."""
    top = [file for pattern in TEXTS for file in root.glob(pattern)]
    below = [file for folder in FOLDERS for file in (root / folder).rglob("*") if "__pycache__" not in file.parts]
    files = [file for file in (*top, *below) if file.is_file()]
    return {str(file.relative_to(root)): file.read_text(errors="ignore") for file in files}


def test_no_path_of_somebodys_machine(texts):
    assert len(texts) > 20
    assert [path for path, text in texts.items() if SOMEBODYS.search(text)] == []


def test_only_the_setup_names_a_package_index(texts):
    assert {path for path, text in texts.items() if PACKAGE_INDEX.search(text)} == {CPU_WHEELS}
