"""Files that are whole or absent."""

import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from vivi.core import files
from vivi.core.errors import DiskFullError, ViviError

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of a process with threads, Python 3.12


def in_child(action: Callable[[], None]) -> int:
    """Exit code of a forked child that runs `action`; 3 for any error."""
    pid = os.fork()
    if pid == 0:
        code = 3
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_file_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    with files.atomic_file(path) as file:
        file.write(b"first")
        assert not path.exists()
    assert path.read_bytes() == b"first"
    with files.atomic_file(path) as file:
        file.write(b"second")
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert [each.name for each in path.parent.iterdir()] == ["file.bin"]


def test_an_error_in_the_block_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), files.atomic_file(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_folder_appears_whole_and_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with files.atomic_folder(path) as folder:
        (folder / "a").touch()
        assert not path.exists()
    with files.atomic_folder(path) as folder:
        (folder / "b").touch()
    assert [each.name for each in path.iterdir()] == ["b"]
    with pytest.raises(ZeroDivisionError), files.atomic_folder(path) as folder:
        (folder / "c").touch()
        raise ZeroDivisionError
    assert [each.name for each in tmp_path.rglob("*")] == ["folder", "b"]


def test_killed_before_the_rename_the_old_file_stays_and_the_rest_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setenv("VIVI_CRASH_AT", "before-rename:file")
    assert in_child(lambda: files.write_bytes(path, b"new")) == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    files.remove_temporaries(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_temporary_folders_are_swept_too(tmp_path: Path) -> None:
    (tmp_path / "deep" / f"{files.TEMPORARY}1-folder" / "inner").mkdir(parents=True)
    (tmp_path / "deep" / f"{files.TEMPORARY}1-folder" / "inner" / f"{files.TEMPORARY}2-x").touch()
    files.remove_temporaries(tmp_path)
    assert list((tmp_path / "deep").iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_named_whatever_the_system_calls_it(number: int, tmp_path: Path) -> None:
    message = r"no space left while writing .*file .*run the same command again"
    with pytest.raises(DiskFullError, match=message), files.atomic_file(tmp_path / "file"):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PermissionError), files.atomic_file(tmp_path / "file"):
        raise PermissionError(errno.EACCES, "no")


def test_a_file_size_limit_counts_as_a_full_disk(tmp_path: Path) -> None:
    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(DiskFullError, match="File too large"):
            files.write_bytes(tmp_path / "file", b"x" * 5000)

    assert in_child(write) == 0
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_in_one_way_and_read_back(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None, True], "a": {"ü": "日本"}}
    files.write_json(tmp_path / "x.json", value)
    files.write_json(tmp_path / "y.json", dict(reversed(value.items())))
    assert (tmp_path / "x.json").read_bytes() == (tmp_path / "y.json").read_bytes()
    assert "日本" in (tmp_path / "x.json").read_text(encoding="utf-8")
    assert files.read_json(tmp_path / "x.json") == value == json.loads((tmp_path / "x.json").read_bytes())


def test_json_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ViviError, match=r"cannot read .*none.json: No such file"):
        files.read_json(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"a": ')
    with pytest.raises(ViviError, match=r"half.json is not valid JSON .*damaged"):
        files.read_json(tmp_path / "half.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00\xff")
    with pytest.raises(ViviError, match=r"bytes.json is not valid JSON"):
        files.read_json(tmp_path / "bytes.json")


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(data)
    assert files.sha256_file(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_a_locked_folder_is_refused_to_others_and_free_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def take() -> None:
        message = rf"run is in use by process {os.getppid()} on .*: wait for it to end"
        with pytest.raises(ViviError, match=message), files.locked(folder):
            pass

    with files.locked(folder):
        assert in_child(take) == 0
        with pytest.raises(ViviError, match="is in use"), files.locked(folder):
            pass
    with pytest.raises(ZeroDivisionError), files.locked(folder):
        raise ZeroDivisionError
    with files.locked(folder):
        pass
    assert list(folder.iterdir()) == []


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    def die() -> None:
        with files.locked(tmp_path):
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die) == -signal.SIGKILL
    assert (tmp_path / ".lock").exists()
    with files.locked(tmp_path):
        pass


def test_two_processes_never_hold_a_folder_at_once(tmp_path: Path) -> None:
    script = """
        import sys, time
        from pathlib import Path
        from vivi.core.errors import ViviError
        from vivi.core.files import locked
        folder, end, taken = Path(sys.argv[1]), time.monotonic() + 1.0, 0
        while time.monotonic() < end:
            try:
                with locked(folder):
                    (folder / "held").touch(exist_ok=False)
                    taken += 1
                    (folder / "held").unlink()
            except ViviError:
                pass
        assert taken
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]


def test_a_crash_point_does_nothing_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVI_CRASH_AT", "elsewhere")
    files.crash_point("here")
    assert in_child(lambda: files.crash_point("elsewhere")) == -signal.SIGKILL
