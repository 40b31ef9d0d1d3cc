"""The cache: what was put comes back or is gone, its size stays bounded, several processes get along."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vivi.core.cache import Cache
from vivi.core.errors import ConfigError, ViviError


def size_of(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def test_blocks_come_back_until_they_are_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=10**6)
    assert cache.get("a-1") is None
    cache.put("a-1", b"one")
    cache.put("a-2", b"")
    assert (cache.get("a-1"), cache.get("a-2"), cache.get("b-1")) == (b"one", b"", None)
    cache.put("a-1", b"other")
    assert Cache(tmp_path / "cache", limit=10**6).get("a-1") == b"other"
    assert cache.remove("a-1") and not cache.remove("a-1")
    assert cache.get("a-1") is None
    assert not list(tmp_path.rglob(".tmp-*"))


def test_the_oldest_goes_first_and_use_makes_new(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=10**9)
    for number in range(6):
        cache.put(f"{number}", bytes(1000))
        os.utime(cache._block(f"{number}"), (number, number))
    cache.get("0")
    cache.trim(3000)
    assert [number for number in range(6) if cache.get(f"{number}") is not None] == [0, 4, 5]


def test_what_others_are_writing_stays_and_what_they_left_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=10**9)
    cache.put("00", b"block")
    writing, left = tmp_path / "blocks" / "00" / ".tmp-now", tmp_path / "blocks" / "00" / ".tmp-left"
    writing.write_bytes(b"half")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    cache.trim(0)
    assert [path.name for path in (tmp_path / "blocks" / "00").iterdir()] == [".tmp-now"]


def test_the_size_is_bounded_while_it_is_written(tmp_path: Path) -> None:
    cache, most = Cache(tmp_path, limit=100_000), 0
    for number in range(300):
        cache.put(f"{number:03d}", bytes(1000))
        most = max(most, size_of(tmp_path)) if number % 10 == 0 else most
    assert 90_000 <= most <= 102_000
    assert cache.get("299") is not None and cache.get("000") is None


def test_a_folder_is_made_once_and_stays_while_it_is_held(tmp_path: Path) -> None:
    cache, made = Cache(tmp_path, limit=10**9), []

    def make(path: Path) -> None:
        made.append(path)
        time.sleep(0.05)
        (path / "file").write_bytes(bytes(500))

    held = []
    threads = [threading.Thread(target=lambda: held.append(cache.hold("key", make=make))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len({each.path for each in held}) == 1
    assert (held[0].path / "file").stat().st_size == 500
    cache.put("block", bytes(10))
    cache.trim(0)
    assert held[0].path.exists() and cache.get("block") is None
    for each in held:
        each.release()
    cache.trim(0)
    assert not held[0].path.exists()
    again = cache.hold("key", make=make)
    again.release()
    assert again.path.exists() and len(made) == 2


def test_a_folder_that_failed_is_gone_on_with(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=10**9)

    def fail(path: Path) -> None:
        (path / "first").write_text("whole")
        raise ViviError("the network")

    with pytest.raises(ViviError, match="the network"):
        cache.hold("key", make=fail)

    def go_on(path: Path) -> None:
        assert (path / "first").read_text() == "whole"

    held = cache.hold("key", make=go_on)
    held.release()
    assert (held.path / "first").exists()


PROGRAM = """
import sys
from pathlib import Path
from vivi.core.cache import Cache
cache = Cache(Path(sys.argv[1]), limit=60_000)
for turn in range(150):
    key = f"{turn * 7 % 90:03d}"
    found = cache.get(key)
    assert found in (None, key.encode() * 400), key
    if found is None:
        cache.put(key, key.encode() * 400)
def make(path):
    (path / "only").write_text("one")
held = cache.hold("folder", make=make)
assert (held.path / "only").read_text() == "one"
print("done")
"""


def test_processes_share_it(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    runs = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [run.communicate(timeout=60) for run in runs] == [("done\n", "")] * 3
    # a block is more than a 64th of the bound, so whoever wrote the last one has looked at the whole behind it
    assert size_of(tmp_path) <= 60_000 - 60_000 // 64 + len("one")


SMALL = """
import sys
from pathlib import Path
from vivi.core.cache import Cache
cache = Cache(Path(sys.argv[1]), limit=64_000)
for turn in range(600):
    cache.put(f"{turn % 10}{sys.argv[2]}{turn}", bytes(100))
print("done")
"""


def test_processes_exceed_it_by_a_64th_each_and_no_more(tmp_path: Path) -> None:
    words = [sys.executable, "-c", SMALL, str(tmp_path)]
    runs = [
        subprocess.Popen([*words, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in "abc"
    ]
    assert [run.communicate(timeout=60) for run in runs] == [("done\n", "")] * 3
    # behind the last look there are 63 64ths, and of each process no more than the 64th that it writes between looks
    assert 60_000 <= size_of(tmp_path) <= 63_000 + 3 * 1_000


def test_where_it_is_and_how_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("VIVI_CACHE_GB", "1.5")
    cache = Cache.open()
    assert (cache.root, cache.limit) == (tmp_path / "mine", 1_500_000_000)
    monkeypatch.delenv("VIVI_CACHE")
    monkeypatch.delenv("VIVI_CACHE_GB")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (Cache.open().root, Cache.open().limit) == (tmp_path / ".cache" / "vivi", 20_000_000_000)
    for bad in ("0", "-1", "many", "inf"):
        monkeypatch.setenv("VIVI_CACHE_GB", bad)
        with pytest.raises(ConfigError, match="VIVI_CACHE_GB"):
            Cache.open()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file", limit=10**6)
    with pytest.raises(ViviError, match=r"cannot use the cache .*set VIVI_CACHE"):
        cache.put("a", b"a")
    with pytest.raises(ViviError, match=r"cannot use the cache .*set VIVI_CACHE"):
        cache.hold("a", make=lambda _: None)


def test_a_full_disk_only_means_that_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, limit=10**6)

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", full)
    cache.put("a", b"a")
    assert cache.get("a") is None and not list(tmp_path.rglob(".tmp-*"))
