"""Arrays of .npz files, whole and in parts."""

import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy
from tests.reference.structured_sets import Trap

from vivi.core.errors import ViviError
from vivi.transfer.formats.npz import read_array, read_array_in_parts

VALUES = np.arange(70, dtype=np.int64).reshape(10, 7)


@pytest.fixture(params=[np.savez, np.savez_compressed], ids=["stored", "deflated"])
def path(request, tmp_path):
    request.param(tmp_path / "a.npz", values=VALUES, objects=np.array([Trap()], dtype=object))
    return tmp_path / "a.npz"


def in_parts(path, *, name="values", rows=4):
    return list(read_array_in_parts(path, name=name, rows=rows))


@pytest.mark.parametrize(("rows", "lengths"), [(4, [4, 4, 2]), (5, [5, 5]), (100, [10]), (1, [1] * 10)])
def test_parts_are_the_whole(path, rows, lengths):
    np.testing.assert_array_equal(read_array(path, name="values"), VALUES)
    parts = in_parts(path, rows=rows)
    assert [len(part) for part in parts] == lengths
    np.testing.assert_array_equal(np.concatenate(parts), VALUES)


def test_objects_are_refused_where_they_are_asked_for(path):
    with np.load(path, allow_pickle=False) as arrays, pytest.raises(ValueError, match="Object arrays"):
        arrays["objects"]
    for read in (read_array, in_parts):
        with pytest.raises(ViviError, match=r"a\.npz, array 'objects': damaged or cut off \("):
            read(path, name="objects")


def test_a_changed_byte_fails_the_checksum(path):
    whole = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("values.npy")
    at = info.header_offset + 30 + len("values.npy") + info.compress_size // 2 + 20
    whole[at] ^= 1
    path.write_bytes(whole)
    for read in (read_array, in_parts):
        with pytest.raises(ViviError, match=r"a\.npz, array 'values': damaged or cut off"):
            read(path, name="values")


@pytest.mark.parametrize("missing", [-8, 8])
def test_a_member_of_another_length_than_its_header_says(missing, tmp_path):
    data = VALUES.tobytes() + bytes(max(missing, 0))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("values.npy", "w") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(VALUES))
        file.write(data[: len(data) + min(missing, 0)])
    reason = "it ends inside row 9 of 10" if missing < 0 else "longer than its header says"
    with pytest.raises(ViviError, match=reason):
        in_parts(tmp_path / "a.npz")


def test_arrays_that_have_no_rows_one_after_the_other(tmp_path):
    np.savez(tmp_path / "a.npz", columns=np.asfortranarray(VALUES), number=np.array(5), empty=np.zeros((3, 0)))
    np.testing.assert_array_equal(read_array(tmp_path / "a.npz", name="columns"), VALUES)
    for name, reason in (("columns", "row after row"), ("number", "with rows"), ("empty", "announces the shape")):
        with pytest.raises(ViviError, match=f"array '{name}': .*{reason}"):
            in_parts(tmp_path / "a.npz", name=name)


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776,), }",
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (-3,), }",
        b"{'descr': '<i8', 'fortran_order': False, 'shape': (3,",
        b"{'descr': 'nonsense', 'fortran_order': False, 'shape': (3,), }",
        b"(((((((((",
        b"5",
    ],
)
def test_headers_of_another_form(header, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        content = npy.magic(1, 0) + len(header).to_bytes(2, "little") + header + VALUES.tobytes()
        archive.writestr("values.npy", content)
    for read in (read_array, in_parts):
        with pytest.raises(ViviError, match=r"a\.npz, array 'values': damaged or cut off") as caught:
            read(tmp_path / "a.npz", name="values")
        assert "\n" not in str(caught.value)


def test_a_member_that_is_marked_as_encrypted_or_packed_otherwise(tmp_path):
    np.savez(tmp_path / "a.npz", values=VALUES)
    whole = (tmp_path / "a.npz").read_bytes()
    entry = whole.index(b"PK\x01\x02")
    for offset, value in ((8, 1), (10, 97)):  # flags, way of packing
        changed = bytearray(whole)
        for start in (offset - 2, entry + offset):
            changed[start] = value
        (tmp_path / "a.npz").write_bytes(changed)
        with pytest.raises(ViviError, match=r"a\.npz, array 'values': damaged or cut off"):
            read_array(tmp_path / "a.npz", name="values")


def test_other_files(tmp_path):
    with pytest.raises(ViviError, match="does not exist"):
        read_array(tmp_path / "a.npz", name="x")
    (tmp_path / "a.npz").write_bytes(b"no archive")
    with pytest.raises(ViviError, match=r"damaged or cut off \(File is not a zip file\)"):
        read_array(tmp_path / "a.npz", name="x")
    np.savez(tmp_path / "a.npz", y=VALUES)
    with pytest.raises(ViviError, match="has no array 'x': it is not the original file"):
        read_array(tmp_path / "a.npz", name="x")
