"""Every promise of the guard, and that no address leads to a file."""

import asyncio

import pytest
from tests.browse.conftest import COOKIE, HOST, TOKEN

PAGES = ("/", "/video/0", "/image/0/0.jpg", "/static/browse.js", "/similar", "/preview/0/0-2.mp4", "/nothing")


@pytest.fixture
def browser(visit):
    return visit()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("cookie", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper()])
def test_nothing_without_the_key(browser, path, cookie):
    answer = browser.get(path, cookie=cookie)
    assert answer.status_code == 403
    assert "film" not in answer.text and TOKEN not in answer.text


@pytest.mark.parametrize("query", ["token=", "token=wrong", f"token={TOKEN}&token={TOKEN}", f"token={TOKEN}x"])
def test_a_wrong_token_is_no_key(browser, query):
    assert browser.get(f"/?{query}", cookie=None).status_code == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(browser):
    answer = browser.get(f"/video/3?token={TOKEN}&threshold=0.2&q=%26a", cookie=None)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/video/3?threshold=0.2&q=%26a"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={TOKEN};")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} == {each.strip() for each in cookie.split(";")[1:]}
    assert browser.get("/").status_code == 200


def test_the_exchange_never_leads_elsewhere(browser):
    for path in ("//example.org/", "///example.org/a", "/%5Cexample.org/"):
        answer = browser.get(f"http://{HOST}{path}?token={TOKEN}", cookie=None)
        location = answer.headers["location"]
        assert answer.status_code == 303 and location.startswith("/") and location[1] not in "/\\"


@pytest.mark.parametrize(
    "host",
    ["example.org", "example.org:8765", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.example.org:8765", "", "[::1]:8765"],
)
def test_other_hosts_get_nothing(browser, host):
    """What DNS rebinding looks like from here: the right cookie, another name."""
    answer = browser.get(f"/?token={TOKEN}", host=host)
    assert answer.status_code == 421 and "set-cookie" not in answer.headers


def test_two_hosts_are_none(browser):
    async def send():
        sent = []
        headers = [(b"host", HOST.encode()), (b"host", b"example.org"), (b"cookie", f"{COOKIE}={TOKEN}".encode())]
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": headers,
        }
        scope |= {"server": ("127.0.0.1", 8765), "scheme": "http", "root_path": "", "http_version": "1.1", "app": None}

        async def gather(message):
            sent.append(message)

        await browser.app(scope, None, gather)
        return sent[0]["status"]

    assert asyncio.run(send()) == 421


@pytest.mark.parametrize("host", [HOST, "localhost:8765", "LOCALHOST:8765"])
def test_our_hosts_are_answered(browser, host):
    assert browser.get("/", host=host).status_code == 200


@pytest.mark.parametrize(
    "origin", [None, "null", "http://example.org", "https://127.0.0.1:8765", "http://127.0.0.1:1", "http://127.0.0.1"]
)
def test_only_our_pages_change_anything(visit, tmp_path, origin):
    browser = visit(edit=tmp_path / "cuts.csv")
    headers = {} if origin is None else {"origin": origin}
    answer = browser("POST", "/video/5/cuts", headers=headers, data={"cut": "2"})
    assert answer.status_code == 403 and not (tmp_path / "cuts.csv").exists()


def test_the_token_in_the_address_of_a_post_is_no_key(visit, tmp_path):
    browser = visit(edit=tmp_path / "cuts.csv")
    assert browser.post(f"/video/5/cuts?token={TOKEN}", cookie=None, data={"cut": "2"}).status_code == 403
    assert not (tmp_path / "cuts.csv").exists()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_parts_of_other_sites_get_nothing(browser, site):
    """Another page on this machine is of the same site: a cookie does not know ports."""
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert browser.get("/image/0/0.jpg", headers=headers).status_code == 403
    visit = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert browser.get("/", headers=visit).status_code == 200
    frame = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert browser.get("/", headers=frame).status_code == 403


@pytest.mark.parametrize("path", [*PAGES, f"/?token={TOKEN}"])
@pytest.mark.parametrize("cookie", [TOKEN, None])
def test_every_answer_forbids_what_it_should(browser, path, cookie):
    headers = browser.get(path, cookie=cookie).headers
    policy = headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'self'" and "frame-ancestors 'none'" in policy
    assert not any("unsafe" in each or "*" in each or "script-src" in each for each in policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "cache-control" in headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/../guard.py", "/static/%2e%2e/guard.py", "/static/..%2fguard.py", "/static/", "/static",
        "/static/browse.css/../../guard.py", "/image/../../store.json", "/image/0/../../../etc/passwd",
        "/image/0/..%2f..%2fstore.json.jpg", "/thumb/0/0.jpg/..", "/image/-1/0.jpg", "/image/0/-1.jpg",
        "/image/0/12.jpg", "/image/34/0.jpg", f"/image/{10**40}/0.jpg", f"/image/0/{10**40}.jpg", "/image/0/0x0.jpg",
        "/image/0/0.jpg%00", "/store.json", "/videos.jsonl", "/video/34", "/video/0/frame/12", "/preview/0/0-13.mp4",
        "/preview/0/0-0.mp4", "/preview/0/12-1.mp4", "/preview/0/0-2.exe", "/preview/34/0-1.mp4", "/similar/x",
        "/similar/../x.jpg", "//etc/passwd",
    ],
)  # fmt: skip
def test_there_is_no_way_to_a_file(browser, path):
    answer = browser.get(f"http://{HOST}{path}")
    assert answer.status_code == 404
    assert "<h1>There is nothing here</h1>" in answer.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods(browser, method):
    answer = browser(method, "/", headers={"origin": f"http://{HOST}"})
    assert answer.status_code == 405


def test_websockets_are_closed(browser):
    async def connect():
        sent = []

        async def gather(message):
            sent.append(message)

        await browser.app({"type": "websocket", "path": "/", "headers": []}, None, gather)
        return sent

    assert asyncio.run(connect()) == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("path", ["/video/{}", "/image/0/{}.jpg", "/preview/0/0-{}.mp4", "/video/0/frame/{}"])
@pytest.mark.parametrize("digits", [400, 5000])
def test_endless_numbers_are_refused(browser, path, digits):
    """Python refuses to read a number of more than 4300 digits."""
    assert browser.get(path.format("9" * digits)).status_code == (404 if digits < 1000 else 414)
