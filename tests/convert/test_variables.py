"""Readers of other programs' files: every way of writing the same, and one clear line for whatever is wrong."""

import os
import struct
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from tests.reference import checkpoint_files as files

from vivi.convert.variables import read_variables
from vivi.core.errors import CheckpointError


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    names = [f"module/block{b}/unit{u}/{leaf}" for b in (1, 2, 10) for u in (1, 2, 11) for leaf in ("kernel", "gamma")]
    drawn = {name: rng.normal(size=rng.integers(1, 5, size=rng.integers(0, 5))).astype(np.float32) for name in names}
    return drawn | {
        "empty": np.zeros((0, 3), np.float32), "double": rng.normal(size=3), "step": np.array(2**40, np.int64),
        "half": rng.normal(size=(2, 2)).astype(np.float16), "small": np.arange(5, dtype=np.int32),
    }  # fmt: skip


def same(found, expected) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype, name
        np.testing.assert_array_equal(found[name], values)


def refused(path, text) -> None:
    with pytest.raises(CheckpointError, match=text) as caught:
        read_variables(path)
    assert "\n" not in str(caught.value) and "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("shards", [1, 3])
def test_every_way_to_name_a_tensorflow_checkpoint(arrays, shards, tmp_path):
    files.write_bundle(tmp_path / "hub" / "variables" / "variables", arrays, shards=shards)
    files.write_bundle(tmp_path / "run" / "model.ckpt-100", arrays, shards=shards)
    data = f"model.ckpt-100.data-00000-of-{shards:05d}"
    places = ("hub", "hub/variables", "run", "run/model.ckpt-100", "run/model.ckpt-100.index", f"run/{data}")
    for place in places:
        same(read_variables(tmp_path / place), arrays)


def test_texts_are_passed_over_and_graph_names_shortened(arrays, tmp_path):
    texts = {"_CHECKPOINTABLE_OBJECT_GRAPH": np.array("text", object)}
    files.write_bundle(tmp_path / "x", {f"{name}:0": each for name, each in arrays.items()} | texts)
    same(read_variables(tmp_path / "x"), arrays)


def test_bfloat16_is_the_upper_half_of_float32(tmp_path, monkeypatch):
    monkeypatch.setitem(files.DATA_TYPES, "uint16", 14)
    values = np.array([1.5, -2.0, 0.0078125], np.float32)
    files.write_bundle(tmp_path / "x", {"a": (values.view(np.uint32) >> 16).astype(np.uint16)})
    same(read_variables(tmp_path / "x"), {"a": values})


def test_npz(arrays, tmp_path):
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    same(read_variables(tmp_path / "x.npz"), arrays)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_caffemodels(old, packed, tmp_path):
    rng = np.random.default_rng(1)
    layers = {
        "conv1_1": [rng.normal(size=(4, 3, 3, 3)).astype(np.float32), rng.normal(size=4).astype(np.float32)],
        "fc6": [rng.normal(size=(5, 36)), rng.normal(size=5)],
        "norm": [rng.normal(size=7).astype(np.float32) for _ in range(3)],
    }
    files.write_caffemodel(tmp_path / "x.caffemodel", layers, old=old, packed=packed)
    kinds = ("weight", "bias", "blob2")
    expected = {f"{layer}/{kinds[index]}": each for layer, all_ in layers.items() for index, each in enumerate(all_)}
    same(read_variables(tmp_path / "x.caffemodel"), expected)


def test_what_is_no_file_of_weights(arrays, tmp_path):
    refused(tmp_path / "nowhere.npz", "does not exist: give a .npz file, a .caffemodel")
    refused(tmp_path, "holds no X.index")
    (tmp_path / "net.tar.gz").write_bytes(b"123")
    refused(tmp_path / "net.tar.gz", "is of no kind that vivi converts.*unpacked")
    (tmp_path / "old.ckpt").write_bytes(files.table([(b"", b"")]))
    refused(tmp_path / "old.ckpt", "of the first format")
    for name in ("a", "b"):
        files.write_bundle(tmp_path / "two" / name, arrays)
    refused(tmp_path / "two", r"several checkpoints \(a.index, b.index\): name one")


def test_npz_files_that_are_damaged_or_hold_objects(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.array({"code": 1}, object))
    refused(path, "is not a .npz file of plain arrays.*a holds Python objects, which vivi does not load")
    for content in (b"", b"PK\3\4", b"\x80\x04garbage", b"\x93NUMPY", b"weights: 1 2 3\n", b"1.0\n"):
        path.write_bytes(content)
        refused(path, "is not a .npz file of plain arrays|cannot read")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "weights: 1 2 3")
    refused(path, "notes.txt is a file of another kind")
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    refused(path, "is not a .npz file of plain arrays")
    np.savez_compressed(path, a=np.arange(1000))
    whole = bytearray(path.read_bytes())
    whole[100] ^= 255
    path.write_bytes(whole)
    refused(path, "is not a .npz file of plain arrays")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_no_changed_byte_of_an_npz_breaks_the_reader(save, tmp_path):
    path, rng = tmp_path / "x.npz", np.random.default_rng(6)
    save(path, a=np.arange(5.0), b=np.array(["text"]), c=np.ones((2, 3), np.float16))
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] = rng.integers(256)
        path.write_bytes(changed)
        try:
            read_variables(path)
        except CheckpointError as error:
            assert "allow_pickle" not in str(error)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"compression": 1}, "compressed with Snappy"),
        ({"endian": 1}, "big-endian"),
        ({"extra": files.field(7, b"")}, "the variable a is stored in slices"),
    ],
)
def test_checkpoints_of_other_kinds(settings, text, tmp_path):
    files.write_bundle(tmp_path / "x", {"a": np.ones(3, np.float32)}, **settings)
    refused(tmp_path / "x", text)


def test_variables_of_other_types(tmp_path, monkeypatch):
    monkeypatch.setitem(files.DATA_TYPES, "complex64", 8)
    files.write_bundle(tmp_path / "x", {"a": np.ones(3, np.complex64)})
    refused(tmp_path / "x", "the variable a is stored as TensorFlow's data type 8")


def test_damage_to_a_checkpoint_is_found(arrays, tmp_path):
    files.write_bundle(tmp_path / "x", arrays)
    data, index = tmp_path / "x.data-00000-of-00001", tmp_path / "x.index"
    whole, table = data.read_bytes(), index.read_bytes()
    for position in (0, len(whole) // 2, len(whole) - 1):
        data.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        refused(index, "is damaged, the checksum of the variable")
    data.write_bytes(whole[:-1])
    refused(index, "is cut off before the end of the variable")
    data.unlink()
    refused(index, r"cannot read .*x.data-00000-of-00001: No such file")
    data.write_bytes(whole)
    index.write_bytes(table[:-1])
    refused(index, "is no table, or is cut off")
    index.write_bytes(b"")
    refused(index, "is no table, or is cut off")


def test_no_flipped_byte_of_an_index_goes_unseen_or_breaks_the_reader(arrays, tmp_path):
    files.write_bundle(tmp_path / "x", arrays)
    index = tmp_path / "x.index"
    table = index.read_bytes()
    seen = 0
    for position in range(0, len(table), 3):
        index.write_bytes(table[:position] + bytes([table[position] ^ 0x91]) + table[position + 1 :])
        try:
            same(read_variables(index), arrays)  # the block of meta data and the padding are not read
        except CheckpointError:
            seen += 1
    assert seen > 0.8 * len(table) / 3


def test_a_wrong_size_with_a_right_checksum(tmp_path, monkeypatch):
    honest = files.entry
    monkeypatch.setattr(files, "entry", lambda kind, shape, **rest: honest(kind, (2**40, *shape), **rest))
    files.write_bundle(tmp_path / "x", {"a": np.ones(3, np.float32)})
    refused(tmp_path / "x", rf"the variable a of shape \({2**40}, 3\) has 12 bytes")


def test_caffemodels_that_are_none(tmp_path):
    path, layer = tmp_path / "x.caffemodel", [np.ones((2, 2), np.float32)]
    files.write_caffemodel(path, {"a": layer})
    whole = path.read_bytes()
    for content, text in [
        (whole[:-3], "a field of"),
        (files.field(2, files.field(1, files.field(1, b"name"))), "upgrade_net_proto_binary"),
        (whole + whole, "two layers are named 'a'"),
        (files.field(100, 7), "an integer where bytes should be"),
        (b"\x0b", "wire type 3"),
        (b"\xff" * 12, "does not end"),
        (files.field(100, files.field(7, files.field(1, 5) + files.field(5, bytes(8)))), "2 numbers for a blob"),
        (files.field(100, files.field(7, files.field(1, b"x"))), "bytes where an integer should be"),
    ]:
        path.write_bytes(content)
        refused(path, f"is not a .caffemodel that vivi can read.*{text}")


def test_random_bytes_never_break_the_reader(tmp_path):
    path, rng = tmp_path / "x.caffemodel", np.random.default_rng(5)
    files.write_caffemodel(path, {name: [np.ones((2, 3), np.float32)] for name in "abc"})
    whole = path.read_bytes()
    for _ in range(300):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        path.write_bytes(changed)
        with suppress(CheckpointError):
            read_variables(path)


def test_files_that_may_not_be_read(tmp_path, monkeypatch):
    files.write_bundle(tmp_path / "x", {"a": np.ones(3, np.float32)})
    files.write_caffemodel(tmp_path / "x.caffemodel", {"a": [np.ones(3, np.float32)]})

    def closed(path):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", closed)
    refused(tmp_path / "x", "cannot read .*x.index: Permission denied")
    refused(tmp_path / "x.caffemodel", "cannot read .*: Permission denied")


def test_the_writer_of_these_tests_gives_the_published_bytes():
    """Footer and varints as LevelDB's table format describes them."""
    assert files.integer(300) == b"\xac\x02"
    assert files.table([(b"", b"")])[-8:] == struct.pack("<Q", 0xDB4775248B80FB57)
    assert files.field(5, b"ab") == b"\x2a\x02ab"
