"""Videos that kill, hang or starve the process that decodes them."""

import csv
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.reference.tiny_videos import film_of

from vivi.video.ingest import IngestSettings, ingest

POISON = """
    import os, signal, time
    from vivi.video.part import make_part

    def poisoned(argument):
        if "dies" in argument["path"]:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "hangs" in argument["path"]:
            time.sleep(1000)
        if "fails" in argument["path"]:
            raise ValueError("something\\nunforeseen")
        if "greedy" in argument["path"]:
            bytearray(1 << 40)
        return make_part(argument)
"""


def film(path: Path) -> None:
    shades = (np.full((48, 64, 3), 30 * shade, np.uint8) for shade in range(8))
    film_of(path, shades, rate=8, codec="mpeg4", options={})


@pytest.fixture
def poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "poison_under_test.py").write_text(textwrap.dedent(POISON))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    sys.modules.pop("poison_under_test", None)
    import poison_under_test

    monkeypatch.setattr("vivi.video.ingest.make_part", poison_under_test.poisoned)
    yield tmp_path / "source"
    sys.modules.pop("poison_under_test")


def test_a_video_that_kills_or_hangs_its_worker_is_listed_and_the_others_are_stored(
    poisoned: Path, tmp_path: Path
) -> None:
    names = ["dies.mp4", "fails.mp4", "good 1.mp4", "good 2.mp4", "greedy.mp4", "hangs.mp4", "z.mp4"]
    for name in names:
        film(poisoned / name)
    settings = IngestSettings(fps=2.0, short_side=32)
    summary = ingest([poisoned], out=tmp_path / "store", settings=settings, workers=2, patience=3.0)
    lines = (tmp_path / "store" / "videos.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["good 1.mp4", "good 2.mp4", "z.mp4"]
    with (tmp_path / "store" / "skipped.csv").open(newline="") as file:
        reasons = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    assert reasons == {
        "dies.mp4": "crashed",
        "fails.mp4": "crashed",
        "greedy.mp4": "crashed",
        "hangs.mp4": "timeout",
    }
    assert summary.skipped == (("crashed", 3), ("timeout", 1))
    details = (tmp_path / "store" / "skipped.csv").read_text()
    assert r"ValueError: something\nunforeseen" in details and "was killed by SIGSEGV" in details
