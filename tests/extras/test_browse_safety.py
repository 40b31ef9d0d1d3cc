"""What other pages of the same Chromium can do to `vivi browse`: nothing."""
# ruff: noqa: F811

import http.server
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.reference.chromium import CHROMIUM, FLAGS, Watched, chromium, cuts, folders, running, site  # noqa: F401

pytestmark = pytest.mark.extras


def test_other_sites_on_this_machine_get_nothing(chromium, site, cuts, tmp_path):
    """A page of another port, in the same browser, which has the cookie: it can neither see nor change anything."""
    origin = site.url.partition("/?")[0]
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "index.html").write_text(
        f'<img src="{origin}/thumb/0/0.jpg"><iframe src="{origin}/"></iframe>'
        f'<form method="post" action="{origin}/video/0/cuts"><input name="cut" value="3"><button>go</button></form>'
    )

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(tmp_path / "evil"))

        def log_message(self, *given: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        watched = Watched(chromium, site)
        try:
            page = watched.page
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_load_state("networkidle")
            assert page.locator("img").evaluate("each => each.naturalWidth") == 0
            assert "videos" not in page.frames[-1].evaluate("document.body.innerText")
            fetched = "url => fetch(url, {credentials: 'include'}).then(a => a.text()).catch(() => 'nothing')"
            assert page.evaluate(fetched, origin + "/") == "nothing"
            page.get_by_role("button", name="go").click()
            assert "Another site" in page.locator("h1").inner_text()
        finally:
            watched.context.close()
            server.shutdown()
            thread.join()
    assert not cuts.exists()


def test_a_name_that_was_bent_to_this_machine_gets_nothing(running, site):
    token, number = site.url.partition("/?")[2], urlsplit(site.url).port
    rules = "--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    opened = running.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, rules])
    answer = opened.new_page().goto(f"http://rebound.example:{number}/?{token}")
    assert answer.status == 421 and "videos" not in answer.text()
    opened.close()
