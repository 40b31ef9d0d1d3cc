"""Frozen, typed trees of configuration: define, dump, load, override, fingerprint and compare them.

A configuration class stands beside the component it configures and is declared with `@config`. Saved JSON names
classes as `module:Class`; only classes of this package that were declared with `@config` are ever loaded.
"""

import dataclasses
import difflib
import hashlib
import importlib
import inspect
import json
import pkgutil
import types
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

import pydantic
from pydantic.dataclasses import dataclass as pydantic_dataclass

from vivi.core.errors import ConfigError

T = TypeVar("T")
_MARK = "__vivi_config__"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def config(cls: type[T]) -> type[T]:
    """Declare a frozen, keyword-only, validated configuration class."""
    settings = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False)
    made: type[T] = pydantic_dataclass(frozen=True, kw_only=True, config=settings)(cls)  # type: ignore[assignment]
    setattr(made, _MARK, made.__qualname__)
    return made


def is_config(value: Any) -> bool:
    """Whether `value` is an instance of a class declared with `@config` itself (not merely a subclass of one)."""
    return not isinstance(value, type) and vars(type(value)).get(_MARK) is not None


def dump(value: Any) -> Any:
    """A configuration tree as JSON values; every configuration names its class as `module:Class`."""
    if is_config(value):
        fields = {field.name: dump(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", **fields}
    if isinstance(value, tuple):
        return [dump(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a configuration")


def load(data: Any, kind: type[T], *, source: str = "configuration") -> T:
    """Build a configuration tree from `dump`'s values.

    Raises:
        ConfigError: an unknown class or field, or an illegal value; the text names `source`.
    """
    value = _load(data, source)
    if not isinstance(value, kind):
        raise ConfigError(f"{source}: expected a {kind.__name__}, found {type(value).__name__}")
    return value


def _load(data: Any, source: str) -> Any:
    if isinstance(data, list):
        return tuple(_load(item, source) for item in data)
    if not isinstance(data, dict):
        return data
    cls = _find_class(data.get("class"), source)
    return build(cls, {name: _load(item, source) for name, item in data.items() if name != "class"}, source=source)


def _find_class(name: Any, source: str) -> type[Any]:
    module, _, attribute = str(name).partition(":")
    if module.split(".")[0] == "vivi":
        try:
            found = getattr(importlib.import_module(module), attribute, None)
        except ImportError:
            found = None
        if isinstance(found, type) and vars(found).get(_MARK) is not None:
            return found
    raise ConfigError(f"{source}: {name!r} is not a configuration class of this version of vivi")


def build(cls: type[T], values: dict[str, Any], *, source: str) -> T:
    """Call `cls(**values)` and turn what pydantic says into one line.

    Raises:
        ConfigError: an unknown field, a missing field or an illegal value.
    """
    try:
        return cls(**values)
    except pydantic.ValidationError as error:
        raise ConfigError(f"{source}: {explain(error, cls)}") from error


def explain(error: pydantic.ValidationError, cls: type[Any]) -> str:
    """One line for a validation error: field, what is wrong, nearest legal name."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or cls.__name__
    if first["type"] == "missing":
        return f"{cls.__name__} has no default for {where!r}: set it too"
    if first["type"] == "unexpected_keyword_argument":
        return f"{cls.__name__} has no field {where!r}{_suggest(where, _field_names(cls))}"
    got = "" if first["type"] == "value_error" else f", got {first.get('input')!r}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{got}"


def override(tree: T, assignments: Iterable[str]) -> T:
    """Apply assignments such as "optimiser.learning_rate=0.1" or "frame_levels.0.weight=2"; values are JSON or text.

    Cross-checks see the tree with all of them applied, so their order does not matter, but that a class is named before
    its fields are set: "pooling=AttentionPooling", then "pooling.hidden=64". A single one may stand without a list.

    Raises:
        ConfigError: no such field (the nearest are named) or an illegal value.
    """
    assignments = (assignments,) if isinstance(assignments, str) else tuple(assignments)
    if not assignments:
        return tree
    data = dump(tree)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise ConfigError(f"--set {assignment}: write it as field.field=value, e.g. optimiser.learning_rate=0.1")
        _assign(data, type(tree), path.strip().split("."), text.strip(), f"--set {assignment}")
    return load(data, type(tree), source="--set " + " --set ".join(assignments))


def _assign(data: Any, hint: Any, path: list[str], text: str, source: str) -> None:
    """Set one leaf of `data`, a dumped value of type `hint`."""
    name, rest = path[0], path[1:]
    key: Any
    if isinstance(data, list):
        if not name.isdigit() or int(name) >= len(data):
            raise ConfigError(f"{source}: {name!r} is not a position; legal: {_listed(map(str, range(len(data))))}")
        key, hint = int(name), get_args(hint)[0]
    elif isinstance(data, dict):
        cls = _find_class(data["class"], source)
        if name not in (names := _field_names(cls)):
            hint = _elsewhere(data, ".".join(path), names) or _suggest(name, names)
            raise ConfigError(f"{source}: {cls.__name__} has no field {name!r}{hint}")
        key, hint = name, get_type_hints(cls, include_extras=True)[name]
    elif data is None:
        raise ConfigError(
            f"{source}: there is none in this experiment, so {name!r} cannot be set; take a preset with it"
        )
    else:
        raise ConfigError(f"{source}: nothing lies below this value, remove {'.'.join(path)!r}")
    classes = {each.__name__: each for each in _classes(hint)}
    below = data[key] if isinstance(data, list) else data.get(key)
    if rest:
        _assign(below, hint, rest, text, source)
    elif text in classes:
        data[key] = _fresh(classes[text])
    elif isinstance(below, list) and (members := _members(hint)):
        data[key] = [_fresh(each) for each in _named(text, members, source)]
    elif isinstance(below, dict):
        fields = _listed(_field_names(_find_class(below["class"], source)))
        raise ConfigError(
            f"{source}: this is a group; set one of its fields: {fields}"
            + (f"; or name another class: {_listed(classes)}" if len(classes) > 1 else "")
        )
    else:
        data[key] = dump(_parse(text, hint, source))


def _members(hint: Any) -> dict[str, type[Any]]:
    """The classes that a field of type `hint` may hold many of, by name; none where it holds something else."""
    many = get_origin(hint) is tuple
    return {each.__name__: each for argument in get_args(hint)[:1] for each in _classes(argument)} if many else {}


def _named(text: str, legal: dict[str, type[Any]], source: str) -> list[type[Any]]:
    """The classes in a JSON list of their names."""
    try:
        names = json.loads(text)
        return [legal[name] for name in names]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f'{source}: write a list of names, as in ["{next(iter(legal))}"]; legal: {_listed(legal)}'
        ) from None


def _fresh(cls: type[Any]) -> Any:
    """A configuration with its defaults, dumped; where a field has none, it is left out until it is set."""
    try:
        return dump(cls())
    except pydantic.ValidationError:
        return {"class": f"{cls.__module__}:{cls.__qualname__}"}


def _classes(hint: Any) -> list[type[Any]]:
    """The concrete configuration classes that a field of type `hint` may hold, e.g. BatchNorm, GroupNormWS for Norm."""
    if not isinstance(hint, type):
        return [each for argument in get_args(hint) for each in _classes(argument)] if _is_union(hint) else []
    if vars(hint).get(_MARK) is None:
        return []
    _import_beside(hint)
    return _concrete(hint)


def _concrete(cls: type[Any]) -> list[type[Any]]:
    children: list[type[Any]] = cls.__subclasses__()
    below = [each for child in children for each in _concrete(child)]
    return below if inspect.isabstract(cls) else [cls, *below]


def _import_beside(cls: type[Any]) -> None:
    """Import the files that stand beside the one of `cls`: a new class is a new file, known by standing there."""
    package = cls.__module__.rpartition(".")[0]
    if package.startswith("vivi."):
        for each in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{each.name}")


def _is_union(hint: Any) -> bool:
    return isinstance(hint, types.UnionType) or get_origin(hint) is Union


def _parse(text: str, hint: Any, source: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(hint)
    for candidate in (value, text):
        try:
            return adapter.validate_python(candidate)
        except pydantic.ValidationError as error:
            problem = error
    raise ConfigError(f"{source}: {problem.errors(include_url=False)[0]['msg']}, got {text!r}")


def fingerprint(tree: Any) -> str:
    """Twelve hexadecimal digits that change when any value of the tree changes."""
    text = json.dumps(dump(tree), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(ours: Any, theirs: Any, *, path: str = "") -> list[str]:
    """Where two dumped trees differ, as lines "a.b: 1 -> 2"."""
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        ours, theirs = dict(enumerate(ours)), dict(enumerate(theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = [*ours, *(key for key in theirs if key not in ours)]
        below = (differences(ours.get(key), theirs.get(key), path=f"{path}.{key}".lstrip(".")) for key in keys)
        return [line for lines in below for line in lines]
    return [] if ours == theirs else [f"{path}: {json.dumps(ours)} -> {json.dumps(theirs)}"]


def _field_names(cls: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _suggest(name: str, legal: list[str]) -> str:
    near = difflib.get_close_matches(name, legal, n=1)
    return (f", did you mean {near[0]!r}?" if near else ".") + f" Legal: {_listed(legal)}"


def _elsewhere(data: Any, wanted: str, legal: list[str]) -> str:
    """A hint at a value further below that has the wanted name; empty where a field here is near, or nothing is."""
    if difflib.get_close_matches(wanted.partition(".")[0], legal, n=1):
        return ""
    found = [path for path in _paths(data) if path.endswith(f".{wanted}")]
    return f", did you mean {' or '.join(map(repr, found[:3]))}?" if found else ""


def _paths(data: Any, path: str = "") -> Iterator[str]:
    """Every path below a dumped tree that `override` takes."""
    below: Iterable[tuple[Any, Any]] = ()
    if isinstance(data, dict):
        below = ((name, each) for name, each in data.items() if name != "class")
    elif isinstance(data, list):
        below = enumerate(data)
    for name, each in below:
        yield f"{path}.{name}".lstrip(".")
        yield from _paths(each, f"{path}.{name}".lstrip("."))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
