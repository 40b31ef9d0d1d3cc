"""The page is whole, asks for nothing, and shows hostile names as text; the JSON has everything; the verb works."""

import json
import re

import pytest
from tests.doctor.conftest import scene
from tests.reference.html_page import Reader

from vivi.cli import main
from vivi.core.errors import ViviError
from vivi.data.store.format import Skip
from vivi.doctor.examine import examine
from vivi.doctor.page import duration, write_diagnosis
from vivi.doctor.record import as_json
from vivi.training.estimate import Estimate

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)> & {{ 7*7 }}'
ESTIMATE = Estimate(
    name=HOSTILE, steps=120_000, pictures_per_step=16_384, encoded_per_step=16_384, parameters=1, head_parameters=1,
    device="cpu", chunks=128, memory=2 * 10**10, memory_in_one=12 * 10**11, most_chunks=128, least_memory=2 * 10**10,
    available=10**10, seconds_per_step=4000.0, basis="forward and backward of 4 pictures",
)  # fmt: skip


@pytest.fixture
def hostile_store(make_store):
    shots = [scene(1, frames=6), scene(2, frames=1) * 4]
    videos = {f"{HOSTILE}.mp4": shots, f"copy {HOSTILE}.mp4": shots, "boxed.mp4": [scene(7, frames=3)]}
    return make_store(videos, skipped=[Skip(HOSTILE, "corrupt", HOSTILE, 1)])


def test_the_page_is_whole_and_asks_for_nothing(hostile_store, tmp_path):
    found = examine(hostile_store, threads=1).with_estimates((ESTIMATE,))
    page = write_diagnosis(tmp_path / "deep" / "doctor.html", diagnosis=found, command=f"vivi doctor {HOSTILE}")
    text = page.read_text()
    reader = Reader(text)
    assert {"script", "iframe", "object", "form", "base"} & set(reader.tags) == set()
    for tag, name, value in reader.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href"):
            assert value.startswith(("#", "data:")), (tag, name, value)
    words = "".join(reader.text)
    assert words.count(HOSTILE) >= 6
    assert "49" not in re.findall(r"\{\{ (\S+) \}\}", words)
    assert "does not fit" in words
    ids = [value for _, name, value in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value[1:] for tag, name, value in reader.attributes if (tag, name) == ("a", "href")}
    assert links <= set(ids)


def test_the_page_is_the_same_each_time(hostile_store, tmp_path):
    found = examine(hostile_store, threads=2)
    first = write_diagnosis(tmp_path / "a.html", diagnosis=found).read_bytes()
    again = write_diagnosis(tmp_path / "b.html", diagnosis=examine(hostile_store, threads=1)).read_bytes()
    assert first == again


def test_the_json_has_every_pair_by_path(hostile_store):
    record = json.loads(json.dumps(as_json(examine(hostile_store, threads=1).with_estimates((ESTIMATE,)))))
    assert (record["format"], record["version"]) == ("vivi-doctor", 1)
    assert record["duplicates"]["groups"] == [[f"{HOSTILE}.mp4", f"copy {HOSTILE}.mp4"]]
    (pair,) = record["duplicates"]["pairs"]
    assert pair["similarity"] == 1
    assert {"K": 2, "L": 4, "videos": 2} in record["shapes"]["videos left"]
    assert [each["path"] for each in record["oddities"]["static shots"]] == record["duplicates"]["groups"][0]
    assert record["videos"]["skipped by reason"] == {"corrupt": 1}
    assert record["estimates"][0]["hours"] == pytest.approx(120_000 * 4000 / 3600)


def test_the_verb(hostile_store, tmp_path, capsys):
    out, record = tmp_path / "doctor.html", tmp_path / "doctor.json"
    assert main(["doctor", str(hostile_store), "--out", str(out), "--json", str(record), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "near-duplicates: pairs, groups" in said
    assert str(out) in said
    assert "- 1 of 3 videos show what another one shows too" in said
    assert json.loads(record.read_text())["videos"]["looked at"] == 3
    assert "vivi doctor" in out.read_text()
    assert main(["doctor", str(tmp_path / "missing"), "--out", str(out)]) == 2
    assert main(["doctor", str(hostile_store), "--out", str(tmp_path)]) == 2
    assert main(["doctor", str(hostile_store), "--estimate", "VIVI-Exx", "--out", str(out)]) == 2
    assert "did you mean 'VIVI-Ex(" in capsys.readouterr().err


def test_a_file_of_cuts_of_other_videos_is_refused(hostile_store, tmp_path):
    (tmp_path / "cuts.csv").write_text("path,seconds\nother.mp4,1\n")
    with pytest.raises(ViviError, match="names no video of"):
        examine(hostile_store, cuts=tmp_path / "cuts.csv")


def test_durations_can_be_grasped():
    said = [duration(hours) for hours in (0.25, 5, 100, 100_000)]
    assert said == ["15.0 minutes", "5.0 hours", "4 days", "11 years"]
