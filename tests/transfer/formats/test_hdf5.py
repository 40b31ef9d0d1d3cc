"""Arrays of HDF5 files: what is no array of numbers in the file itself is refused."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from vivi.core.errors import ViviError
from vivi.transfer.formats.hdf5 import open_array, read_whole


def test_an_array_inside_a_group_is_read_whole(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["latents/classes"] = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(read_whole(tmp_path / "a.h5", name="latents/classes"), np.arange(12).reshape(3, 4))


@pytest.mark.parametrize("name", ["absent", "group", "scalar", "null"])
def test_what_has_no_rows_is_no_array(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("group")
        file["scalar"] = 5
        file["null"] = h5py.Empty("u1")
    with pytest.raises(ViviError, match=rf"a\.h5 has no array '{name}': it is not the original file"):
        open_array(tmp_path / "a.h5", name=name)


@pytest.mark.parametrize("name", ["linked", "virtual", "outside"])
def test_arrays_that_lie_in_other_files_are_refused(tmp_path: Path, name: str) -> None:
    """A file from elsewhere must not make the program read files of the user."""
    (tmp_path / "secret").write_bytes(bytes(range(100)))
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = np.arange(9)
    layout = h5py.VirtualLayout(shape=(9,), dtype="i8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "b.h5"), "x", shape=(9,))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["linked"] = h5py.ExternalLink(str(tmp_path / "b.h5"), "x")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("outside", (100,), "u1", external=[(str(tmp_path / "secret"), 0, 100)])
    with pytest.raises(ViviError, match=rf"a\.h5: the array '{name}' lies in other files"):
        open_array(tmp_path / "a.h5", name=name)


def test_more_than_is_sensible_is_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("long", (2**40,), "u1", chunks=(1024,))
        file.create_dataset("wide", (3, 2**30), "u1", chunks=(1, 1024))
    with pytest.raises(ViviError, match=r"the array 'long' has the shape \(1099511627776,\): it is another file"):
        read_whole(tmp_path / "a.h5", name="long")
    with pytest.raises(ViviError, match="has no array 'wide'"):
        open_array(tmp_path / "a.h5", name="wide")
