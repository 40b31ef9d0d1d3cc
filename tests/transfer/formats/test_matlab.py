"""MATLAB files as SciPy writes them, and files by hand: packed and not, and damaged in every way."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy import io
from scipy.io import loadmat, savemat

from vivi.core.errors import ViviError
from vivi.transfer.formats.matlab import read_mat, whole_numbers

DATA = Path(io.__file__).parent / "matlab" / "tests" / "data"
TYPES = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
LITTLE = b"\x00\x01IM"


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def array(
    values: bytes, *, shape: tuple[int, ...], stored: int = 2, meant: int = 9, name: bytes = b"x", flags: int = 0
) -> bytes:
    """An array of unsigned bytes that are meant as such, where nothing else is said."""
    lengths = struct.pack(f"<{len(shape)}i", *shape)
    content = element(6, bytes([meant, flags, 0, 0, 0, 0, 0, 0])) + element(5, lengths) + element(1, name)
    return element(14, content + element(stored, values))


def write(path: Path, *elements: bytes, end: bytes = LITTLE) -> Path:
    path.write_bytes(bytes(124) + end + b"".join(elements))
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_what_scipy_writes(tmp_path: Path, packed: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"a{kind}": rng.integers(0, 100, (3, 4, 2)).astype(kind) for kind in TYPES}
    arrays |= {"row": np.arange(5, dtype=np.uint16), "one": np.array([[7.5]]), "none": np.zeros((0, 3))}
    others = {"text": "words", "cells": np.array([1, "a"], dtype=object), "z": np.array([1j]), "s": {"f": 1}}
    savemat(tmp_path / "a.mat", arrays | others, do_compression=packed)
    for name, found in zip(arrays, read_mat(tmp_path / "a.mat", names=tuple(arrays)), strict=True):
        expected = np.atleast_2d(arrays[name])
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    for name in others:
        with pytest.raises(ViviError, match=rf"a\.mat has no numeric array '{name}': it is another file"):
            read_mat(tmp_path / "a.mat", names=(name,))


@pytest.mark.skipif(not DATA.is_dir(), reason="this build of SciPy comes without its tests")
def test_what_matlab_wrote() -> None:
    """Files of MATLAB 6.5 to 7.4 that come with SciPy, against SciPy."""
    read = 0
    files = [file for file in DATA.glob("test*_[67].*_GLNX86.mat") if "hdf5" not in file.name]
    for file in files:
        for name, expected in loadmat(file).items():
            if isinstance(expected, np.ndarray) and expected.dtype.kind in "iuf":
                (found,) = read_mat(file, names=(name,))
                np.testing.assert_array_equal(found, expected)
                assert found.dtype == expected.dtype
                read += 1
    assert read >= 10


def test_numbers_may_be_stored_in_a_smaller_type_than_is_meant(tmp_path: Path) -> None:
    """As MATLAB writes whole numbers; the short form of an element is used for up to four bytes."""
    short = struct.pack("<HH", 2, 3) + bytes([1, 2, 250]) + b"\0"
    content = array(b"", shape=(3, 1), meant=6)[8:-8]
    write(tmp_path / "a.mat", element(14, content + short), array(bytes([4]), shape=(1, 1), name=b"y", meant=13))
    x, y = read_mat(tmp_path / "a.mat", names=("x", "y"))
    assert (x.dtype, x.tolist()) == (np.dtype("u1"), [[1], [2], [250]])
    assert (y.dtype, y.tolist()) == (np.dtype("u1"), [[4]])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (array(b"abc", shape=(4, 1)), r"3 numbers for an array of shape \[4, 1\]"),
        (array(b"abc", shape=(-3, -1)), "for an array of shape"),
        (array(b"abcd", shape=(2**31 - 1, 2**31 - 1)), "4 numbers for an array of shape"),
        (array(b"abc", shape=(3, 1), stored=9), "buffer size must be a multiple"),
        (array(b"abc", shape=(3, 1), stored=16), "an element of type 16 where numbers should be"),
        (array(b"abc", shape=(3, 1), name=b"\xff"), "can't decode byte"),
        (
            array(b"abc", shape=(3, 1)).replace(element(5, struct.pack("<2i", 3, 1)), element(9, struct.pack("<d", 3))),
            "lengths of the axes that are not whole numbers",
        ),
        (element(14, element(6, b"")), "an array without a name"),
        (array(b"abc", shape=(3, 1))[:-9], "it ends inside an element"),
        (b"\x0e\0\0\0", "it ends inside an element"),
        (struct.pack("<HHI", 2, 5, 0), "it ends inside an element"),
        (element(15, zlib.compress(array(b"abc", shape=(3, 1)))[:-1]), "it ends inside a packed array"),
        (element(15, b"no packed data"), "incorrect header check"),
    ],
)
def test_damage_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    write(tmp_path / "a.mat", content)
    with pytest.raises(ViviError, match=rf"a\.mat is damaged or no MATLAB file of version 5 to 7 \(.*{said}") as caught:
        read_mat(tmp_path / "a.mat", names=("x",))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("end", "said"),
    [(b"\x00\x02IM", "it is of version 7.3"), (b"\x01\x00MI", "another header"), (b"", "another header")],
)
def test_other_versions(tmp_path: Path, end: bytes, said: str) -> None:
    write(tmp_path / "a.mat", end=end)
    with pytest.raises(ViviError, match=said):
        read_mat(tmp_path / "a.mat", names=("x",))


def test_no_more_is_unpacked_than_is_sensible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivi.transfer.formats.matlab._LARGEST", 1000)
    write(tmp_path / "a.mat", element(15, zlib.compress(bytes(10**6))))
    with pytest.raises(ViviError, match="an array of more than 1000 bytes"):
        read_mat(tmp_path / "a.mat", names=("x",))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ViviError, match=r"a\.mat is missing: fetch it"):
        read_mat(tmp_path / "a.mat", names=("x",))


def test_every_changed_byte_gives_an_array_or_a_clear_error(tmp_path: Path) -> None:
    """The reader of SciPy crashes the process on some of these."""
    path = tmp_path / "a.mat"
    savemat(path, {"labels": np.arange(6, dtype=np.uint8), "ids": np.arange(3, dtype=np.uint16)})
    whole = path.read_bytes()
    refused = 0
    for at in range(124, len(whole)):
        for value in (0x00, 0x7F, 0xFF):
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:
                read_mat(path, names=("labels", "ids"))
            except ViviError as error:
                assert "\n" not in str(error)
                refused += 1
    assert refused > len(whole) - 124


def test_whole_numbers() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert whole_numbers(values, file=Path("a.mat"), name="x").tolist() == [1, 3, 2, 4]
    with pytest.raises(ViviError, match=r"a\.mat: the array 'x' holds numbers that are not whole"):
        whole_numbers(values / 2, file=Path("a.mat"), name="x")
