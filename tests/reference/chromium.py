"""`vivi browse` in a real headless Chromium whose names lead nowhere: fixtures for the tests that drive it."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.browse.conftest import write_store
from tests.reference import encoder_folder

from vivi.browse.serve import Site, open_site

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    root = tmp_path_factory.mktemp("chromium")
    encoder_folder.save(root / "encoder", name="VIVI <b>")
    return write_store(root / "store"), root / "encoder"


@pytest.fixture
def cuts(tmp_path: Path) -> Path:
    return tmp_path / "cuts.csv"


@pytest.fixture
def site(folders, cuts, tmp_path, monkeypatch) -> Iterator[Site]:
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path / "cache"))
    store, encoder = folders
    opened = open_site(store, encoder=encoder, edit=cuts, port=0)
    with opened.answering():
        yield opened


@pytest.fixture(scope="module")
def running(folders) -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(running) -> Iterator[Any]:
    opened = running.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, NOWHERE])
    yield opened
    opened.close()


class Watched:
    """A page of which every request and every complaint is noted."""

    def __init__(self, chromium: Any, site: Site, **more: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context = chromium.new_context(**more)
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(f"dialog {dialog.message}"), dialog.accept()))
        self.page.on("response", lambda answer: answer.status < 400 or self.complaints.append(answer.url))
        self.origin = site.url.partition("/?")[0]
        self.page.goto(site.url)

    def go(self, path: str) -> Any:
        self.page.goto(self.origin + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def until(self, expression: str) -> None:
        """Wait; what Playwright itself has for this is forbidden by the policy of the pages."""
        end = time.monotonic() + 20
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, expression
            self.page.wait_for_timeout(20)

    def shots(self) -> int:
        return self.page.locator(".shot").count()


@pytest.fixture
def watched(chromium, site) -> Iterator[Watched]:
    opened = Watched(chromium, site)
    yield opened
    opened.context.close()
    assert opened.complaints == []
    assert {urlsplit(each).netloc for each in opened.requests} == {urlsplit(site.url).netloc}
