"""Pictures of the report and of the browser for the documents, at the widths of a desk and of a telephone.

    python scripts/screenshots.py

It makes a small demo first (`vivi demo` with fewer videos and steps: the numbers in its report say nothing), or takes
the one that --demo names. Needs playwright and a Chromium; its names are not resolved, so nothing but this machine is
spoken with.
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

import vivi.cli
from vivi.browse.serve import Site, open_site
from vivi.demo.run import METHODS, Folders, Size, demo

WIDTHS = {"desk": 1280, "phone": 390}
HEIGHT = 900
COLOURS = 256
"""Of a picture, which keeps it small."""
SMALL = Size(videos=66, train=64, test=48, settings=("schedule.steps=60", "schedule.warmup=5", "schedule.decays=[]"))
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Take all pictures and print their names."""
    parser = argparse.ArgumentParser(description="Screenshots of the report and of the browser.")
    parser.add_argument("--demo", type=Path, help="a folder that vivi demo wrote, or where a small one is made")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--video", type=int, default=0, help="number of the video whose page is shown")
    parser.add_argument("--frame", type=int, default=3, help="number of its frame whose neighbours are shown")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, browser() as chromium:
        folders = Folders(given.demo or Path(scratch) / "demo")
        if not folders.report.exists():
            demo(folders.out, seed=0, main=vivi.cli.main, size=SMALL)
        encoder = folders.run(METHODS[-1]) / "encoder"
        site = open_site(folders.store, encoder=encoder, edit=Path(scratch) / "cuts.csv", port=0)
        video = f"/video/{given.video}"
        addresses = {
            "report": folders.report.resolve().as_uri(),
            "browse-videos": "/",
            "browse-cuts": f"{video}?show=threshold&threshold=0.7",
            "browse-neighbours": f"{video}/frame/{given.frame}",
        }
        with site.answering():
            for device, width in WIDTHS.items():
                for file in shots(chromium, site, addresses, out=given.out, device=device, width=width):
                    print(file)


def shots(
    chromium: Any, site: Site, addresses: dict[str, str], *, out: Path, device: str, width: int
) -> Iterator[Path]:
    """A picture of each address at one width."""
    page = chromium.new_page(viewport={"width": width, "height": HEIGHT})
    page.goto(site.url)
    origin = site.url.partition("/?")[0]
    for name, address in addresses.items():
        page.goto(origin + address if address.startswith("/") else address)
        page.wait_for_load_state("networkidle")
        file = out / f"{name}-{device}.png"
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            picture.convert("RGB").quantize(COLOURS).save(file, optimize=True)
        yield file
    page.close()


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        sys.exit(f"screenshots: no browser was found, looked for {', '.join(CHROMIUMS)}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield chromium
        finally:
            chromium.close()


if __name__ == "__main__":
    main()
