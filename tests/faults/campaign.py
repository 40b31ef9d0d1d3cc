"""Many faults in one ingest, good videos among them, and what came of each."""

import csv
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults import damage, forms, headers, lists, names, specials
from tests.faults.cases import CannotMakeError, Case, Materials
from tests.faults.films import write_film
from tests.faults.watch import Watched

from vivi.data.store import ShotStore
from vivi.data.store.format import SKIPPED, VIDEOS, printable
from vivi.video.ingest import IngestSettings, Progress, ingest

SETTINGS = IngestSettings(fps=2.0, short_side=32)
GOOD = "good"
"""Name of the folder of good videos, beside those of the cases."""


@dataclass(frozen=True)
class Row:
    """What came of one input."""

    case: Case
    path: str
    """Relative, as the store writes it; empty if the case could not be made here."""
    end: str
    """Stored, or the reason for which it was skipped; or why it could not be made."""

    @property
    def is_right(self) -> bool:
        """Whether it may end so."""
        return not self.path or self.end in self.case.ends


@dataclass(frozen=True)
class Found:
    """What a campaign found."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    """What must not be, beside rows that are not right."""
    seconds: float


def all_cases(*, num_real: int) -> list[Case]:
    """Every case, of so many real videos too."""
    return [
        *damage.cases(num_real),
        *headers.cases(),
        *forms.cases(),
        *lists.cases(),
        *names.cases(),
        *specials.cases(),
    ]


def real_videos(folder: Path, *, count: int) -> tuple[Path, ...]:
    """Small ones from all over the folder, of different containers."""
    small = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 600_000)
    others = [path for path in small if path.suffix != ".mp4"][: count // 2]
    mp4 = [path for path in small if path.suffix == ".mp4"]
    return tuple(others + mp4[:: max(1, len(mp4) // count)])[:count]


def run_campaign(
    cases: Iterable[Case], folder: Path, *, real: tuple[Path, ...] = (), workers: int = 2, patience: float = 60.0
) -> Found:
    """Make the files of the cases below `folder`, which is empty, ingest them all at once, and judge.

    Args:
        cases: what to make.
        folder: becomes the working directory meanwhile, where names without a folder would be looked for.
        real: videos to damage.
        workers: of the ingest.
        patience: seconds that each video may take.
    """
    source, out = folder / "source", folder / "store"
    with socket.create_server(("127.0.0.1", 0)) as server, _within(folder):
        server.setblocking(False)
        materials = Materials(port=server.getsockname()[1], canary=write_film(folder / "canary.ts"), real=real)
        made, missing = _make(cases, source, materials)
        good = _good(source / GOOD, materials)
        before, inputs = _tree(folder), sorted(_entries(source))
        with Watched([folder / "canary.ts"]) as watched:
            start = time.monotonic()
            _ingest(source, out, made, workers=workers, patience=patience)
            seconds = time.monotonic() - start
            problems = [f"{path} was opened" for path in watched.opened()] + _calls(server)
    ends = _ends(out)
    problems += _not_accounted_for(inputs, ends) + _strangers(folder, before, made) + _spoiled(good, out, folder)
    rows = [Row(case, path, ends[path][0]) for case, path in _by_case(made, inputs) if path in ends]
    rows += [Row(case, "", why) for case, why in missing]
    return Found(tuple(rows), tuple(problems), seconds)


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    here = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)


def _make(
    cases: Iterable[Case], source: Path, materials: Materials
) -> tuple[list[tuple[Case, Path]], list[tuple[Case, str]]]:
    made, missing = [], []
    for number, case in enumerate(cases):
        folder = source / f"case{number:04d}"
        folder.mkdir(parents=True)
        try:
            case.make(folder, materials)
        except CannotMakeError as error:
            missing.append((case, f"not made: {error}"))
        else:
            made.append((case, folder))
    return made, missing


def _good(folder: Path, materials: Materials) -> Path:
    folder.mkdir(parents=True)
    for name in ("early.mp4", "a.mkv", "a.avi", "a.webm"):
        (folder / name).write_bytes(materials.film(name))
    return folder


def _ingest(source: Path, out: Path, made: list[tuple[Case, Path]], *, workers: int, patience: float) -> None:
    todo = [(case.during, folder) for case, folder in made if case.during is not None]

    def disturb(_: Progress) -> None:
        while todo:
            during, folder = todo.pop()
            during(folder)

    ingest([source], out=out, settings=SETTINGS, workers=workers, progress=disturb, patience=patience)


def _entries(source: Path) -> Iterator[str]:
    """Relative paths, as the store writes them, of all that is no folder, or one that cannot be read."""
    for folder, inner, files in os.walk(source):
        paths = [Path(folder) / name for name in inner]
        leaves = [path.name for path in paths if path.is_symlink() or not os.access(path, os.R_OK)]
        for name in files + leaves:
            yield printable(str((Path(folder) / name).relative_to(source)))


def _by_case(made: list[tuple[Case, Path]], inputs: list[str]) -> Iterator[tuple[Case, str]]:
    cases = {folder.name: case for case, folder in made}
    for path in inputs:
        if (case := cases.get(path.split("/")[0])) is not None:
            yield case, path


def _ends(out: Path) -> dict[str, list[str]]:
    ends: dict[str, list[str]] = {}
    for line in (out / VIDEOS).read_text().splitlines():
        ends.setdefault(json.loads(line)["path"], []).append("stored")
    with (out / SKIPPED).open(newline="") as file:
        for row in csv.DictReader(file):
            ends.setdefault(row["path"], []).append(row["reason"])
    return ends


def _not_accounted_for(inputs: list[str], ends: dict[str, list[str]]) -> list[str]:
    counts = Counter(path for path, found in ends.items() for _ in found)
    return [
        f"{path!r} is accounted for {counts[path]} times"
        for path in {*inputs, *counts}
        if counts[path] != 1 or path not in inputs
    ]


def _tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every entry below a folder, with its size and the time of its last change."""
    found = {}
    for parent, inner, files in os.walk(folder):
        for name in inner + files:
            path = Path(parent) / name
            status = path.lstat()
            found[str(path.relative_to(folder))] = (0, 0) if path.is_dir() else (status.st_size, status.st_mtime_ns)
    return found


def _strangers(folder: Path, before: dict[str, tuple[int, int]], made: list[tuple[Case, Path]]) -> list[str]:
    """What has changed outside the store, apart from what the cases did themselves."""
    own = [str(path.relative_to(folder)) for case, path in made if case.during is not None]
    after = _tree(folder)
    changed = [path for path in {*before, *after} if before.get(path) != after.get(path)]
    outside = [path for path in changed if path != "store" and not path.startswith("store/")]
    return [f"{path!r} has changed" for path in outside if not path.startswith(tuple(own) or "\0")]


def _spoiled(good: Path, out: Path, folder: Path) -> list[str]:
    """Good videos that are not stored byte for byte as without the others."""
    alone = folder / "alone"
    ingest([good], out=alone, settings=SETTINGS, workers=1)
    ShotStore.open(out).verify()
    ours, theirs = _frames(alone, prefix=""), _frames(out, prefix=f"{GOOD}/")
    problems = [] if len(ours) == len(list(good.iterdir())) else ["not every good video is stored"]
    return problems + [f"good video {path} is another one" for path in ours if ours[path] != theirs.get(path)]


def _frames(out: Path, *, prefix: str) -> dict[str, list[bytes]]:
    store = ShotStore.open(out)
    lines = [json.loads(line) for line in (out / VIDEOS).read_text().splitlines()]
    return {
        line["path"].removeprefix(prefix): store.read_frames(number, first=0, count=line["frames"])
        for number, line in enumerate(lines)
        if line["path"].startswith(prefix)
    }


def _calls(server: socket.socket) -> list[str]:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return []
    return ["somebody called the server on loopback"]
