"""The file of corrected cuts: whole or as it was, readable by ingest, and respectful of what others wrote."""

import fcntl
import os
import subprocess
import sys
import threading

import pytest

from vivi.browse import corrections as room
from vivi.browse.corrections import Corrections
from vivi.core.errors import DiskFullError, ViviError
from vivi.core.files import write_text
from vivi.video.cuts import read_cuts


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "cuts.csv"


def test_nothing_is_written_before_something_is_saved(file):
    opened = Corrections(file)
    assert opened.of("a.mp4") is None
    assert not file.exists()


def test_what_is_saved_is_what_ingest_reads(file):
    names = ["a.mp4", 'b, "c".mp4', "ünï/d.mp4", "line\nbreak.mp4", "<script>.mp4"]
    opened = Corrections(file)
    for number, name in enumerate(names):
        opened.save(name, [4.0 + number, 0.333, 4.0 + number])
    opened.save("none.mp4", [])
    wanted = {name: (0.333, 4.0 + number) for number, name in enumerate(names)} | {"none.mp4": ()}
    assert read_cuts(file) == wanted
    assert {name: opened.of(name) for name in wanted} == wanted
    assert file.read_text().splitlines()[0] == "path,seconds"
    assert "a.mp4,4\n" in file.read_text()


def test_the_rest_of_a_file_stays(file):
    file.parent.mkdir()
    file.write_text("path,seconds\nother.mp4,1.23456\nmine.mp4,2\n")
    opened = Corrections(file)
    opened.save("mine.mp4", [7.5])
    assert read_cuts(file) == {"mine.mp4": (7.5,), "other.mp4": (1.23456,)}
    opened.forget("mine.mp4")
    opened.forget("unknown.mp4")
    assert read_cuts(file) == {"other.mp4": (1.23456,)}


def test_a_file_that_somebody_else_changed_is_read_again(file):
    opened = Corrections(file)
    opened.save("a.mp4", [1.0])
    file.write_text("path,seconds\nb.mp4,22\n")
    os.utime(file, ns=(1, 1))
    assert opened.of("a.mp4") is None and opened.of("b.mp4") == (22.0,)
    opened.save("a.mp4", [3.0])
    assert read_cuts(file) == {"a.mp4": (3.0,), "b.mp4": (22.0,)}
    file.unlink()
    assert opened.of("b.mp4") is None


def test_a_full_disk_leaves_the_file_as_it_was(file, monkeypatch):
    opened = Corrections(file)
    opened.save("a.mp4", [1.0])
    before = file.read_bytes()

    def full(path, text):
        raise DiskFullError("no space left")

    monkeypatch.setattr(room, "write_text", full)
    with pytest.raises(DiskFullError):
        opened.save("a.mp4", [2.0])
    assert file.read_bytes() == before
    assert opened.of("a.mp4") == (1.0,)


@pytest.mark.parametrize("text", ['{"a.mp4": [1]}', " \n{}", "path;seconds\n", "path,seconds\na.mp4,soon\n", "notes"])
def test_other_files_are_refused_and_stay(file, text):
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ViviError) as caught:
        Corrections(file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)
    assert file.read_text() == text


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ViviError, match="is a folder"):
        Corrections(tmp_path)


@pytest.mark.parametrize("name", ["car\rriage.mp4", "n\x00l.mp4", "stray\udcff.mp4"])
def test_a_name_that_csv_cannot_hold_is_refused_and_the_file_stays_whole(file, name):
    opened = Corrections(file)
    opened.save("a.mp4", [1.0])
    with pytest.raises(ViviError, match="cannot stand in a CSV file") as caught:
        opened.save(name, [2.0])
    assert str(caught.value).isprintable()
    assert read_cuts(file) == {"a.mp4": (1.0,)} and opened.of("a.mp4") == (1.0,)


@pytest.mark.parametrize("change", [lambda opened: opened.save("b.mp4", []), lambda opened: opened.forget("a.mp4")])
def test_a_change_waits_for_that_of_another_browser(file, change):
    """The other one has read the file and is about to write it."""
    opened = Corrections(file)
    opened.save("a.mp4", [1.0])
    folder = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    ours = threading.Thread(target=change, args=(opened,))
    ours.start()
    ours.join(0.2)
    assert ours.is_alive() and read_cuts(file) == {"a.mp4": (1.0,)}
    write_text(file, "path,seconds\na.mp4,1\nc.mp4,5\n")
    os.close(folder)
    ours.join()
    assert read_cuts(file)["c.mp4"] == (5.0,) and read_cuts(file) != {"a.mp4": (1.0,), "c.mp4": (5.0,)}


SAVES = 40
SAVE = f"""
import pathlib, sys
from vivi.browse.corrections import Corrections
opened = Corrections(pathlib.Path(sys.argv[1]))
for number in range({SAVES}):
    opened.save(f"{{sys.argv[2]}} {{number}}.mp4", [float(number)])
"""


def test_two_browsers_of_one_file_lose_nothing(file):
    command = [sys.executable, "-c", SAVE, str(file)]
    both = [subprocess.Popen([*command, name]) for name in ("one", "two")]
    assert [process.wait() for process in both] == [0, 0]
    wanted = {f"{name} {number}.mp4": (float(number),) for name in ("one", "two") for number in range(SAVES)}
    assert read_cuts(file) == wanted
