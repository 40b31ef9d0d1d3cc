"""The command line is a promise: it changes only on purpose, and the documents speak of what there is."""

import inspect
import re

from cyclopts import App

from vivi.cli import app

FROZEN = "tests/architecture/commands.txt"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/house.md")


def verbs() -> list[str]:
    """The words that start a command, such as "tasks" and "tasks check"."""
    first = [name for name in app if not name.startswith("-")]
    return [verb for name in first for verb in (name, *(f"{name} {each}" for each in app[name] if each[0] != "-"))]


def program(verb: str) -> App:
    found = app
    for word in verb.split():
        found = found[word]
    return found


def described(verb: str) -> str:
    """A verb with its arguments and flags, a line each: name, and its default or that it is required."""
    lines = [f"vivi {verb}"]
    for argument in program(verb).assemble_argument_collection():
        default = argument.field_info.default
        value = "" if default is inspect.Parameter.empty else f" = {default}"
        lines.append(f"    {' '.join(argument.names)}{value}{' (required)' if argument.required else ''}")
    return "\n".join(lines)


def test_the_command_line_is_frozen(root):
    now = "\n".join(described(verb) for verb in verbs()) + "\n"
    assert now == (root / FROZEN).read_text(), (
        f"if the change is on purpose, write this to {FROZEN} and tell CHANGELOG.md"
    )


def test_documents_name_verbs_and_flags_that_exist(root):
    for document in DOCUMENTS:
        text = (root / document).read_text().replace("\\\n", " ")
        for verb, rest in re.findall(r"^ *vivi ([a-z]+)(.*)$", text, re.MULTILINE):
            assert verb in verbs(), f"{document}: vivi {verb}"
            known = "".join(described(each) for each in verbs() if each.split()[0] == verb)
            unknown = set(re.findall(r"--[a-z-]+", rest)) - set(re.findall(r"--[a-z-]+", known))
            assert unknown == set(), f"{document}: vivi {verb}"
