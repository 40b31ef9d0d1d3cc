"""docs/defaults.md: its tables, made from the origins of all values.

`python -m vivi.presets.page docs/defaults.md` writes them anew between their marks; the rest of the page is by hand.
"""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from vivi.core.config import override
from vivi.core.files import read_text, write_text
from vivi.data.augment import Augmentation
from vivi.data.autoaugment import AutoAugmentV0
from vivi.experiment import Experiment
from vivi.nn.timm_model import TimmModel
from vivi.presets.cases import Place
from vivi.presets.origins import ANYTHING, ORIGINS, Origin
from vivi.presets.provenance import leaves, origin
from vivi.presets.table import PRESETS, find

BEGIN, END = "<!-- tables: python -m vivi.presets.page docs/defaults.md -->", "<!-- end of tables -->"
_HEAD = ("| setting | for | value | from | why |", "| --- | --- | --- | --- | --- |")


def gallery() -> tuple[Experiment, ...]:
    """Experiments with the classes that no preset takes."""
    usual = find("VIVI-Ex(4)")
    chosen = ("pooling=AttentionPooling", "encoder=SlimResNetV2", "encoder=VGG16")
    return (
        *(override(usual, [assignment]) for assignment in chosen),
        dataclasses.replace(usual, encoder=TimmModel(name="resnet50")),
        dataclasses.replace(usual, augmentation=Augmentation(colour=(AutoAugmentV0(),))),
    )


def updated(page: str) -> str:
    """The page with its tables as the origins are now.

    Raises:
        ValueError: the marks of the tables are not there.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no tables: write {BEGIN} and {END} where they belong")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """One table for each part of an experiment, in Markdown."""
    values = values_of_origins()
    return "\n".join(line for title, rows in ORIGINS.items() for line in _table(title, rows, values))


def values_of_origins() -> dict[Origin, tuple[str, ...]]:
    """For every origin that some preset or the gallery needs, the values that it speaks of there, each once."""
    found: dict[Origin, dict[str, None]] = {}
    for now in (*(preset.build() for preset in PRESETS.values()), *gallery()):
        preset = find(now.name)
        for leaf in leaves(now, beside=now):
            row = origin(leaf, place=Place(preset, now, leaf.path, leaf.owner))
            found.setdefault(row, {})[leaf.value] = None
    return {row: tuple(values) for row, values in found.items()}


def _table(title: str, rows: tuple[Origin, ...], values: dict[Origin, tuple[str, ...]]) -> Iterator[str]:
    yield from (f"### {title}", "", *_HEAD)
    for row in rows:
        plain = "." not in row.key or row.key == "Experiment.name"
        shown = "" if plain else ", ".join(f"`{value}`" for value in values.get(row, ()))
        cells = (_setting(row), _for(row), shown, row.whose, row.note)
        yield f"| {' | '.join(cells)} |"
    yield ""


def _setting(row: Origin) -> str:
    return ", ".join(f"`{path}`" for path in row.at) if row.key == ANYTHING else f"`{row.key}`"


def _for(row: Origin) -> str:
    places = [f"`{path}`" for path in row.at] if row.key != ANYTHING else []
    return ", ".join([*places, *([row.when.words] if row.when else [])])


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_text(target, updated(read_text(target)))
