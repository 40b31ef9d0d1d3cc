"""Videos on servers of the loopback address: a plain web server, and a real S3 server."""

import contextlib
import csv
import dataclasses
import json
import sys
import tarfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.reference.loopback import S3, s3, s3_server, served
from tests.reference.tiny_videos import film

from vivi.core.errors import StoreError, ViviError
from vivi.core.files import sha256_file
from vivi.core.remote import RemoteFolder
from vivi.data.store import ShotStore
from vivi.video.archives import search_remote_archive
from vivi.video.ingest import IngestSettings, IngestSummary, ingest
from vivi.video.places import PlaceError, RemoteMember, RemoteObject
from vivi.video.sources import Selection

pytest.importorskip("obstore")
__all__ = ["s3", "s3_server"]
SETTINGS = IngestSettings(fps=2.0, short_side=32)
NAMES = ["a.mp4", "deep/b.mkv", "deep/ü with space & 100%.mp4", "z/c%20d.mp4"]


def run(*sources: str, out: Path, workers: int = 1, **selection: Any) -> IngestSummary:
    return ingest(sources, out=out, settings=SETTINGS, selection=Selection(**selection), workers=workers)


def stored(out: Path) -> list[str]:
    return [json.loads(line)["path"] for line in (out / "videos.jsonl").read_text().splitlines()]


def skipped(out: Path) -> dict[str, str]:
    with (out / "skipped.csv").open(newline="") as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


def tree(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): sha256_file(path) for path in out.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remote") / "videos"
    for seed, name in enumerate(NAMES):
        film(folder / name, seed=seed)
    (folder / "notes.txt").write_text("notes")
    (folder / "lies.mp4").write_text("no video")
    return folder


def quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name)


def test_a_folder_of_an_object_store_gives_the_store_of_the_files(s3: S3, videos: Path, tmp_path: Path) -> None:
    for name in [*NAMES, "notes.txt", "lies.mp4"]:
        s3.put(f"some/{name}", (videos / name).read_bytes())
    s3.put("somewhere else/a.mp4", b"not asked for")
    summary = run("s3://bucket/some", out=tmp_path / "remote", workers=2)
    run(str(videos), out=tmp_path / "local")
    assert tree(tmp_path / "remote") == tree(tmp_path / "local")
    assert stored(tmp_path / "remote") == sorted(NAMES)
    assert skipped(tmp_path / "remote") == {"notes.txt": "not a video", "lies.mp4": "not a video"}
    assert run("s3://bucket/some", out=tmp_path / "remote").was_complete and not summary.was_complete
    s3.put("some/a.mp4", film(tmp_path / "new.mp4", frames=40).read_bytes())
    with pytest.raises(StoreError, match=r"other sources \(changed: 'a.mp4'\)"):
        run("s3://bucket/some/", out=tmp_path / "remote")


def test_single_objects_are_called_as_files_are(s3: S3, videos: Path, tmp_path: Path) -> None:
    s3.put("one/x.bin", (videos / "a.mp4").read_bytes())
    run("s3://bucket/one/x.bin", out=tmp_path / "one")
    assert stored(tmp_path / "one") == ["x.bin"]
    run("s3://bucket/one/x.bin", str(videos / "a.mp4"), out=tmp_path / "two")
    assert stored(tmp_path / "two") == ["a.mp4", "x.bin"]
    with pytest.raises(ViviError, match="no files in s3://bucket/nothing"):
        run("s3://bucket/nothing", out=tmp_path / "never")
    with pytest.raises(ViviError, match=r"cannot read s3://nobucket|s3://nobucket.* does not exist"):
        run("s3://nobucket/x/", out=tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_a_list_of_objects_with_ids(s3: S3, videos: Path, tmp_path: Path) -> None:
    s3.put("listed/a.mp4", (videos / "a.mp4").read_bytes())
    lines = ["id,url", "first,s3://bucket/listed/a.mp4", "gone,s3://bucket/listed/none.mp4", f"local,{videos}/a.mp4"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    run(out=tmp_path / "store", lists=(tmp_path / "list.csv",))
    assert stored(tmp_path / "store") == ["first", "local"]
    assert skipped(tmp_path / "store") == {"gone": "not there"}
    store = ShotStore.open(tmp_path / "store")
    assert store.describe(0)["bytes"] == store.describe(1)["bytes"] == (videos / "a.mp4").stat().st_size
    assert run(out=tmp_path / "store", lists=(tmp_path / "list.csv",)).was_complete


def test_a_store_that_refuses_ends_the_run_which_goes_on_later(
    s3: S3, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("later/a.mp4", (videos / "a.mp4").read_bytes())
    (tmp_path / "list.txt").write_text("s3://bucket/later/a.mp4\n")
    with served(tmp_path) as refusing:
        refusing.status = 403
        monkeypatch.setenv("AWS_ENDPOINT_URL", refusing.url)
        with pytest.raises(ViviError, match="access was refused"):
            run(out=tmp_path / "store", lists=(tmp_path / "list.txt",))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    assert run(out=tmp_path / "store", lists=(tmp_path / "list.txt",)).videos == 1


@contextlib.contextmanager
def plain_server(folder: Path) -> Iterator[str]:
    """The address of a server that knows no ranges."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_files_of_a_plain_web_server(videos: Path, tmp_path: Path) -> None:
    with plain_server(videos) as base:
        (tmp_path / "list.txt").write_text(f"{base}/a.mp4?signature=secret\n{base}/none.mp4\n")
        # this server knows no ranges
        run(out=tmp_path / "store", lists=(tmp_path / "list.txt",))
        assert stored(tmp_path / "store") == [f"{base}/a.mp4"]
        assert ShotStore.open(tmp_path / "store").describe(0)["bytes"] == (videos / "a.mp4").stat().st_size
        assert skipped(tmp_path / "store") == {f"{base}/none.mp4": "not there"}
        assert "secret" not in (tmp_path / "store" / "skipped.csv").read_text()


def test_files_of_a_web_server_that_knows_ranges(videos: Path, tmp_path: Path) -> None:
    with served(videos) as server:
        lines = [f"{server.url}/{quoted(name)}?signature=secret" for name in NAMES] + [f"{server.url}/none.mp4"]
        (tmp_path / "list.txt").write_text("\n".join(lines))
        run(out=tmp_path / "store", lists=(tmp_path / "list.txt",))
        assert stored(tmp_path / "store") == sorted(f"{server.url}/{quoted(name)}" for name in NAMES)
        assert skipped(tmp_path / "store") == {f"{server.url}/none.mp4": "not there"}
        assert all("signature=secret" in path for _, path, _ in server.requests if "none" not in path)
        run(f"{server.url}/a.mp4", out=tmp_path / "one")
        assert stored(tmp_path / "one") == ["a.mp4"]
        with pytest.raises(ViviError, match=r"none.mp4 does not exist"):
            run(f"{server.url}/none.mp4", out=tmp_path / "never")
    run(str(videos), out=tmp_path / "local")
    ours, theirs = ShotStore.open(tmp_path / "store"), ShotStore.open(tmp_path / "local")
    assert ours.info.num_frames == theirs.info.num_frames


def test_an_object_that_changes_is_not_taken(
    s3: S3, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("changing/a.mp4", (videos / "a.mp4").read_bytes())
    url = "s3://bucket/changing/a.mp4"
    folder, name = RemoteFolder.of_file(url)
    about = folder.about(name)
    assert about.tag and about.size == (videos / "a.mp4").stat().st_size
    with RemoteObject(url, about.size, about.tag).fetched(tmp_path, key="k") as copy:
        assert copy.read_bytes() == (videos / "a.mp4").read_bytes() and copy.name == ".tmp-k.mp4"
    assert list(tmp_path.iterdir()) == []
    s3.put("changing/a.mp4", b"something else")
    with pytest.raises(PlaceError) as caught, RemoteObject(url, about.size, about.tag).fetched(tmp_path, key="k"):
        pass
    assert caught.value.reason == "changed" and "another version" in caught.value.detail
    monkeypatch.setattr("vivi.video.places.LARGEST", 5)
    with pytest.raises(PlaceError) as caught, RemoteObject(url, 0, "").fetched(tmp_path, key="k"):
        pass
    assert caught.value.reason == "too large" and list(tmp_path.iterdir()) == []


def tarred(videos: Path, path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for name in [*NAMES, "notes.txt", "lies.mp4"]:
            archive.add(videos / name, name)
    return path


def test_a_tar_on_a_server_gives_the_store_of_one_here(s3: S3, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    here = tarred(videos, tmp_path / "web" / "t.tar")
    s3.put("shards/t.tar", here.read_bytes())
    run(str(here), out=tmp_path / "local")
    assert stored(tmp_path / "local") == sorted(f"t.tar/{name}" for name in NAMES)
    run("s3://bucket/shards/t.tar", out=tmp_path / "s3", workers=2)
    with served(tmp_path / "web") as server:
        run(f"{server.url}/t.tar?signature=secret", out=tmp_path / "store")
        asked = sum(end - first for _, first, end in server.ranges)
        assert asked < 3 * here.stat().st_size
        (tmp_path / "list.csv").write_text(f"id,url\nt.tar,{server.url}/t.tar\ngone,{server.url}/gone.tar\n")
        run(out=tmp_path / "listed", lists=(tmp_path / "list.csv",))
    assert tree(tmp_path / "local") == tree(tmp_path / "s3") == tree(tmp_path / "store")
    assert stored(tmp_path / "listed") == stored(tmp_path / "local")
    assert skipped(tmp_path / "listed") == skipped(tmp_path / "local") | {"gone": "not there"}
    assert "secret" not in (tmp_path / "store" / "skipped.csv").read_text()


def test_a_tar_on_a_server_that_is_cut_off_or_changes(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    file = tarred(videos, tmp_path / "web" / "t.tar")
    with tarfile.open(file) as archive:
        third = archive.getmembers()[2].offset_data + 100
    file.write_bytes(file.read_bytes()[:third])
    with served(tmp_path / "web") as server:
        run(f"{server.url}/t.tar", out=tmp_path / "store")
        assert stored(tmp_path / "store") == [f"t.tar/{name}" for name in NAMES[:2]]
        assert skipped(tmp_path / "store") == {f"t.tar/{NAMES[2]}": "truncated", "t.tar": "corrupt"}
        listed = RemoteFolder.open(server.url).about("t.tar")
        member = RemoteMember(f"{server.url}/t.tar", 512, 10**6, "a.mp4", listed.version)
        with pytest.raises(PlaceError, match="ends before byte") as caught, member.fetched(tmp_path / "s", key="k"):
            pass
        assert caught.value.reason == "unreadable"
        with (
            pytest.raises(PlaceError, match="another version"),
            dataclasses.replace(member, version="old").fetched(tmp_path / "s", key="k"),
        ):
            pass
    assert list((tmp_path / "s").iterdir()) == []


def test_members_belong_to_the_version_of_the_tar_that_was_listed(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    tarred(videos, tmp_path / "web" / "t.tar")
    with served(tmp_path / "web") as server:
        server.tag = '"first"'
        first, *_ = search_remote_archive(f"{server.url}/t.tar", label="t")
        assert first.version == '"first"'
        with first.place.fetched(tmp_path / "s", key="k") as file:
            assert file.read_bytes() == (videos / NAMES[0]).read_bytes()
        server.tag = '"second"'
        with pytest.raises(PlaceError, match="another version"), first.place.fetched(tmp_path / "s", key="k"):
            pass
        server.tag = ""
        without, *_ = search_remote_archive(f"{server.url}/t.tar", label="t")
        changed, size = datetime(2026, 1, 1, tzinfo=UTC).timestamp(), (tmp_path / "web" / "t.tar").stat().st_size
        assert without.version == f"{size} bytes, {changed}"
        with without.place.fetched(tmp_path / "s", key="k") as file:
            assert file.read_bytes() == (videos / NAMES[0]).read_bytes()
        with (tmp_path / "web" / "t.tar").open("ab") as tar:
            tar.write(bytes(512))
        with pytest.raises(PlaceError, match="another version"), without.place.fetched(tmp_path / "s", key="k"):
            pass


def test_a_tar_on_a_server_without_ranges_is_refused_with_advice(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    tarred(videos, tmp_path / "web" / "t.tar")
    with plain_server(tmp_path / "web") as base:
        (tmp_path / "list.txt").write_text(f"{base}/t.tar\n{videos}/a.mp4\n")
        run(out=tmp_path / "store", lists=(tmp_path / "list.txt",))
    assert skipped(tmp_path / "store") == {f"{base}/t.tar": "unreadable"}
    assert "copy it to this machine first" in (tmp_path / "store" / "skipped.csv").read_text()


def test_a_signed_address_that_permits_only_reading(videos: Path, tmp_path: Path) -> None:
    with served(videos) as server:
        server.refused = "HEAD"
        run(f"{server.url}/a.mp4?signature=secret", out=tmp_path / "store")
        assert stored(tmp_path / "store") == ["a.mp4"]
        server.refused = "GET"
        (tmp_path / "list.txt").write_text(f"{server.url}/a.mp4\n{videos}/a.mp4\n")
        run(out=tmp_path / "listed", lists=(tmp_path / "list.txt",))
        assert skipped(tmp_path / "listed") == {f"{server.url}/a.mp4": "unreadable"}


def test_without_obstore_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ViviError, match=r'pip install "vivi\[remote\]"'):
        run("s3://bucket/x", out=tmp_path / "never")
