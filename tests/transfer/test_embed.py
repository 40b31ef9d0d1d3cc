import csv
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import vivi.transfer.embedding.sources as module
from vivi.core.errors import ViviError
from vivi.data.image_file import load_image
from vivi.nn.export import load_encoder
from vivi.probe import encode
from vivi.transfer.embed import embed

parquet = pytest.importorskip("pyarrow.parquet")


def test_file_holds_the_features(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    seen: list[tuple[int, int]] = []
    out = tmp_path / "made" / "e.parquet"
    summary = embed(
        encoder_folder, images=colours, out=out, batch=10, progress=lambda done, total: seen.append((done, total))
    )
    table = parquet.read_table(out)
    paths = table["path"].to_pylist()
    assert paths == sorted(path.relative_to(colours).as_posix() for path in colours.rglob("*.png"))
    assert (str(table.schema.field("path").type), str(table.schema.field("embedding").type)) == (
        "string",
        f"fixed_size_list<element: float>[{summary.dim}]",
    )
    images_BCHW = torch.stack([torch.from_numpy(load_image(colours / path, 24)) for path in paths])
    expected_BD = encode(load_encoder(encoder_folder), images_BCHW)
    np.testing.assert_allclose(np.array(table["embedding"].to_pylist()), expected_BD.numpy(), rtol=1e-4, atol=1e-5)
    facts = json.loads(table.schema.metadata[b"vivi"])
    assert facts["encoder"] == "Tiny"
    assert facts["fingerprint"] == load_encoder(encoder_folder).fingerprint
    assert (summary.rows, summary.inputs, summary.dim, summary.skipped, summary.skipped_file) == (36, 36, 64, 0, None)
    assert seen[-1] == (36, 36)
    assert [path.name for path in out.parent.iterdir()] == ["e.parquet"]


def test_rows_are_written_in_groups(
    tmp_path: Path, encoder_folder: Path, colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP_ROWS", 15)
    embed(encoder_folder, images=colours, out=tmp_path / "small.parquet", batch=4)
    monkeypatch.undo()
    embed(encoder_folder, images=colours, out=tmp_path / "large.parquet", batch=4)
    small, large = (parquet.ParquetFile(tmp_path / f"{name}.parquet") for name in ("small", "large"))
    assert [small.metadata.row_group(at).num_rows for at in range(small.num_row_groups)] == [16, 16, 4]
    assert large.num_row_groups == 1
    assert small.read().equals(large.read())


def test_one_file(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    summary = embed(encoder_folder, images=colours / "red" / "00.png", out=tmp_path / "e.parquet")
    assert summary.rows == 1
    assert parquet.read_table(tmp_path / "e.parquet")["path"].to_pylist() == ["00.png"]


def test_broken_files_are_listed_and_old_lists_removed(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    (colours / "a, b.png").write_bytes(b"")
    strange = os.fsdecode(b"\xff.png")
    (colours / "red" / "00.png").rename(colours / strange)
    out, listed = tmp_path / "e.parquet", tmp_path / "e.parquet.skipped.csv"
    summary = embed(encoder_folder, images=colours, out=out)
    assert (summary.rows, summary.skipped, summary.skipped_file) == (36, 1, listed)
    assert list(csv.reader(listed.read_text().splitlines())) == [["path", "reason"], ["a, b.png", "empty file"]]
    assert "\\xff.png" in parquet.read_table(out)["path"].to_pylist()
    (colours / "a, b.png").unlink()
    assert embed(encoder_folder, images=colours, out=out).skipped == 0
    assert not listed.exists()


def test_nothing_appears_where_it_fails(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    for file in colours.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(ViviError, match="none of 36 images can be read"):
        embed(encoder_folder, images=colours, out=tmp_path / "out" / "e.parquet")
    assert list((tmp_path / "out").iterdir()) == []


def test_errors_say_what_to_do(tmp_path: Path, encoder_folder: Path, colours: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ViviError, match="holds no images"):
        embed(encoder_folder, images=tmp_path / "empty", out=tmp_path / "e.parquet")
    with pytest.raises(ViviError, match="does not exist"):
        embed(encoder_folder, images=tmp_path / "missing", out=tmp_path / "e.parquet")
    with pytest.raises(ViviError, match="is a folder"):
        embed(encoder_folder, images=colours, out=tmp_path / "empty")


def test_without_pyarrow(tmp_path: Path, encoder_folder: Path, colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ViviError, match=r'pip install "vivi\[embed\]"'):
        embed(encoder_folder, images=colours, out=tmp_path / "e.parquet")
