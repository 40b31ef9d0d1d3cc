"""A file fits in a head, a function on a screen."""

import ast

import pytest

LONGEST_FILE, LONGEST_FUNCTION = 320, 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}


def long_functions(tree: ast.Module) -> list[str]:
    """Functions of more than LONGEST_FUNCTION lines; a docstring does not count."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    lengths = ((node.name, span(node) - (span(node.body[0]) if ast.get_docstring(node) else 0)) for node in functions)
    return [f"{name}: {length} lines" for name, length in lengths if length > LONGEST_FUNCTION]


def span(node: ast.stmt) -> int:
    """Lines from the first to the last of a statement."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize(("lines", "sound"), [(LONGEST_FUNCTION - 1, True), (LONGEST_FUNCTION, False)])
def test_the_rule_itself(lines, sound):
    tree = ast.parse("class A:\n  def f(self):\n    '''Says\n    what.'''\n" + "    1\n" * lines)
    assert (long_functions(tree) == []) is sound


def test_files_are_short(parsed, root):
    lengths = {
        path: len((root / path).read_text().splitlines()) for path in parsed("src", "tests", "benchmarks", "scripts")
    }
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_are_short(parsed):
    found = {path: long_functions(tree) for path, tree in parsed("src", "tests", "benchmarks", "scripts").items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_names_say_what_is_inside(parsed):
    assert [path for path in parsed("src") if VAGUE & set(path.removesuffix(".py").split("/"))] == []
