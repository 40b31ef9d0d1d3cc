"""What forms send, read here: with a limit on its size, and nothing of it on the disk."""

import re
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

FIELDS = 1 << 20
"""Bytes of a form without a file."""
PICTURE = 32 << 20
"""Bytes of a dropped picture."""
_BOUNDARY = re.compile(r'^multipart/form-data;\s*boundary="?([^";\s]{1,200})"?\s*$', re.IGNORECASE)
_FILE = re.compile(rb'^content-disposition:\s*form-data;.*\bfilename="', re.IGNORECASE | re.MULTILINE)


async def read_body(request: Request, *, limit: int) -> bytes:
    """The body of a request.

    Raises:
        HTTPException: 413, it is longer than `limit` bytes; no more than that is ever held.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > limit:
        raise HTTPException(413, f"more than {limit >> 20} MB were sent")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise HTTPException(413, f"more than {limit >> 20} MB were sent")
    except ClientDisconnect as error:
        raise HTTPException(400, "the sending was broken off") from error
    return bytes(body)


def fields(body: bytes) -> dict[str, list[str]]:
    """The fields of an ordinary form, each with its values in order.

    Raises:
        HTTPException: 400, it is none.
    """
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(body.decode("ascii"), keep_blank_values=True):
            found.setdefault(name, []).append(value)
    except ValueError as error:
        raise HTTPException(400, "this is not a form") from error
    return found


def uploaded(body: bytes, *, content_type: str) -> bytes:
    """The bytes of the first file in a form with files (RFC 7578).

    Raises:
        HTTPException: 400, it is not such a form, or has no file.
    """
    boundary = _BOUNDARY.match(content_type)
    if boundary is None:
        raise HTTPException(400, "this is not a form with a file")
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if blank and _FILE.search(head):
            return content
    raise HTTPException(400, "no file was sent")
