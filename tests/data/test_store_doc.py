"""docs/store.md is true: its program reads what the reader reads, its numbers are those of the format."""

import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from tests.reference.small_store import frames_of, small_store

from vivi.data.store.format import HEADER, INDEX

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "store.md").read_text()
VIDEOS = {"a.mp4": (3, 2), "b.mp4": (4,), "c.mp4": (1, 1, 6)}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return small_store(tmp_path / "store", VIDEOS, shard_bytes=6000)


@pytest.mark.parametrize("video", range(3))
def test_the_program_reads_every_frame(store: Path, video: int) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    written = program.replace('Path("store"), 0', f"Path({str(store)!r}), {video}")
    assert written != program and len(program.splitlines()) < 22
    names: dict[str, object] = {}
    exec(compile(written, "store.md", "exec"), names)
    lengths = list(VIDEOS.values())[video]
    frames = iter(frames_of(sorted(VIDEOS)[video], sum(lengths)))
    assert names["shots"] == [[next(frames) for _ in range(length)] for length in lengths]


def test_the_table_of_arrays_is_that_of_the_format(store: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(<\w\d)` \| ([VSF](?:\+1)?) \|", PAGE, re.MULTILINE)
    assert [(name, kind) for name, kind, _ in rows] == [
        (name, np.dtype(kind).newbyteorder("<").str) for name, kind in INDEX.items()
    ]
    lengths = {"V": 3, "V+1": 4, "S": 6, "F": 17}
    for name, kind, length in rows:
        data = (store / "index" / f"{name}.npy").read_bytes()
        assert data[:10] == bytes.fromhex("93 4E 55 4D 50 59 01 00 76 00") and data[127:128] == b"\n"
        text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({lengths[length]},), }}"
        assert data[10:HEADER].decode().rstrip(" \n") == text
        assert len(data) == HEADER + lengths[length] * int(kind[2])


def test_shards_are_as_described(store: Path) -> None:
    lines = (store / "videos.jsonl").read_bytes().splitlines(keepends=True)
    described = []
    for shard in sorted((store / "shards").iterdir()):
        assert shard.read_bytes()[-1024:] == bytes(1024)
        with tarfile.open(shard) as tar:
            described += [tar.extractfile(each).read() for each in tar if each.name.endswith(".json")]
    assert described == lines
    fields = re.findall(r"`(\w+)`", PAGE.split("A line of `videos.jsonl` is")[1].split("`skipped.csv` has")[0])
    import json

    assert set(json.loads(lines[0])) == set(fields) - {"videos"}
