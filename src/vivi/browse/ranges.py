"""Answers in parts, which players of films ask for (RFC 9110, section 14)."""

import re

from starlette.responses import Response

_RANGE = re.compile(r"^bytes=(\d{0,18})-(\d{0,18})$")


def ranged(data: bytes, *, media_type: str, asked: str | None) -> Response:
    """All of `data`, or the one range that the Range header asks for; several ranges at once get all of it.

    Args:
        data: the whole.
        media_type: of it.
        asked: the Range header.
    """
    headers = {"accept-ranges": "bytes", "cache-control": "private, max-age=3600"}
    found = _RANGE.match(asked or "")
    if found is None or found[1] + found[2] == "" or (found[1] and found[2] and int(found[2]) < int(found[1])):
        return Response(data, media_type=media_type, headers=headers)
    first, last = _limits(found[1], found[2], len(data))
    if first > last:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{len(data)}"})
    headers["content-range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], status_code=206, media_type=media_type, headers=headers)


def _limits(first: str, last: str, size: int) -> tuple[int, int]:
    """First and last byte; without a first one, the last so many."""
    if not first:
        return max(0, size - int(last)), size - 1 if int(last) else -1
    return int(first), min(int(last), size - 1) if last else size - 1
