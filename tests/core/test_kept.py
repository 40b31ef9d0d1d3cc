"""A process that is kept for one unit after the other."""

import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from vivi.core.cluster import call_within_limits
from vivi.core.errors import ViviError
from vivi.core.kept import KeptProcess, kept_process
from vivi.core.work import End, Unit

UNITS = """
    import os, signal, time

    def act(argument):
        if argument == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if argument == "raise":
            raise ValueError("bad value")
        if argument == "hang":
            time.sleep(1000)
        if argument == "allocate":
            bytearray(1 << 31)
        return os.getpid()
"""


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "kept_units_under_test.py").write_text(textwrap.dedent(UNITS))
    (tmp_path / "kept_broken_under_test.py").write_text("import nosuchmodule\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("kept_units_under_test", None)
    import kept_units_under_test

    return kept_units_under_test


def test_the_process_is_kept_until_it_dies(units: ModuleType) -> None:
    kept = KeptProcess(units.act, memory=1 << 30)
    pids = [kept.do(Unit(str(number), "work", 60.0)).value for number in range(3)]
    assert len(set(pids)) == 1
    found = [kept.do(Unit(deed, deed, 1.0)) for deed in ("raise", "allocate", "hang", "die")]
    assert [each.end for each in found] == [End.FAILED, End.FAILED, End.TIMEOUT, End.CRASHED]
    assert [each.detail for each in found] == [
        "ValueError: bad value",
        "MemoryError: ",
        "not done after 1 s",
        "the process was killed by SIGKILL",
    ]
    assert kept.do(Unit("last", "work", 60.0)).value not in pids


def test_a_process_that_does_not_start_is_told(units: ModuleType) -> None:
    kept = kept_process("kept_broken_under_test:act", memory=1 << 30)
    with pytest.raises(ViviError, match="No module named 'nosuchmodule'"):
        kept.do(Unit("0", "work", 60.0))
    told = call_within_limits("kept_broken_under_test:act", '"work"', seconds=60.0, memory=1 << 30)
    assert told.startswith('{"stop": "on machine ') and "nosuchmodule" in told
    kept_process.cache_clear()
