"""What is sent: corrected cuts, and pictures to search with."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vivi.browse.bodies import FIELDS, PICTURE, fields, read_body, uploaded
from vivi.browse.library import Library
from vivi.browse.pages import Pages
from vivi.browse.views import Views, number_in
from vivi.data.image_file import ImageError

if TYPE_CHECKING:
    from vivi.browse.opinion import Opinion


class Changes:
    """The endpoints that read what forms send, and the pages of dropped pictures."""

    def __init__(self, library: Library, *, opinion: "Opinion | None", pages: Pages, views: Views) -> None:
        self._library, self._opinion, self._pages, self._views = library, opinion, pages, views

    async def save_cuts(self, request: Request) -> Response:
        """Write the corrected cuts of a video to the file, or take the video out of it."""
        sent = fields(await read_body(request, limit=FIELDS))
        number: int = request.path_params["video"]
        action = next(iter(sent.get("action", ["save"])))
        frames = [*sent.get("cut", []), *",".join(sent.get("elsewhere", [])).split(",")]
        await run_in_threadpool(self._save, number, frames, forget=action == "forget")
        part = next(iter(sent.get("part", [""])))
        more = f"&part={part}" if number_in(part, default=1) > 1 else ""
        done = "forgotten" if action == "forget" else "saved"
        return RedirectResponse(f"/video/{number}?done={done}{more}", status_code=303)

    def _save(self, number: int, frames: Iterable[str], *, forget: bool) -> None:
        corrections = self._library.corrections
        if corrections is None:
            raise HTTPException(403, "This browser was started to read only: nothing was changed.")
        if number >= self._library.store.info.num_videos:
            raise HTTPException(404, "The store has no such video.")
        video = self._library.video(number)
        if forget:
            corrections.forget(video.path)
            return
        given = [frame for frame in frames if frame]
        numbers = {number_in(frame, default=0) for frame in given}
        if not all(0 < number < video.frames for number in numbers):
            raise HTTPException(400, f"A cut is the number of a frame, from 1 to {video.frames - 1}.")
        corrections.save(video.path, [video.clock.cut(frame) for frame in sorted(numbers)])

    def similar(self, request: Request) -> Response:  # noqa: ARG002 (Starlette's signature)
        """The form for a picture."""
        return self._pages.show("similar", key=None, found=[], is_exact=True, fault="")

    async def look(self, request: Request) -> Response:
        """Take a picture; its page follows. It stays in memory."""
        opinion = self._needed()
        body = await read_body(request, limit=PICTURE)
        data = uploaded(body, content_type=request.headers.get("content-type", ""))
        try:
            key = await run_in_threadpool(opinion.take, data)
        except ImageError as error:
            return self._pages.show("similar", status=400, key=None, found=[], is_exact=True, fault=error.reason)
        return RedirectResponse(f"/similar/{key}", status_code=303)

    def looked(self, request: Request) -> Response:
        """What is like a picture that was taken."""
        opinion, key = self._needed(), request.path_params["key"]
        try:
            found = self._views.found(opinion.like(opinion.dropped(key)))
        except KeyError as error:
            raise HTTPException(404, "This picture was forgotten: drop it again.") from error
        return self._pages.show("similar", key=key, found=found, is_exact=opinion.is_exact, fault="")

    def dropped_picture(self, request: Request) -> Response:
        """The picture itself, small."""
        try:
            thumbnail = self._needed().dropped(request.path_params["key"]).thumbnail
        except KeyError as error:
            raise HTTPException(404, "This picture was forgotten: drop it again.") from error
        return Response(thumbnail, media_type="image/jpeg")

    def _needed(self) -> "Opinion":
        if self._opinion is None:
            raise HTTPException(404, "Pictures are searched by an encoder: start vivi browse with --encoder.")
        return self._opinion
