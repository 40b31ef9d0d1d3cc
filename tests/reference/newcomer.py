"""Someone with an empty home and a folder of videos and images, who types what README says."""

import http.cookiejar
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from tests.reference.pages import ROOT
from tests.reference.tiny_films import write_film
from tests.reference.tiny_images import CLASSES, _pixels

FILMS, SHOTS, IMAGES = 18, 5, 20
SHORT_CLIPS = ("--fps", "10", "--shots", "0.8")
"""What `vivi doctor` proposes for the real clips: they are a few seconds long, and mostly of one shot."""
_TORCHVISION = ROOT / "tests" / "extras" / "conftest.py"
_WITHOUT = "import sys\nfor name in {names!r}: sys.modules[name] = None  # as if it were not installed\n"
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+(?=/\?token=[\w-]{43}$)")


class Newcomer:
    """Runs commands in `folder` with nothing but an empty home and this Python in the environment."""

    def __init__(self, root: Path) -> None:
        self.home, self.folder = root / "home", root / "work"
        self.home.mkdir()
        self.folder.mkdir()
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        self._env = {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8", "HF_HUB_OFFLINE": "1"}

    def vivi(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """`vivi WORDS` of this Python's environment."""
        return self._run(["-m", "vivi", *words])

    def python(self, code: str) -> None:
        """Python as it is typed; it must end well."""
        done = self._run(["-c", code], ORT_DISABLE_TELEMETRY="1")
        assert done.returncode == 0, done.stderr

    def python_without(self, *names: str, code: str) -> None:
        """Python where these packages are not installed."""
        self.python(_WITHOUT.format(names=names) + code)

    def python_with_timm(self, code: str) -> None:
        """Python with timm, which finds torchvision as the tests in `tests/extras` do, and without vivi."""
        self.python_without("vivi", code=f"{_TORCHVISION.read_text()}\n{code}")

    @contextmanager
    def browsing(self, words: Sequence[str]) -> Iterator["Visit"]:
        """`vivi browse` until its address is there; Ctrl-C in the end, which it must take well."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
        command = [sys.executable, "-m", "vivi", *words]
        with subprocess.Popen(command, cwd=self.folder, env=self._env, **pipes) as process:
            try:
                yield Visit(process.stdout.readline().strip())
            finally:
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "") and out.endswith("Ended.\n")

    def _run(self, words: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
        pipes = {"capture_output": True, "text": True, "check": False, "timeout": 300}
        return subprocess.run([sys.executable, *words], cwd=self.folder, env={**self._env, **more}, **pipes)


class Visit:
    """A web browser as plain as can be: it follows, and keeps cookies."""

    def __init__(self, url: str) -> None:
        self.url, found = url, _ADDRESS.match(url)
        assert found, url
        self._origin = found[0]
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def get(self, path: str = "") -> bytes:
        """The first page, or another of the same site."""
        with self._opener.open(self._origin + path if path else self.url, timeout=60) as answer:
            return answer.read()


def drawn(folder: Path) -> tuple[str, ...]:
    """`my_videos` and `my_images` as the tests make them; gives what ingest needs in addition: nothing."""
    for number in range(FILMS):
        colours = [(60 * (number + shot) % 250, 90 * shot % 250, 200 - 40 * shot) for shot in range(SHOTS)]
        write_film(folder / "my_videos" / f"film {number:02}.mp4", colours=colours)
    for label, name in enumerate(CLASSES):
        (folder / "my_images" / name).mkdir(parents=True)
        for number in range(IMAGES):
            Image.fromarray(_pixels(label, sample=number)).save(folder / "my_images" / name / f"{number}.png")
    return ()


def real(folder: Path, *, data: Path) -> tuple[str, ...]:
    """The same, copied from the folder that VIVI_REAL_DATA names; gives the flags for clips of a single shot."""
    files = sorted(each for each in (data / "videos").rglob("*") if each.suffix.lower() in (".mp4", ".avi", ".webm"))
    clips = [each for each in files if 100_000 < each.stat().st_size < 900_000]
    (folder / "my_videos").mkdir()
    for clip in clips[:: max(1, len(clips) // 28)]:
        shutil.copy(clip, folder / "my_videos")
    for kind in sorted((data / "images" / "eurosat").iterdir())[:4]:
        (folder / "my_images" / kind.name).mkdir(parents=True)
        for image in sorted(each for each in kind.rglob("*") if each.is_file())[:IMAGES]:
            shutil.copy(image, folder / "my_images" / kind.name)
    return SHORT_CLIPS
