"""Whatever lies in the folder, every input is accounted for, nothing else is touched, and good videos are unharmed."""

import contextlib
import os
import socket
from pathlib import Path

import av
import pytest
from tests.faults import lists
from tests.faults.campaign import Found, all_cases, real_videos, run_campaign
from tests.faults.cases import Materials
from tests.faults.films import write_film
from tests.faults.watch import Watched


def assert_right(found: Found) -> None:
    assert found.problems == ()
    wrong = [
        f"{row.case.name}: {row.path!r} is {row.end}, not {sorted(row.case.ends)}"
        for row in found.rows
        if not row.is_right
    ]
    assert wrong == []


def test_the_quick_cases(tmp_path: Path) -> None:
    cases = [case for case in all_cases(num_real=0) if case.is_quick]
    assert len(cases) >= 25
    found = run_campaign(cases, tmp_path)
    assert_right(found)
    assert {row.case.name for row in found.rows} == {case.name for case in cases}
    assert found.seconds < 120


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_cases(tmp_path: Path) -> None:
    folder = os.environ.get("VIVI_REAL_DATA")
    real = real_videos(Path(folder) / "videos", count=6) if folder else ()
    cases = all_cases(num_real=len(real))
    assert len(cases) > 200
    assert len({case.name for case in cases}) == len(cases)
    assert_right(run_campaign(cases, tmp_path, real=real))


def test_the_lists_would_work_where_they_are_let(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    canary = write_film(tmp_path / "canary.ts")
    with socket.create_server(("127.0.0.1", 0)) as server, Watched([canary]) as watched:
        server.setblocking(False)
        materials = Materials(port=server.getsockname()[1], canary=canary)
        for case in lists.cases():
            if case.name in ("HLS named MP4", "concat named MP4"):
                case.make(tmp_path / "lists", materials)
                for file in sorted((tmp_path / "lists").iterdir()):
                    let(file)
        assert watched.opened()
        server.accept()[0].close()


def let(file: Path) -> None:
    options = {"protocol_whitelist": "file,http,tcp,crypto,concat,subfile", "allowed_extensions": "ALL", "safe": "0"}
    with contextlib.suppress(av.FFmpegError, OSError), av.open(str(file), options=options, timeout=0.2):
        pass


def test_the_watch_itself(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_bytes(b"a")
    with Watched([canary]) as watched:
        assert watched.opened() == []
        canary.read_bytes()
        assert watched.opened() == [canary]
