"""Videos within tar files."""

import io
import itertools
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.reference.ingested import SETTINGS, run, skipped, stored
from tests.reference.tiny_videos import film

from vivi.core.errors import ViviError
from vivi.core.work import Outcome, Unit, run_units
from vivi.data.store import ShotStore
from vivi.data.store.format import video_key
from vivi.video.archives import search_archive
from vivi.video.assembly import own_scratch
from vivi.video.ingest import ingest


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for seed, name in enumerate(["a.mp4", "b.mkv", "c.mp4"]):
        film(folder / name, seed=seed)
    return folder


def tar(path: Path, members: dict[str, bytes | tarfile.TarInfo], *, form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_members_of_a_tar_are_ingested_under_its_name(videos: Path, tmp_path: Path) -> None:
    long = f"{'deep/' * 40}c.mp4"
    members = {"a.mp4": videos / "a.mp4", "x/b.mkv": videos / "b.mkv", long: videos / "c.mp4"}
    path = tar(
        tmp_path / "shard-0.tar", {name: file.read_bytes() for name, file in members.items()} | {"a.json": b"{}"}
    )
    run(path, out=tmp_path / "store")
    assert stored(tmp_path / "store") == ["shard-0.tar/a.mp4", f"shard-0.tar/{long}", "shard-0.tar/x/b.mkv"]
    assert skipped(tmp_path / "store") == {"shard-0.tar/a.json": "not a video"}
    run(videos, out=tmp_path / "loose")
    packed, loose = ShotStore.open(tmp_path / "store"), ShotStore.open(tmp_path / "loose")
    for ours, theirs in ((0, 0), (1, 2), (2, 1)):
        count = packed.num_frames(ours)
        assert packed.read_frames(ours, first=0, count=count) == loose.read_frames(theirs, first=0, count=count)
        assert packed.describe(ours)["bytes"] == loose.describe(theirs)["bytes"]
    assert not list((tmp_path / "store").rglob(".work"))


def test_hostile_members_stay_names(videos: Path, tmp_path: Path) -> None:
    data = (videos / "a.mp4").read_bytes()
    outside = tmp_path / "outside.mp4"
    members: dict[str, bytes | tarfile.TarInfo] = {
        "../../escape.mp4": data,
        f"{tmp_path}/absolute.mp4": data,
        "new\nline.mp4": data,
        "link.mp4": special("link.mp4", tarfile.SYMTYPE, str(videos / "a.mp4")),
        "hard.mp4": special("hard.mp4", tarfile.LNKTYPE, "../../escape.mp4"),
        "pipe.mp4": special("pipe.mp4", tarfile.FIFOTYPE),
        "device.mp4": special("device.mp4", tarfile.CHRTYPE),
        "folder.mp4": special("folder.mp4", tarfile.DIRTYPE),
        "empty.mp4": b"",
        ".mp4/../..": data,
    }
    before = set(tmp_path.rglob("*"))
    run(tar(tmp_path / "t.tar", members), out=tmp_path / "store")
    created = {path for path in set(tmp_path.rglob("*")) - before if tmp_path / "store" not in [path, *path.parents]}
    assert created == {tmp_path / "t.tar"} and not outside.exists()
    assert sorted(stored(tmp_path / "store")) == sorted(
        ["t.tar/../../escape.mp4", f"t.tar/{tmp_path}/absolute.mp4", r"t.tar/new\nline.mp4", "t.tar/.mp4/../.."]
    )
    special_ones = dict.fromkeys(
        [f"t.tar/{name}.mp4" for name in ("link", "hard", "pipe", "device")], "not a regular file"
    )
    assert skipped(tmp_path / "store") == special_ones | {"t.tar/empty.mp4": "empty"}


def test_the_second_member_of_a_name_is_refused(videos: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        archive.add(videos / "a.mp4", "same.mp4")
        archive.add(videos / "b.mkv", "same.mp4")
        archive.add(videos / "c.mp4", "same.mp4")
    run(tmp_path / "t.tar", out=tmp_path / "store")
    assert stored(tmp_path / "store") == ["t.tar/same.mp4"]
    assert ShotStore.open(tmp_path / "store").describe(0)["bytes"] == (videos / "a.mp4").stat().st_size
    text = (tmp_path / "store" / "skipped.csv").read_text()
    assert text.count("t.tar/same.mp4,named twice,another input has the same name,") == 2


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_broken_tar_gives_what_it_has_and_says_so(form: int, videos: Path, tmp_path: Path) -> None:
    whole = tar(
        tmp_path / "t.tar", {name: (videos / name).read_bytes() for name in ("a.mp4", "b.mkv", "c.mp4")}, form=form
    )
    with tarfile.open(whole) as archive:
        offsets = [each.offset for each in archive.getmembers()]

    def found(data: bytes) -> list[tuple[str, str]]:
        whole.write_bytes(data)
        return [(each.path, getattr(each, "reason", "")) for each in search_archive(whole, label="t")]

    data = whole.read_bytes()
    assert found(data) == [("t/a.mp4", ""), ("t/b.mkv", ""), ("t/c.mp4", "")]
    assert found(data[: offsets[2]]) == [("t/a.mp4", ""), ("t/b.mkv", ""), ("t", "truncated")]
    assert found(data[: offsets[2] + 100]) == [("t/a.mp4", ""), ("t/b.mkv", ""), ("t", "truncated")]
    assert found(data[: offsets[2] - 2000]) == [("t/a.mp4", ""), ("t/b.mkv", "truncated"), ("t", "corrupt")]
    garbled = bytearray(data)
    garbled[offsets[1] : offsets[1] + 512] = b"?" * 512
    assert found(bytes(garbled)) == [("t/a.mp4", ""), ("t", "corrupt")]
    assert found(b"") == [("t", "corrupt")] == found(b"no tar at all" * 100)


def test_a_tar_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (each,) = search_archive(tmp_path / "t.tar", label="t")
    assert (each.path, each.reason, each.detail) == ("t", "unreadable", "No such file or directory")


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 3 << 30
    (tmp_path / "t.tar").write_bytes(info.tobuf())
    with (tmp_path / "t.tar").open("r+b") as file:
        file.truncate(4 << 30)  # sparse
    ((path, detail),) = [(each.path, each.detail) for each in search_archive(tmp_path / "t.tar", label="t")]
    assert path == "t" and "a header of 3221225472 bytes" in detail


def header(name: str, size: bytes) -> bytes:
    """The header of a member with these bytes for its size."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def extended(size: int) -> bytes:
    """A PAX header that gives the next member another size, and a header for it."""
    text = f"size={size}\n"
    record = next(f"{n} {text}" for n in range(len(text), 99) if len(f"{n} {text}") == n).encode()
    return header("pax", b"%011o\0" % len(record))[:156] + b"x" + bytes(355) + record.ljust(512, b"\0")


def test_sizes_that_lie_lead_neither_back_nor_out(tmp_path: Path) -> None:
    back = (-1024).to_bytes(12, "big", signed=True)
    huge = b"\x80\x7f" + b"\xff" * 10
    begin = header("a.mp4", b"%011o\0" % 0)
    archives = {
        "back": begin + header("b.mp4", back),
        "back by an extended header": begin + with_checksum(extended(-2048)) + header("b.mp4", b"%011o\0" % 0),
        "huge": begin + header("b.mp4", huge),
        "huge by an extended header": begin + with_checksum(extended(10**30)) + header("b.mp4", b"%011o\0" % 0),
    }
    found = {}
    for name, data in archives.items():
        (tmp_path / "t.tar").write_bytes(data + bytes(1024))
        some = itertools.islice(search_archive(tmp_path / "t.tar", label="t"), 9)
        found[name] = [(each.path, getattr(each, "reason", "")) for each in some]
    leads_back = [("t/a.mp4", ""), ("t", "corrupt")]
    leads_out = [("t/a.mp4", ""), ("t/b.mp4", "truncated"), ("t", "corrupt")]
    assert list(found.values()) == [leads_back, leads_back, leads_out, leads_out]
    with pytest.raises(ViviError, match="none of the inputs is a usable video"):
        run(tmp_path / "t.tar", out=tmp_path / "store")
    assert skipped(tmp_path / "store") == {"t.tar/a.mp4": "empty", "t.tar/b.mp4": "truncated", "t.tar": "corrupt"}


def with_checksum(member: bytes) -> bytes:
    block = bytearray(member)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


def test_stores_of_one_path_on_two_machines_do_not_meet_in_a_scratch_they_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = set()
    for machine in ("a", "b", "a"):
        monkeypatch.setattr("socket.gethostname", lambda machine=machine: machine)
        used.add(own_scratch(Path("/data/store"), tmp_path))
    assert len(used) == 2 and {each.parent for each in used} == {tmp_path}


def test_two_ingests_with_one_scratch_do_not_meet(videos: Path, tmp_path: Path) -> None:
    used: list[Path] = []

    def watching(*arguments: Any, units: Iterable[Unit | None], **options: Any) -> Iterator[Outcome]:
        for unit in filter(None, units):
            scratch = Path(unit.argument["scratch"])
            scratch.mkdir(parents=True)
            (scratch / f".tmp-1-.tmp-{video_key(unit.argument['path'])}.mp4").write_text("left by one that was killed")
            used.append(scratch)
            yield from run_units(*arguments, units=[unit], **options)
            assert list(scratch.iterdir()) == []

    for name in ("a.mp4", "c.mp4"):
        (tmp_path / name).mkdir()
        archive = tar(tmp_path / name / "t.tar", {"v.mp4": (videos / name).read_bytes()})
        out = tmp_path / name / "store"
        left = own_scratch(out, tmp_path / "scratch")
        left.mkdir(parents=True)
        (left / ".tmp-1-.tmp-other.mp4").write_text("left by an ingest that was killed")
        ingest([archive], out=out, settings=SETTINGS, scratch=tmp_path / "scratch", engine=watching, workers=1)
        assert stored(out) == ["t.tar/v.mp4"]
    assert len(set(used)) == 2 and {each.parent for each in used} == {tmp_path / "scratch"}
    assert list((tmp_path / "scratch").iterdir()) == []
