"""Which of the networks in a file is meant; several are never chosen among silently."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.convert.layout import Layout
from vivi.convert.variables import Variables, listed
from vivi.core.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Network:
    """One of the networks in a file."""

    layout: Layout
    scope: str
    """What stands before the names of its variables, e.g. "module/" or ""."""
    inner: tuple[str, ...] = ()
    """Scopes of other networks inside this one."""

    def holds(self, name: str) -> bool:
        """Whether a variable stands in the scope of this network and of no inner one."""
        return name.startswith(self.scope) and not name.startswith(self.inner)


def find_network(variables: Variables, layouts: Sequence[Layout], *, scope: str | None, source: Path) -> Network:
    """The only network in one of the `layouts`, or the one in `scope`.

    Of layouts that are recognised by the same variable the first counts.

    Args:
        variables: all of the file.
        layouts: those to try.
        scope: with or without its last slash; None where the file must hold one network only.
        source: the file, for the text of errors.

    Raises:
        CheckpointError: there is none, or there are several to choose from.
    """
    layout_of: dict[tuple[str, str], Layout] = {}
    for layout in layouts:
        for place in layout.scopes(variables):
            layout_of.setdefault((place, layout.anchor), layout)
    if not layout_of:
        raise CheckpointError(_no_network(variables, layouts, source))
    fitting = {key: layout for key, layout in layout_of.items() if scope is None or key[0] == _tidy(scope)}
    if not fitting:
        raise CheckpointError(f"{source} has no network in the scope {scope!r}, it has {_shown(layout_of)}")
    if len(fitting) > 1:
        flag = "--scope" if len({place for place, _ in fitting}) > 1 else "--layout"
        raise CheckpointError(
            f"{source} holds {len(fitting)} networks, {_shown(fitting)}: choose one of them with {flag}"
        )
    (((place, _), layout),) = fitting.items()
    inner = {other for other, _ in layout_of if other != place and other.startswith(place)}
    return Network(layout, place, tuple(sorted(inner)))


def _no_network(variables: Variables, layouts: Sequence[Layout], source: Path) -> str:
    if len(layouts) == 1:
        return (
            f"{source}, read as {layouts[0].name}: it has no variable {layouts[0].anchor} "
            f"({listed(variables, variables)})"
        )
    known = "; ".join(layout.title for layout in layouts)
    return f"{source} holds variables of no layout that vivi knows ({listed(variables, variables)}): it knows {known}"


def _tidy(scope: str) -> str:
    inside = scope.strip("/")
    return f"{inside}/" if inside else ""


def _shown(layout_of: dict[tuple[str, str], Layout]) -> str:
    return ", ".join(f"{place!r} ({layout.name})" for (place, _), layout in layout_of.items())
