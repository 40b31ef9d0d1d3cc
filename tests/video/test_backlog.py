"""What is done next, and how much may wait."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reference.tiny_videos import film

from vivi.core.files import sha256_file
from vivi.video import assembly
from vivi.video.backlog import Backlog
from vivi.video.ingest import IngestSettings, ingest
from vivi.video.listing import Candidate
from vivi.video.places import LocalFile


def candidates(sizes: list[int]) -> list[Candidate]:
    return [Candidate(f"{number:03}", LocalFile("x"), size, "") for number, size in enumerate(sizes)]


def test_the_largest_of_the_open_stretch_come_first_and_no_more_is_read() -> None:
    read: list[str] = []

    def stream() -> Iterator[Candidate]:
        for each in candidates([3, 1, 4, 1, 5, 9, 2, 6]):
            read.append(each.path)
            yield each

    backlog = Backlog(stream(), done=set(), length=4)
    assert read == ["000", "001", "002", "003"] and not backlog.is_all_open
    first, second = backlog.take(), backlog.take()
    assert first is not None and second is not None and [first.bytes, second.bytes] == [4, 3]
    backlog.set_done(first.key)
    assert list(backlog.pop_done()) == [] and len(read) == 4
    backlog.set_done(second.key)
    assert [each.path for each in backlog.pop_done()] == ["000"] and read[-1] == "004"
    largest = backlog.take()
    assert largest is not None and largest.bytes == 5


def test_near_the_front_only() -> None:
    backlog = Backlog(iter(candidates([1, 2, 3, 4])), done=set(), length=10)
    assert backlog.is_all_open
    taken = [backlog.take_next(within=2) for _ in range(3)]
    assert [each and each.path for each in taken] == ["000", "001", None]
    last = backlog.take()
    assert last is not None and last.path == "003"


def test_everything_is_given_once_and_packed_in_order_whatever_ends_when() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        listed = candidates([rng.randint(1, 50) for _ in range(60)])
        done_before = {each.key for each in listed if rng.random() < 0.2}
        backlog = Backlog(iter(listed), done=set(done_before), length=rng.randint(1, 20))
        given: list[str] = []
        packed = [each.path for each in backlog.pop_done()]
        flying: list[Candidate] = []
        while len(packed) < len(listed):
            while len(flying) < 3 and (one := backlog.take() if rng.random() < 0.5 else backlog.take_next(within=5)):
                flying.append(one)
                given.append(one.path)
            if flying:
                backlog.set_done(flying.pop(rng.randrange(len(flying))).key)
            packed += [each.path for each in backlog.pop_done()]
        assert packed == [each.path for each in listed]
        assert sorted(given) == [each.path for each in listed if each.key not in done_before]
        assert backlog.take() is None and backlog.is_all_open


def test_little_room_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        film(tmp_path / "in" / f"{number}.mp4", frames=8 + 7 * number % 13, seed=number)

    def tree(name: str) -> dict[str, str]:
        settings = IngestSettings(fps=4.0, short_side=32)
        ingest([tmp_path / "in"], out=tmp_path / name, settings=settings, workers=2)
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {str(path.relative_to(tmp_path / name)): sha256_file(path) for path in files}

    roomy = tree("roomy")
    monkeypatch.setattr(assembly, "WAITING_BYTES", 0)
    monkeypatch.setattr(assembly, "OPEN_VIDEOS", 2)
    monkeypatch.setattr(assembly, "_OPEN_A_WORKER", 1)
    monkeypatch.setattr(assembly, "_NEAR_A_WORKER", 1)
    assert tree("narrow") == roomy
