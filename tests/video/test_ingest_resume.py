"""Whatever is killed and whenever, the same command ends with the same bytes."""

import json
import random
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vivi.core.files import sha256_file
from vivi.data.store import ShotStore

POINTS = [
    "before-rename:job.json",
    "before-rename:shard-000000.tar",
    "shard-written",
    "before-rename:shard-000000.json",
    "shard-in-journal",
    "before-rename:shard-000001.tar",
    "before-rename:frame_start.npy",
    "before-rename:videos.jsonl",
    "index-written",
    "before-rename:store.json",
]
"""Commit points of the parent, in the order in which an undisturbed run passes them."""

SCRIPT = """
    import json, os, random, resource, signal, sys, time
    from pathlib import Path
    from vivi.core.errors import DiskFullError
    from vivi.video.ingest import IngestSettings, ingest

    source, out, runs = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    settings = IngestSettings(fps=4.0, short_side=128, shard_mebibytes=1)

    def attempt(run):
        os.setpgid(0, 0)
        os.environ["VIVI_CRASH_AT"] = run.get("point", "")
        if "limit" in run:
            resource.setrlimit(resource.RLIMIT_FSIZE, (run["limit"], resource.RLIM_INFINITY))
        try:
            ingest([source], out=out, settings=settings, workers=run.get("workers", 2))
        except DiskFullError as error:
            print(error, file=sys.stderr, flush=True)
            return 2
        return 0

    def children(pid):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def disturb(pid, run):
        if "after" not in run:
            return
        time.sleep(run["after"])
        try:
            if run["who"] == "all":
                os.killpg(pid, signal.SIGKILL)
            elif run["who"] == "parent":
                os.kill(pid, signal.SIGKILL)
            elif workers := children(pid):
                os.kill(workers[0], signal.SIGKILL)
        except (ProcessLookupError, FileNotFoundError):
            pass

    for run in runs:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = attempt(run)
            finally:
                os._exit(code)
        disturb(pid, run)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def ingest_runs(source: Path, out: Path, runs: list[dict[str, Any]]) -> tuple[list[int], str]:
    """One process that forks for every run, since importing takes longer than running; exit codes and error texts."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SCRIPT), str(source), str(out), json.dumps(runs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()], done.stderr


def tree(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): sha256_file(path) for path in out.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(0)
    for number in range(6):
        with av.open(str(folder / f"{number}.mkv"), "w") as container:
            stream = container.add_stream("mpeg4", rate=8)
            stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
            for _ in range(8 * (4 + number)):
                image = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
    (folder / "broken.mp4").write_bytes(b"broken" * 100)
    (folder / "notes.txt").touch()
    return folder


@pytest.fixture(scope="module")
def expected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("undisturbed") / "store"
    assert ingest_runs(source, out, [{"workers": 1}])[0] == [0]
    found = tree(out)
    sizes = [(out / name).stat().st_size for name in found if name.startswith("shards/")]
    assert len(sizes) >= 3 and max(sizes) > 800_000
    ShotStore.open(out).verify()
    return found


def test_the_number_of_workers_changes_nothing(source: Path, expected: dict[str, str], tmp_path: Path) -> None:
    assert ingest_runs(source, tmp_path / "store", [{"workers": 3}])[0] == [0]
    assert tree(tmp_path / "store") == expected


def test_killed_at_every_commit_point(source: Path, expected: dict[str, str], tmp_path: Path) -> None:
    codes, _ = ingest_runs(source, tmp_path / "store", [{"point": point} for point in POINTS])
    assert codes == [-9] * len(POINTS)
    assert ingest_runs(source, tmp_path / "store", [{}])[0] == [0]
    assert tree(tmp_path / "store") == expected


def random_kills(count: int, *, seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    whom = ("all", "parent", "worker")
    return [
        {"after": rng.uniform(0.0, 1.6), "who": rng.choice(whom), "workers": rng.randint(1, 3)} for _ in range(count)
    ]


def test_killed_at_random_moments(source: Path, expected: dict[str, str], tmp_path: Path) -> None:
    ingest_runs(source, tmp_path / "store", random_kills(4, seed=0))
    assert ingest_runs(source, tmp_path / "store", [{}])[0] == [0]
    assert tree(tmp_path / "store") == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 31))
def test_killed_at_many_random_moments(seed: int, source: Path, expected: dict[str, str], tmp_path: Path) -> None:
    kills = random_kills(3, seed=seed)
    codes, _ = ingest_runs(source, tmp_path / "store", kills)
    print(f"seed {seed}: " + "; ".join(f"{each['who']} after {each['after']:.3f} s" for each in kills), codes)
    assert ingest_runs(source, tmp_path / "store", [{}])[0] == [0]
    assert tree(tmp_path / "store") == expected


@pytest.mark.parametrize("limit", [100_000, 800_000])
def test_a_file_size_limit_ends_the_run_which_goes_on_later(
    limit: int, source: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    codes, text = ingest_runs(source, tmp_path / "store", [{"limit": limit}, {}])
    assert codes == [2, 0]
    (line,) = text.strip().splitlines()
    assert line.startswith("no space left while writing ") and "run the same command again" in line
    assert ("shard-000000.tar" in line) == (limit == 800_000)
    assert tree(tmp_path / "store") == expected


def test_a_full_disk_ends_the_run_which_goes_on_when_there_is_space(
    source: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small disk")
    try:
        codes, text = ingest_runs(source, disk / "store", [{}])
        assert codes == [2]
        assert "No space left on device" in text
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert ingest_runs(source, disk / "store", [{}])[0] == [0]
        assert tree(disk / "store") == expected
    finally:
        subprocess.run(["umount", str(disk)], check=True)
