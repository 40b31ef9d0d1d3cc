"""A store with hostile names and known colours, the app over it, and a visitor who speaks HTTP with it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import simplejpeg
from tests.reference import encoder_folder

from vivi.browse.app import create_app
from vivi.browse.library import Library
from vivi.browse.nearest import open_search
from vivi.browse.opinion import Opinion
from vivi.browse.vectors import open_vectors
from vivi.core.config import dump
from vivi.data.store.format import VideoRecord, video_key
from vivi.data.store.writer import Packer, Parts, finish
from vivi.nn.export import load_encoder
from vivi.video.shots import HistogramShots

HOSTILE = ("<script>alert(1)</script>.mp4", 'a" onload="b.mp4', "line\nbreak.mp4", "right\u202eto left.mp4")
PLAIN = tuple(f"clips/film {number:02}.mp4" for number in range(30))
NAMES = (*HOSTILE, *PLAIN)
SHOTS, LENGTH, HEIGHT, WIDTH = 3, 4, 32, 48
HOST, TOKEN, COOKIE = "127.0.0.1:8765", "t0ken-of-the-tests", "vivi-8765"
COLOURS = ((200, 40, 40), (40, 190, 60), (40, 60, 200))


def colour(video: int, frame: int) -> tuple[int, int, int]:
    """Shots are red, green and blue; the first frame of the second video's last shot is still green."""
    shot = frame // LENGTH
    if video == 1 and frame == 2 * LENGTH:
        shot = 1
    base = COLOURS[shot]
    return tuple(min(255, value + video % 7) for value in base)


def write_store(store: Path, names: tuple[str, ...] = NAMES, *, fps: float = 1.0, source_fps: float = 25.0) -> Path:
    parts, packer = Parts(store), Packer(store, shard_bytes=1 << 20)
    for number, name in enumerate(names):
        frames = [np.full((HEIGHT, WIDTH, 3), colour(number, each), np.uint8) for each in range(SHOTS * LENGTH)]
        key = video_key(name)
        sizes, checksums = parts.write_frames(key, [simplejpeg.encode_jpeg(each) for each in frames])
        packer.add(
            VideoRecord(
                path=name, key=key, bytes=1, container="mp4", codec="h264", seconds=12.0, source_fps=source_fps,
                source_width=96, source_height=64, width=WIDTH, height=HEIGHT,
                shots=tuple((shot * LENGTH, LENGTH) for shot in range(SHOTS)),
                frame_bytes=sizes, frame_crc32=checksums,
            )
        )  # fmt: skip
    packer.flush()
    settings = {"shots": dump(HistogramShots(threshold=0.4))}
    finish(packer, skipped=[], fps=fps, short_side=HEIGHT, settings=settings)
    return store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("browse") / "store")


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browse") / "encoder"
    encoder_folder.save(folder, name="VIVI <b>&amp;")
    return folder


class Visitor:
    """Sends requests to an app, with the cookie unless told otherwise."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.transport = httpx.ASGITransport(app=app)

    def __call__(self, method: str, path: str, *, cookie: str | None = TOKEN, host: str = HOST, **more: Any):
        headers = {"host": host, **more.pop("headers", {})}
        if cookie is not None:
            headers["cookie"] = f"{COOKIE}={cookie}"

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(send())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        headers = {"origin": f"http://{HOST}", **more.pop("headers", {})}
        return self("POST", path, headers=headers, **more)


Open = Callable[..., Visitor]


@pytest.fixture
def visit(store: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """A visitor of a new app: `visit(edit=FILE, encoded=True)`."""
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path / "cache"))

    def opened(*, edit: Path | None = None, encoded: bool = False, folder: Path = store) -> Visitor:
        library = Library.open(folder, edit=edit)
        opinion = None
        if encoded:
            loaded = load_encoder(encoder)
            vectors = open_vectors(library.store, loaded)
            opinion = Opinion(loaded, vectors=vectors, search=open_search(vectors))
        app = create_app(
            library, opinion=opinion, token=TOKEN, hosts=frozenset({HOST, "localhost:8765"}), cookie=COOKIE
        )
        return Visitor(app)

    return opened
