"""Every call of `vivi` in README and the documents is one that the program takes: its verb, flags, values, presets."""

import re
import tomllib
from pathlib import Path

import pytest
from cyclopts import CycloptsError
from tests.reference.pages import README, ROOT, Call, calls, inline_calls

from vivi.cli import app
from vivi.core.errors import ViviError
from vivi.presets import changed, find, tiny

PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
ALWAYS = {"--help", "--help-all", "--version"}
EXTRAS = re.compile(r"pip install [^\n]*?[\"'](?:vivi|\.)\\?\[([\w,-]+)\]")


def flags_of(call: Call) -> set[str]:
    """Those that its verb has; the verb is one word, or two as in "store info"."""
    first, *rest = call.text.split()
    program = app[first]
    if rest and rest[0] in set(program):
        program = program[rest[0]]
    return {name for argument in program.assemble_argument_collection() for name in argument.names}


def wrong(call: Call) -> str:
    """What the program would say against a call; empty if nothing."""
    verb = call.text.split()[0]
    if verb not in set(app):
        return f"there is no verb {verb}"
    if unknown := call.flags - flags_of(call) - ALWAYS:
        return f"vivi {verb} has no {', '.join(sorted(unknown))}"
    if not call.is_whole or call.flags & ALWAYS:
        return ""
    try:
        _, bound, _ = app.parse_args(call.words, print_error=False, exit_on_error=False)
        if verb in ("pretrain", "sweep"):
            experiment = find(bound.arguments["preset"])
            experiment = tiny(experiment) if "--tiny" in call.flags else experiment
            changed(experiment, assignments=bound.arguments.get("set_", ()))
    except (CycloptsError, ViviError) as error:
        return str(error)
    return ""


def test_what_the_program_would_not_take_is_found():
    assert wrong(Call("ingst my_videos --out store")) == "there is no verb ingst"
    assert wrong(Call('pretrain "VIVI-Ex(4)" --data store --out run --learning-rate 1 # --tiny'))
    assert "has no --fast" in wrong(Call("store merge A B ... --out NEW [--fast]"))
    assert wrong(Call("store merge A B ... --out NEW [--copy]")) == ""
    assert "--out" in wrong(Call("pretrain VIVI --data store"))
    assert "steps" in wrong(Call("pretrain VIVI --out run --steps many")).lower()
    assert "did you mean 'VIVI-Ex" in wrong(Call('pretrain "VIVI-Ex(5)" --data store --out run'))
    assert "'learning_rate'" in wrong(Call('pretrain "VIVI-Ex(4)" --out run --set optimiser.learning_rat=1'))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_program_takes_the_calls_of_a_page(page: Path):
    found = {call.text: wrong(call) for call in calls(page)}
    assert {text: said for text, said in found.items() if said} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_running_text_speaks_of_verbs_and_flags_that_exist(page: Path):
    found = {call.text: wrong(Call(call.text + " ...")) for call in inline_calls(page)}
    assert {text: said for text, said in found.items() if said} == {}


def test_the_calls_of_the_pages_are_found():
    assert len(calls(README)) > 20 and len(inline_calls(README)) > 5
    assert sum(len(calls(page)) for page in PAGES) > 80


def test_what_pip_is_asked_for_exists():
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    texts = {file: file.read_text() for file in [*PAGES, *ROOT.glob("src/**/*.py")]}
    named = {
        (file, each) for file, text in texts.items() for group in EXTRAS.findall(text) for each in group.split(",")
    }
    assert len(named) > 10
    assert {(file, each) for file, each in named if each not in extras} == set()
