"""Names that tell apart what shares one: the name, and in brackets what only this one has."""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import PurePath

Label = tuple[str, ...]
"""A name and the marks that were added to it; a mark may be empty."""


def written(label: Label) -> str:
    """The label as text: "name [mark, mark]"."""
    marks = ", ".join(filter(None, label[1:]))
    return f"{label[0]} [{marks}]" if marks else label[0]


def tell_apart(labels: Sequence[Label], *, by: Sequence[str]) -> list[Label]:
    """Mark the labels that several share, each with its value of `by`; where all of them have one value, none is."""
    values: dict[Label, set[str]] = {}
    for label, value in zip(labels, by, strict=True):
        values.setdefault(label, set()).add(value)
    return [(*label, value) if len(values[label]) > 1 else label for label, value in zip(labels, by, strict=True)]


def path_marks(labels: Sequence[Label], *, paths: Sequence[str]) -> list[str]:
    """What each path has for itself among the paths of the same label; empty where it is the only one."""
    shared: dict[Label, list[str]] = {}
    for label, path in zip(labels, paths, strict=True):
        shared.setdefault(label, []).append(path)
    parts = {label: _differing_parts(each) for label, each in shared.items()}
    return [parts[label][path] for label, path in zip(labels, paths, strict=True)]


def _differing_parts(paths: Sequence[str]) -> dict[str, str]:
    """What is left of each path without the folders that all begin with and the folders that all end with."""
    parts = {path: PurePath(path).parts for path in paths}
    if len(parts) == 1:
        return dict.fromkeys(parts, "")
    before = _common(list(parts.values()))
    behind = _common([each[before:][::-1] for each in parts.values()])
    return {path: "/".join(each[before : len(each) - behind]) for path, each in parts.items()}


def _common(sequences: Sequence[tuple[str, ...]]) -> int:
    """How many items all sequences begin with."""
    return sum(1 for _ in takewhile(lambda items: len(set(items)) == 1, zip(*sequences, strict=False)))
