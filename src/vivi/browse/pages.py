"""Templates and what they may call. Every text that came from a file is escaped, and so are characters nobody sees."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from vivi import __version__
from vivi.browse.library import THUMBNAIL, Library, Video
from vivi.browse.strips import PART, bars, ticks
from vivi.core.visible import visible


class Pages:
    """Renders templates with what all of them show."""

    def __init__(self, library: Library, *, encoder: str | None) -> None:
        """`encoder` is its name, None without one."""
        self._digest = library.store.digest
        self._jinja = Environment(
            loader=PackageLoader("vivi.browse"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters.update(seen=visible, thousands=thousands, seconds=seconds, bars=bars, ticks=ticks)
        self._jinja.globals.update(
            library=library,
            store=library.store,
            corrections=library.corrections,
            encoder=encoder,
            version=__version__,
            thumb=self._thumb,
            picture=self._picture,
            address=address,
            thumb_size=_thumb_size,
            thumb_height=THUMBNAIL,
            part_size=PART,
        )

    def show(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page.

        Args:
            template: a file of `templates/`, without its endings.
            status: of the answer.
            values: for the template.
        """
        text = self._jinja.get_template(f"{template}.html.j2").render(**values)
        return HTMLResponse(text, status_code=status)

    def _thumb(self, video: int, frame: int) -> str:
        """Address of a small picture; another store has other addresses, so a browser's memory is never wrong."""
        return f"/thumb/{video}/{frame}.jpg?{self._digest}"

    def _picture(self, video: int, frame: int) -> str:
        return f"/image/{video}/{frame}.jpg?{self._digest}"


def _thumb_size(video: Video) -> Markup:
    """Width and height of the small pictures of a video, as attributes: a page does not jump while they load."""
    height = min(THUMBNAIL, video.height)
    width = max(1, min(round(video.width * height / video.height), 4 * height))
    return Markup(f'width="{width}" height="{height}"')


def thousands(value: int) -> str:
    """A number with thin spaces."""
    return f"{value:,}".replace(",", "\N{THIN SPACE}")


def seconds(value: float) -> str:
    """A time such as 7.5 s, 12:07 or 1:02:03."""
    if value < 60:
        return f"{value:.2f}".rstrip("0").rstrip(".") + "\N{NO-BREAK SPACE}s"
    whole = round(value)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def address(path: str, values: Mapping[str, Any]) -> str:
    """A path with those of the values that are not empty."""
    chosen = {name: value for name, value in values.items() if value not in ("", None)}
    return f"{path}?{urlencode(chosen)}" if chosen else path
