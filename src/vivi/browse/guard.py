"""Who may speak with the browser: this person, from this machine, from its own pages. Also what every answer forbids.

The address has a random token; the first visit changes it for a cookie that no script and no other site can use. The
Host header must be one of ours, so a name that somebody's DNS turns into 127.0.0.1 gets nothing. What changes anything
must come from our own pages (Origin). The policy of every page lets it load from here alone and run no inline script.
"""

import hmac
import html
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "token"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HARMLESS = {"GET", "HEAD"}
_LONGEST = 1000
"""Characters of a path; no address of ours comes near."""
_SITES = {"same-origin", "none"}
"""Values of Sec-Fetch-Site: our own page, or a person who typed the address."""


class Guard:
    """ASGI middleware that lets only its owner through.

    Args:
        app: what is guarded.
        token: of the address; 32 random bytes or more.
        hosts: names with ports that the Host header may have, in lower case.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: frozenset[str], cookie: str) -> None:
        self._app, self._token, self._hosts, self._cookie = app, token, hosts, cookie
        self._origins = {f"http://{host}" for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer; WebSockets are closed."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            request = Request(scope)
            answer = self._refusal(request) or self._admission(request) or self._app
            await answer(scope, receive, self._marked(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, request: Request) -> Response | None:
        """Why the request does not come from a page of ours."""
        headers = request.headers
        if [host.lower() for host in headers.getlist("host")] not in [[host] for host in self._hosts]:
            return _refused(421, "This address is not one of this browser's", "Open the one that vivi browse printed.")
        if len(request.url.path) > _LONGEST:
            return _refused(414, "This address is too long", "No page of vivi browse has it.")
        if headers.get("sec-fetch-site", "none") not in _SITES and not _is_visit(headers):
            return _refused(403, "Another site asked for this", "Only pages of vivi browse may.")
        if request.method not in _HARMLESS and headers.get("origin") not in self._origins:
            return _refused(403, "Another site sent this", "Only pages of vivi browse may change anything.")
        return None

    def _admission(self, request: Request) -> Response | None:
        """What is answered to someone without the cookie: it, in exchange for the token, or nothing."""
        tokens = request.query_params.getlist(TOKEN)
        if request.method in _HARMLESS and len(tokens) == 1 and self._is_token(tokens[0]):
            others = [pair for pair in parse_qsl(request.url.query) if pair[0] != TOKEN]
            path = "/" + request.url.path.lstrip("/")  # never //host, which would lead elsewhere
            answer = RedirectResponse(f"{path}?{urlencode(others)}" if others else path, status_code=303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
            return answer
        if not self._is_token(request.cookies.get(self._cookie, "")):
            return _refused(403, "The key is missing", "Open the whole address that vivi browse printed.")
        return None

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _marked(self, send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        return marked


def _is_visit(headers: Headers) -> bool:
    """Whether a person follows a link to here: a whole page, not a part of another."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _refused(status: int, title: str, text: str) -> Response:
    title, text = html.escape(title), html.escape(text)
    page = f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><p>{text}</p></html>'
    return HTMLResponse(page, status_code=status)
