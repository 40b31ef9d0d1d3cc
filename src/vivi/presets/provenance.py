"""Every value of an experiment with whose it is: the paper's, its ancestors', inferred, ours, or the user's."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vivi.core.config import dump, is_config
from vivi.core.errors import ConfigError
from vivi.experiment import Experiment
from vivi.presets.cases import Place
from vivi.presets.modifiers import tiny
from vivi.presets.origins import ORIGINS, Origin, Whose
from vivi.presets.table import PRESETS

_TINY = tiny.__name__.capitalize()


@dataclass(frozen=True, slots=True)
class Explained:
    """One value, and where it comes from."""

    path: str
    """As --set takes it."""
    value: str
    """As --set takes it; a configuration is its class."""
    whose: Whose
    note: str
    """The section, the file or the reason."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of an experiment: a number, a text, null, a list of such, or the choice of a class."""

    path: str
    value: str
    keys: tuple[str, ...]
    """Under which an origin may stand: "Class.field" or "Class", of the class itself and those above it."""
    owner: Any
    """The configuration that holds it."""
    usual: bool
    """Whether the experiment that it is compared with has the same."""


def explained(experiment: Experiment) -> tuple[Explained, ...]:
    """All values of a preset, of its tiny form, or of one with changed values, in the order of the fields.

    Raises:
        ConfigError: the name is not that of a preset, with or without -Tiny and the star of changed values.
    """
    preset, meant = _meant(experiment.name)
    full = {leaf.path: leaf.value for leaf in leaves(preset, beside=preset)}
    return tuple(
        _explained(leaf, place=Place(preset, experiment, leaf.path, leaf.owner), meant=meant, full=full)
        for leaf in leaves(experiment, beside=meant)
    )


def origin(leaf: Leaf, *, place: Place) -> Origin:
    """Where a value comes from that nobody has changed.

    Raises:
        LookupError: the table of origins has a gap.
    """
    for rows in ORIGINS.values():
        for row in rows:
            if row.fits(leaf.keys, place):
                return row
    raise LookupError(f"{leaf.path}: no origin is known for any of {', '.join(leaf.keys)}")


def leaves(node: Any, *, beside: Any, path: str = "") -> Iterator[Leaf]:
    """The values of a configuration and of all below it, compared with those of `beside`.

    Where `beside` is of another class, values are compared with the defaults of their own class.
    """
    for field in dataclasses.fields(node):
        keys = tuple(f"{name}.{field.name}" for name in _names(type(node)))
        alike = type(beside) is type(node)
        usual = getattr(beside, field.name) if alike else type(node).__pydantic_fields__[field.name].default
        yield from _below(getattr(node, field.name), usual=usual, keys=keys, owner=node, path=f"{path}{field.name}")


def _below(value: Any, *, usual: Any, keys: tuple[str, ...], owner: Any, path: str) -> Iterator[Leaf]:
    if is_config(value):
        if dataclasses.is_dataclass(type(value).__base__):
            name, alike = type(value).__name__, type(usual) is type(value)
            yield Leaf(path, name, keys=_names(type(value)), owner=owner, usual=alike)
        yield from leaves(value, beside=usual, path=f"{path}.")
    elif isinstance(value, tuple) and any(is_config(item) for item in value):
        others = usual if isinstance(usual, tuple) else ()
        for number, item in enumerate(value):
            other = others[number] if number < len(others) else dataclasses.MISSING
            yield from _below(item, usual=other, keys=keys, owner=owner, path=f"{path}.{number}")
    else:
        text = json.dumps(dump(value)) if not isinstance(value, str) else value
        yield Leaf(path, text, keys=keys, owner=owner, usual=value == usual)


def _explained(leaf: Leaf, *, place: Place, meant: Experiment, full: dict[str, str]) -> Explained:
    if not leaf.usual:
        before = {each.path: each.value for each in leaves(meant, beside=meant)}.get(leaf.path)
        note = "changed" if before is None else f"changed: {before} in {meant.name}"
        return Explained(leaf.path, leaf.value, "yours", note)
    if full.get(leaf.path, leaf.value) != leaf.value and meant is not place.preset:
        return Explained(leaf.path, leaf.value, "ours", f"tiny: {full[leaf.path]} in {place.preset.name}")
    row = origin(leaf, place=place)
    return Explained(leaf.path, leaf.value, row.whose, row.note)


def _meant(name: str) -> tuple[Experiment, Experiment]:
    """The preset of that name in full size, and what the whole name means."""
    plain = name.removesuffix("*")
    full = plain.removesuffix(f"-{_TINY}")
    if full not in PRESETS:
        raise ConfigError(f"name: {name!r} is not the name of a preset, so nothing is known of its values")
    preset = PRESETS[full].build()
    return preset, preset if plain == full else tiny(preset)


def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(each.__name__ for each in cls.__mro__ if dataclasses.is_dataclass(each))
