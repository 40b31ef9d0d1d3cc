"""Command lines that cannot be parsed: what is wrong with them, what is legal, and what to type instead."""

import difflib
from collections.abc import Iterable
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from cyclopts import App, CoercionError, CycloptsError, MissingArgumentError
from cyclopts.exceptions import UnusedCliTokensError

_KINDS = {int: "a whole number", float: "a number"}


def told(error: CycloptsError, app: App) -> str:
    """One line about `error`, which parsing a command line of `app` ended with."""
    command = " ".join((*app.name, *(error.command_chain or ())))
    if isinstance(error, UnusedCliTokensError):
        return _unused(error, app, command=command)
    if type(error) is MissingArgumentError:
        return _missing(error, app, command=command)
    if isinstance(error, CoercionError) and error.token is not None and (kind := _kind(error.target_type)):
        name = error.token.keyword or "the value"
        return f"{command}: {name} takes {kind}, got {error.token.value!r}"
    return " ".join(str(error).split())


def _unused(error: UnusedCliTokensError, app: App, *, command: str) -> str:
    """Words that are left over: a mistyped verb of a group of verbs, or values too many."""
    chain = tuple(error.command_chain or ())
    unused = error.unused_tokens or []
    words = ", ".join(map(repr, unused))
    verbs = [name for name in _at(app, chain) if not name.startswith("-")]
    if verbs:
        given = (error.root_input_tokens or unused)[len(chain) :]
        near = [hit for word in given for hit in difflib.get_close_matches(word, verbs, n=1)]
        hint = f"did you mean {command} {near[0]}?" if near else f"its verbs are {', '.join(verbs)}"
        return f"{command} does not take {words}: {hint}"
    return (
        f"{command} does not take {words}: a flag takes one value, give it again for each further one "
        f"(--flag A --flag B), and put names with spaces in quotes; {command} --help"
    )


def _missing(error: MissingArgumentError, app: App, *, command: str) -> str:
    """A flag without its value, or one that cannot be left out."""
    if error.keyword is not None:
        return f"{command}: {error.keyword} needs a value after it; {command} --help says which"
    assert error.argument is not None
    name = error.argument.name
    what = name if error.argument.index is None else name.lstrip("-").upper()
    arguments = _at(app, error.command_chain).assemble_argument_collection()
    flags = [each for argument in arguments for each in argument.names]
    for word in error.unused_tokens or ():
        flag = word.partition("=")[0]
        if flag.startswith("-") and flag not in flags and (near := difflib.get_close_matches(flag, flags, n=1)):
            return f"{command}: {what} is missing. Did you mean {near[0]} instead of {flag}?"
    return f"{command}: {what} is missing; {command} --help says what it is"


def _at(app: App, chain: Iterable[str] | None) -> App:
    """The verb, or the group of verbs, that these names lead to."""
    for name in chain or ():
        app = app[name]
    return app


def _kind(hint: Any) -> str:
    """What a flag takes, in words; empty where cyclopts says it better, such as for a choice of names."""
    if hint in _KINDS:
        return _KINDS[hint]
    kinds = [
        ", ".join(map(str, get_args(each))) if get_origin(each) is Literal else _KINDS.get(each, "")
        for each in get_args(hint)
        if each is not NoneType and get_origin(hint) is not Literal
    ]
    return " or ".join(kinds) if all(kinds) else ""
