"""The app: its addresses, its faults, its guard."""

from collections.abc import Callable
from importlib import resources
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vivi.browse.changes import Changes
from vivi.browse.guard import Guard
from vivi.browse.library import Library
from vivi.browse.pages import Pages
from vivi.browse.views import Views
from vivi.core.errors import ViviError

if TYPE_CHECKING:  # without an encoder nobody waits for torch
    from vivi.browse.opinion import Opinion

_STATIC = {"browse.css": "text/css", "browse.js": "text/javascript", "icon.svg": "image/svg+xml"}
_TITLES = {
    400: "This cannot be read",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This is not how it is asked",
    413: "This is too much",
    500: "Something is broken",
}


def create_app(
    library: Library, *, opinion: "Opinion | None" = None, token: str, hosts: frozenset[str], cookie: str
) -> Starlette:
    """The web app over an open store.

    Args:
        library: the store.
        opinion: of an encoder; None without one.
        token: that the first address must have.
        hosts: values of the Host header that are answered, in lower case, such as 127.0.0.1:8765.
        cookie: name of the cookie that takes the place of the token.
    """
    pages = Pages(library, encoder=None if opinion is None else opinion.name)
    views = Views(library, opinion=opinion, pages=pages)
    changes = Changes(library, opinion=opinion, pages=pages, views=views)
    faults = _Faults(pages)
    return Starlette(
        routes=[
            Route("/", views.videos),
            Route("/video/{video:int}", views.video),
            Route("/video/{video:int}/cuts", changes.save_cuts, methods=["POST"]),
            Route("/video/{video:int}/frame/{frame:int}", views.frame),
            Route("/image/{video:int}/{frame:int}.jpg", views.image),
            Route("/thumb/{video:int}/{frame:int}.jpg", views.thumbnail),
            Route("/preview/{video:int}/{first:int}-{count:int}.{kind}", views.preview),
            Route("/similar", changes.similar),
            Route("/similar", changes.look, methods=["POST"]),
            Route("/similar/{key}.jpg", changes.dropped_picture),
            Route("/similar/{key}", changes.looked),
            *_static_routes(),
        ],
        middleware=[Middleware(Guard, token=token, hosts=hosts, cookie=cookie)],
        exception_handlers={
            HTTPException: faults.refused,
            ViviError: faults.broken,
            IndexError: faults.missing,
            OSError: faults.unreadable,
        },
    )


class _Faults:
    """Pages that say what went wrong."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def refused(self, request: Request, error: Exception) -> Response:  # noqa: ARG002 (Starlette's signature)
        """A request that is not one of ours."""
        assert isinstance(error, HTTPException)
        standard = error.detail in ("Not Found", "Method Not Allowed")
        return self._show(error.status_code, "" if standard else error.detail)

    def missing(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """A frame or a video that there is not."""
        return self._show(404, "There is no such frame.")

    def broken(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """A damaged store, a full disk, a file of cuts that was changed into something else."""
        return self._show(500, str(error))

    def unreadable(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """What the operating system refused."""
        return self._show(500, f"{getattr(error, 'strerror', None) or error}")

    def _show(self, status: int, text: str) -> Response:
        return self._pages.show("fault", status=status, title=_TITLES.get(status, "This does not work"), text=text)


def _static_routes() -> list[Route]:
    """Three files that are read now: no address leads into a folder."""
    return [Route(f"/static/{name}", _static(name, kind)) for name, kind in _STATIC.items()]


def _static(name: str, kind: str) -> Callable[[Request], Response]:
    data = resources.files("vivi.browse").joinpath("static", name).read_bytes()

    def answer(request: Request) -> Response:  # noqa: ARG001 (Starlette's signature)
        return Response(data, media_type=kind, headers={"cache-control": "no-cache"})

    return answer
