"""What all pages have in common: one HTML file in one style, that loads nothing and runs nothing."""

import os
import platform
import re
from collections.abc import Callable, Mapping
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vivi import __version__
from vivi.core.files import check_output, write_text
from vivi.core.visible import visible

_STYLE = "style.css"
_SPACES = re.compile("([\n\N{NO-BREAK SPACE}\N{THIN SPACE}]+)")
"""What is not visible and may stand in a page: the ends of lines, and the spaces of numbers."""
_SHOWN_VERSIONS = ("torch", "numpy", "av", "opencv-python-headless", "simplejpeg", "scikit-learn", "matplotlib")


def write_page(out: Path, *, package: str, template: str, **values: Any) -> Path:
    """Write a page and return its absolute path.

    Args:
        out: the HTML file.
        package: of this project, that holds the template.
        template: a Jinja file there; it is given `style` (the report's style sheet), `environment` (versions and
            machine) and the values.
        values: shown by the template; texts are escaped, SVG figures made by this package are not.

    Raises:
        ViviError: the file cannot be written.
    """
    check_output(out)
    write_text(out, render(package=package, template=template, **values))
    return out.resolve()


def render(
    *, package: str, template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any
) -> str:
    """The page as HTML; everything that is not markup of this package is escaped. `filters` are more of Jinja's.

    Characters that nobody sees, or that turn the direction of writing, are shown as escapes.
    """
    jinja = Environment(
        autoescape=True, finalize=_seen, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    jinja.filters.update(thousands=thousands, seconds=seconds, **(filters or {}))
    text = resources.files(package).joinpath(template).read_text(encoding="utf-8")
    return jinja.from_string(text).render(style=style_sheet(), environment=environment(), **values)


def _seen(value: Any) -> Any:
    """What stands in the page for a value: texts are made visible, markup and all else is left."""
    if type(value) is not str or value.isprintable():
        return value
    return "".join(part if number % 2 else visible(part) for number, part in enumerate(_SPACES.split(value)))


def style_sheet() -> Markup:
    """What all pages look like."""
    return Markup(resources.files("vivi.report").joinpath(_STYLE).read_text(encoding="utf-8"))


def figure(svg: str | None) -> Markup | None:
    """An SVG figure of this package, which is markup already."""
    return None if svg is None else Markup(svg)


def thousands(value: int) -> str:
    """With thin spaces."""
    return f"{value:,}".replace(",", "\N{THIN SPACE}")


def seconds(value: float) -> str:
    """At most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def environment() -> dict[str, str]:
    """Versions of what ran here, and the size of the machine."""
    versions = {name: _version(name) for name in _SHOWN_VERSIONS}
    machine = {"vivi": __version__, "python": platform.python_version()}
    return machine | versions | {"system": f"{platform.system()} {platform.machine()}", "cpu cores": str(_cores())}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
