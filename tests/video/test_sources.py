"""Sources beside files and folders: lists, ids of YouTube, and the part that is held out."""

import csv
import tarfile
from pathlib import Path

import pytest
from tests.reference.ingested import run, skipped, stored
from tests.reference.tiny_videos import film

from vivi.core.errors import ConfigError, ViviError
from vivi.data.store import ShotStore
from vivi.data.store.format import Skip, video_key
from vivi.video import listing as listing_module
from vivi.video.holdout import Holdout, is_held_out
from vivi.video.listing import Candidate, Listing, Names, write_listing
from vivi.video.places import LocalFile
from vivi.video.sources import Selection, find_inputs


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for seed, name in enumerate(["a.mp4", "b.mkv", "c.mp4"]):
        film(folder / name, seed=seed)
    return folder


def test_tars_within_folders_are_named_not_opened(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in" / "t.tar", "w") as archive:
        archive.add(videos / "a.mp4", "a.mp4")
    film(tmp_path / "in" / "clip.mp4")
    run(tmp_path / "in", out=tmp_path / "store")
    assert skipped(tmp_path / "store") == {"t.tar": "not a video"}


def test_a_list_of_paths(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    film(tmp_path / "sub" / "d.mp4", seed=9)
    (tmp_path / "link.mp4").symlink_to(videos / "b.mkv")
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        archive.add(videos / "c.mp4", "in.mp4")
    lines = ["# comment", "", "sub/d.mp4", f"{videos}/a.mp4", "  link.mp4 ", "missing.mp4", "sub", "t.tar", "sub/d.mp4"]
    (tmp_path / "list.txt").write_text("\r\n".join(lines))
    run(out=tmp_path / "store", lists=(tmp_path / "list.txt",))
    assert stored(tmp_path / "store") == sorted([f"{videos}/a.mp4", "link.mp4", "sub/d.mp4", "t.tar/in.mp4"])
    assert skipped(tmp_path / "store") == {
        "missing.mp4": "not there",
        "sub": "not a regular file",
        "sub/d.mp4": "named twice",
    }


@pytest.mark.parametrize("column", ["path", "url", "Path"])
@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_a_table_names_videos_by_id(column: str, extension: str, videos: Path, tmp_path: Path) -> None:
    rows = [("3", f"{videos}/a.mp4"), ("two", f"{videos}/b.mkv"), ("", f"{videos}/c.mp4"), ("none", "")]
    if extension == "csv":
        with (tmp_path / "list.csv").open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file).writerows([("id", "other", column), *((name, "x", path) for name, path in rows)])
    else:
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        names, paths = zip(*rows, strict=True)
        parquet.write_table(pyarrow.table({column: paths, "id": names}), tmp_path / "list.parquet")
    run(out=tmp_path / "store", lists=(tmp_path / f"list.{extension}",))
    assert stored(tmp_path / "store") == sorted(["3", "two", f"{videos}/c.mp4"])
    assert skipped(tmp_path / "store") == {"none": "not there"}
    assert ShotStore.open(tmp_path / "store").describe(1)["key"] == video_key("3")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.csv", "id,file\n1,a.mp4\n", r"list.csv has the columns id, file: it needs 'path' or 'url'"),
        ("list.csv", "", r"has the columns \(none\)"),
        ("list.lst", "a.mp4", r"is no list: its name must end in .txt, .csv, .parquet"),
        ("list.txt", "# nothing\n", "no files in .*list.txt"),
        ("list.parquet", "PAR1", "is not a Parquet file that can be read"),
    ],
)
def test_a_list_that_is_none_says_so(name: str, text: str, message: str, tmp_path: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_text(text)
    with pytest.raises(ViviError, match=message):
        run(out=tmp_path / "store", lists=(tmp_path / name,))
    assert not (tmp_path / "store").exists()


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"a.mp4\n\xff\xfe\n")
    with pytest.raises(ViviError, match=r"list\.txt is not UTF-8 text"):
        run(out=tmp_path / "store", lists=(tmp_path / "list.txt",))
    assert not (tmp_path / "store").exists()
    with pytest.raises(ViviError, match=r"cannot read source .*none\.txt"):
        run(out=tmp_path / "store", lists=(tmp_path / "none.txt",))


def test_sources_and_lists_together_begin_with_their_names(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{videos}/a.mp4\n")
    run(videos, tmp_path / "list.txt", out=tmp_path / "tried", lists=())
    assert skipped(tmp_path / "tried") == {"list.txt": "not a video"}
    run(videos, out=tmp_path / "store", lists=(tmp_path / "list.txt",))
    label = videos.name
    assert stored(tmp_path / "store") == [
        f"list.txt/{videos}/a.mp4",
        *(f"{label}/{name}" for name in ("a.mp4", "b.mkv", "c.mp4")),
    ]
    with pytest.raises(ConfigError, match="lies inside source"):
        run(out=tmp_path / "never", lists=(tmp_path / "list.txt", tmp_path / "list.txt"))


IDS = {
    "zHWoWlq1tZA.mp4": "zHWoWlq1tZA",
    "Some title [zHWoWlq1t-_].mkv": "zHWoWlq1t-_",
    "deep/[brackets] more [ABCDEFGHIJK].mp4": "ABCDEFGHIJK",
    "nXSc.mp4": "nXSc",
    "Un[title] [12345678901].mp4": "12345678901",
    "ABCDEFGHIJK.mp4": "ABCDEFGHIJK",
    "not asked for [asdfghjklqw].mp4": "",
    "zHWoWlq1tZA.f137.mp4": "",
    "zHWoWlq1tZA.json": "",
}


def test_ids_are_mapped_to_files_that_are_there(tmp_path: Path) -> None:
    for seed, name in enumerate(IDS):
        film(tmp_path / "in" / name, seed=seed)
    wanted = ["zHWoWlq1tZA", "zHWoWlq1t-_", "ABCDEFGHIJK", "nXSc", "gone", "notThere_01", "nXSc"]
    (tmp_path / "ids.txt").write_text("\n".join(wanted))
    run(tmp_path / "in", out=tmp_path / "store", ids=tmp_path / "ids.txt")
    assert stored(tmp_path / "store") == sorted(["zHWoWlq1tZA", "zHWoWlq1t-_", "ABCDEFGHIJK", "nXSc"])
    assert skipped(tmp_path / "store") == {
        "gone": "not there",
        "notThere_01": "not there",
        "ABCDEFGHIJK": "named twice",
    }
    text = (tmp_path / "store" / "skipped.csv").read_text()
    assert "gone,not there,no file gone.* or *[gone].* in the sources,0\n" in text
    (tmp_path / "ids.csv").write_text("youtube_id,id\n12345678901,abcd\n")
    run(tmp_path / "in", out=tmp_path / "mapped", ids=tmp_path / "ids.csv")
    assert stored(tmp_path / "mapped") == ["abcd"]
    (tmp_path / "bad.txt").write_text("abcd\nhttps://youtu.be/zHWoWlq1tZA\n")
    with pytest.raises(ViviError, match=r"bad.txt, line 2: 'https://youtu.be/zHWoWlq1tZA' is no id"):
        run(tmp_path / "in", out=tmp_path / "never", ids=tmp_path / "bad.txt")


def test_the_part_that_is_held_out_is_fixed_for_ever() -> None:
    names = [f"video-{number}.mp4" for number in range(2000)]
    held = [name for name in names if is_held_out(name, share=0.1)]
    assert held[:6] == [f"video-{number}.mp4" for number in (0, 9, 28, 47, 50, 59)]
    assert len(held) == 205
    # 4 standard deviations of a binomial
    assert abs(len([name for name in names if is_held_out(name, share=0.5)]) - 1000) < 90
    assert set(held) < {name for name in names if is_held_out(name, share=0.2)}
    # by hand: sha256("a") begins with ca978112ca1bbdca, 0.7913 of 2 ** 64
    assert not is_held_out("a", share=0.7913) and is_held_out("a", share=0.7914)


def test_the_two_parts_are_all_of_it(videos: Path, tmp_path: Path) -> None:
    listed = []
    for is_test in (False, True):
        selection = Selection(holdout=Holdout(share=0.5, is_test=is_test))
        listed.append({each.path for each in find_inputs([videos], selection=selection, without=tmp_path)})
    assert listed[0] | listed[1] == {"a.mp4", "b.mkv", "c.mp4"} and not listed[0] & listed[1]
    assert listed[1] == {name for name in ("a.mp4", "b.mkv", "c.mp4") if int(video_key(name), 16) < 2**63}
    with pytest.raises(ConfigError):
        from vivi.core.config import build

        build(Holdout, {"share": 1.5}, source="--holdout")


def test_a_listing_sorts_like_text_and_compares(tmp_path: Path) -> None:
    names = ["b", "a/z", "a", "Z", "ü", "日本", "\udcff", "\U0001f600", "\uffee", "a\n"]
    place = LocalFile("x")

    def listing(name: str, *items: Candidate | Skip) -> Listing:
        write_listing(tmp_path / name, items)
        return Listing(tmp_path / name)

    with listing("sorted.db", *(Candidate(name, place, 1, "v") for name in names), Skip("s", "r", "d", 3)) as found:
        assert [each.path for each in found.candidates()] == sorted(names)
        assert list(Names(found)) == sorted(names) and len(Names(found)) == len(names) and Names(found)[0] == "Z"
        assert list(found.skipped()) == [Skip("s", "r", "d", 3)]
    old = [Candidate("same", place, 1, "v"), Candidate("size", place, 1, "v"), Candidate("time", place, 1, "v")]
    old += [Candidate("gone", place, 1, "v"), Candidate("unknown", place, 0, "")]
    new = [Candidate("same", place, 1, "v"), Candidate("size", place, 2, "v"), Candidate("time", place, 1, "w")]
    new += [Candidate("new\n", place, 1, "v"), Candidate("unknown", place, 7, "x")]
    with listing("old.db", *old) as before, listing("new.db", *new) as now:
        differences = ["changed: 'size'", "changed: 'time'", "gone: 'gone'", "new: 'new\\\\n'"]
        assert now.differences(before, versions=True) == differences
        assert now.differences(before, versions=False) == [differences[0], *differences[2:]]
        assert before.differences(before, versions=True) == []


@pytest.mark.parametrize("changed", [{"file": "/a", "tag": "v"}, {"file": "/a", "kind": "Elsewhere"}])
def test_a_listing_with_places_of_another_version_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    monkeypatch.setattr(listing_module, "place_values", lambda _: {"kind": "LocalFile"} | changed)
    write_listing(tmp_path / "listing.db", [Candidate("a", LocalFile("/a"), 1, "v")])
    told = rf"{tmp_path}/listing.db was written by another version of vivi: finish the ingest with that, or delete"
    with Listing(tmp_path / "listing.db") as found, pytest.raises(ViviError, match=told):
        list(found)
