"""Embedding goes on where it was broken off, and the file has the same bytes as if it never had been."""

import json
from pathlib import Path

import numpy as np
import pytest

import vivi.transfer.embed as module
import vivi.transfer.embedding.sources as sources
from vivi.core.errors import ViviError
from vivi.transfer.embed import embed


class StoppedError(Exception):
    """In the place of a kill."""


def stop_after(parts: int):
    """A progress that breaks off when so many parts are done."""
    calls = []

    def progress(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == parts:
            raise StoppedError

    return progress


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "GROUP_ROWS", 8)


@pytest.mark.parametrize("ending", [".npz", ".npy", ".parquet"])
def test_the_bytes_are_those_of_an_unbroken_call(
    tmp_path: Path, encoder_folder: Path, colours: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    whole, broken = tmp_path / "whole" / f"e{ending}", tmp_path / "broken" / f"e{ending}"
    embed(encoder_folder, images=colours, out=whole, batch=4)
    for parts in (1, 2):
        with pytest.raises(StoppedError):
            embed(encoder_folder, images=colours, out=broken, batch=4, progress=stop_after(parts))
        assert not broken.exists()
    encoded: list[int] = []
    plain = module.encode
    monkeypatch.setattr(
        module, "encode", lambda net, images, **more: encoded.append(len(images)) or plain(net, images, **more)
    )
    embed(encoder_folder, images=colours, out=broken, batch=4)
    assert sum(encoded) == 36 - 16  # two parts of eight were there
    assert {each.name: each.read_bytes() for each in broken.parent.iterdir()} == {
        each.name: each.read_bytes() for each in whole.parent.iterdir()
    }


def test_another_call_is_refused_by_what_differs(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    out = tmp_path / "e.npz"
    with pytest.raises(StoppedError):
        embed(encoder_folder, images=colours, out=out, batch=4, progress=stop_after(1))
    with pytest.raises(
        ViviError, match=r"begun by another call \(batch: 4 -> 8\): give the same as before, or delete it"
    ):
        embed(encoder_folder, images=colours, out=out, batch=8)
    (colours / "red" / "00.png").unlink()
    with pytest.raises(ViviError, match=r"begun by another call .inputs: "):
        embed(encoder_folder, images=colours, out=out, batch=4)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    (tmp_path / "e.npz.parts").mkdir()
    (tmp_path / "e.npz.parts" / "thesis.tex").write_text("mine")
    (tmp_path / "e.npz.parts" / "old").mkdir()
    (tmp_path / "e.npz.parts" / "old" / ".tmp-draft.tex").touch()
    with pytest.raises(ViviError, match=r"not begun by vivi embed .it holds 'old'"):
        embed(encoder_folder, images=colours, out=tmp_path / "e.npz")
    assert (tmp_path / "e.npz.parts" / "thesis.tex").read_text() == "mine"
    assert (tmp_path / "e.npz.parts" / "old" / ".tmp-draft.tex").exists()


def test_a_damaged_part_is_named(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    out = tmp_path / "e.npz"
    with pytest.raises(StoppedError):
        embed(encoder_folder, images=colours, out=out, progress=stop_after(1))
    part = tmp_path / "e.npz.parts" / "part-000000.npz"
    whole = bytearray(part.read_bytes())
    part.write_bytes(whole[:100])
    with pytest.raises(ViviError, match=r"part-000000.npz is damaged .*: delete it and run the same command again"):
        embed(encoder_folder, images=colours, out=out)
    whole[whole.rindex(b"PK\x01\x02") + 6] = 99  # a version of zip files that does not exist yet
    part.write_bytes(whole)
    with pytest.raises(ViviError, match=r"part-000000.npz is damaged .zip file version 9.9"):
        embed(encoder_folder, images=colours, out=out)
    part.unlink()
    assert embed(encoder_folder, images=colours, out=out).rows == 36


def test_the_three_kinds_of_file_say_the_same(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    for ending in (".npz", ".npy"):
        embed(encoder_folder, images=colours, out=tmp_path / f"e{ending}", batch=5)
    with np.load(tmp_path / "e.npz", allow_pickle=False) as arrays:
        paths, vectors, about = arrays["path"], arrays["embedding"], json.loads(str(arrays["vivi"]))
    assert about["encoder"] == "Tiny" and about["kind"] == "images" and about["image_size"] == 24
    assert (vectors.dtype, vectors.shape) == (np.float32, (36, 64))
    np.testing.assert_array_equal(np.load(tmp_path / "e.npy", allow_pickle=False), vectors)
    assert (tmp_path / "e.npy.csv").read_text().splitlines() == ["path", *paths.tolist()]


def test_just_one_kind_of_input_and_a_known_ending(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    for inputs in ({}, {"images": colours, "store": colours}, {"images": colours, "videos": (colours,)}):
        with pytest.raises(ViviError, match="name one kind of input: --images, --videos or --store"):
            embed(encoder_folder, out=tmp_path / "e.npz", **inputs)  # type: ignore[arg-type]
    with pytest.raises(ViviError, match=r"e.csv: the name must end in one of .parquet .npz .npy"):
        embed(encoder_folder, images=colours, out=tmp_path / "e.csv")
    with pytest.raises(ViviError, match="batch is 0"):
        embed(encoder_folder, images=colours, out=tmp_path / "e.npz", batch=0)
    assert list(tmp_path.glob("e.*")) == []


def test_what_a_killed_call_left_is_removed(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    """A kill while the whole file was written leaves it under another name; that of another file is not ours."""
    out = tmp_path / "e.npz"
    ours = [tmp_path / f".tmp-0a1b2c-77-e.npz{ending}" for ending in ("", ".csv", ".skipped.csv")]
    theirs = [tmp_path / f".tmp-0a1b2c-77-{name}" for name in ("more-e.npz", "e.npz.more", "e.npz.more.csv")]
    for each in (*ours, *theirs):
        each.write_bytes(b"half")
    embed(encoder_folder, images=colours, out=out, batch=4)
    assert out.exists() and all(each.exists() for each in theirs) and not any(each.exists() for each in ours)
