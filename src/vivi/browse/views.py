"""Pages that are read: the list of videos, a video, a frame; and pictures and films by numbers, never by names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vivi.browse.library import ORDERS, Library, Video
from vivi.browse.pages import Pages
from vivi.browse.previews import Previews
from vivi.browse.ranges import ranged
from vivi.browse.strips import ORIGINS, strips

if TYPE_CHECKING:
    from vivi.browse.nearest import Hit
    from vivi.browse.opinion import Opinion

PAGE = 24
"""Videos on a page of the list."""
_KEEP = {"cache-control": "private, max-age=86400, immutable"}


@dataclass(frozen=True, slots=True)
class Found:
    """A frame that a search found."""

    hit: "Hit"
    video: Video


class Views:
    """The endpoints; those of Starlette that are no coroutines run in threads."""

    def __init__(self, library: Library, *, opinion: "Opinion | None", pages: Pages) -> None:
        self._library, self._opinion, self._pages = library, opinion, pages
        self._previews = Previews(library)

    def videos(self, request: Request) -> Response:
        """The list, searched and in pages."""
        words, order = request.query_params.get("q", ""), request.query_params.get("order", "")
        found = self._library.names.search(words, order=order)
        last = max(1, -(-len(found) // PAGE))
        page = min(max(whole(request, "page", 1), 1), last)
        numbers = found[PAGE * (page - 1) : PAGE * page].tolist()
        return self._pages.show(
            "videos",
            words=words,
            order=order if order in ORDERS else "",
            orders=ORDERS,
            videos=[self._library.video(number) for number in numbers],
            count=len(found),
            page=page,
            last=last,
            page_size=PAGE,
        )

    def video(self, request: Request) -> Response:
        """One video: shots, distances, cuts, and what the encoder says of its shots."""
        number = self._number(request)
        asked = request.query_params
        shown = strips(
            self._library,
            number,
            threshold=_share(asked.get("threshold")),
            origin=asked.get("show"),
            part=whole(request, "part", 1),
        )
        opinion = self._opinion
        return self._pages.show(
            "video",
            strips=shown,
            video=shown.video,
            origins=ORIGINS,
            rate=self._previews.rate,
            kind=self._previews.kind,
            alike=None if opinion is None else opinion.shots_alike(number, shown.video.shots).tolist(),
            notice=asked.get("done", ""),
        )

    def frame(self, request: Request) -> Response:
        """One frame, large, and the frames of other videos that are most like it."""
        number, frame = self._number(request), whole(request, "frame", 0)
        video = self._library.video(number)
        if frame >= video.frames:
            raise HTTPException(404, "This video has no such frame.")
        found = [] if self._opinion is None else self.found(self._opinion.like_frame(number, frame))
        shot = next((each for each in video.shots if each.first <= frame < each.first + each.length), None)
        exact = self._opinion is None or self._opinion.is_exact
        return self._pages.show("frame", video=video, frame=frame, shot=shot, found=found, is_exact=exact)

    def found(self, hits: "Sequence[Hit]") -> list[Found]:
        """Hits with their videos, for a page."""
        return [Found(hit, self._library.video(hit.video)) for hit in hits]

    def image(self, request: Request) -> Response:
        """A stored frame as it is."""
        jpeg = self._library.jpeg(self._number(request), whole(request, "frame", 0))
        return Response(jpeg, media_type="image/jpeg", headers=_KEEP)

    def thumbnail(self, request: Request) -> Response:
        """A stored frame, small."""
        jpeg = self._library.thumbnail(self._number(request), whole(request, "frame", 0))
        return Response(jpeg, media_type="image/jpeg", headers=_KEEP)

    def preview(self, request: Request) -> Response:
        """A run of stored frames as a film, in the parts that are asked for."""
        first, count = whole(request, "first", 0), whole(request, "count", 0)
        try:
            film, kind = self._previews.film(self._number(request), first, count, request.path_params["kind"])
        except KeyError as error:
            raise HTTPException(404, "There is no film of this kind.") from error
        return ranged(film, media_type=kind, asked=request.headers.get("range"))

    def _number(self, request: Request) -> int:
        number = whole(request, "video", 0)
        if number >= self._library.store.info.num_videos:
            raise HTTPException(404, "The store has no such video.")
        return number


def whole(request: Request, name: str, default: int) -> int:
    """A number of the address: from the path, where it is one already, or from the query, where it may be anything."""
    value: Any = request.path_params.get(name, request.query_params.get(name, ""))
    if isinstance(value, int):
        return value
    return number_in(value, default=default)


def number_in(text: str, *, default: int) -> int:
    """The number that a text is, of at most 15 digits; else `default`."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else default


def _share(text: str | None) -> float | None:
    """A number between 0 and 1; None where the text is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None
