"""Patch Camelyon: whether the centre of a 96 x 96 patch of lymph node tissue holds tumour tissue."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.transfer.formats.hdf5 import open_array, read_rows, read_whole
from vivi.transfer.subset import tfds_order
from vivi.transfer.task import Examples, Parts, Sizes, Task

_FILE = "camelyonpatch_level_2_split_{part}_{kind}.h5"


def read_patch_camelyon(folder: Path) -> Parts:
    """The three official parts; patches stay on the disk.

    Raises:
        ViviError: h5py is not installed, or a file is missing, still packed, damaged, or not what it should be.
    """
    return Parts(
        train=_part(folder, "train", split="train"),
        val=_part(folder, "valid", split="validation"),
        test=_part(folder, "test", split="test"),
    )


def _part(folder: Path, part: str, *, split: str) -> Examples:
    """A part in the order of TFDS, whose keys are "train_0", "train_1" and so on."""
    images = folder / _FILE.format(part=part, kind="x")
    labels = folder / _FILE.format(part=part, kind="y")
    pixels_NHWC = open_array(images, name="x")
    labels_N = _labels(labels)
    shape = pixels_NHWC.shape
    if len(shape) != 4 or shape[-1] != 3 or pixels_NHWC.dtype != np.uint8:
        raise ViviError(f"{images}: x is {pixels_NHWC.dtype} of shape {shape}, not bytes N x H x W x 3: fetch it again")
    if shape[0] != len(labels_N):
        raise ViviError(f"{images} has {shape[0]} patches, {labels.name} has {len(labels_N)} labels: fetch both again")

    def read(at: int) -> NDArray[np.uint8]:
        pixels_HWC: NDArray[np.uint8] = read_rows(pixels_NHWC, at, name=f"{images}, record {at}")
        return pixels_HWC

    patches = Examples(labels_N=labels_N, read=read, name=lambda at: f"{images.name}, record {at}")
    return patches.take(tfds_order((f"{part}_{row}" for row in range(len(labels_N))), split=split))


def _labels(file: Path) -> NDArray[np.int64]:
    """The labels, which are stored as N x 1 x 1 x 1."""
    stored = read_whole(file, name="y")
    if stored.dtype.kind not in "iu" or not stored.size or stored.size != len(stored):
        raise ViviError(f"{file}: y is {stored.dtype} of shape {stored.shape}, not N x 1 x 1 x 1: fetch it again")
    labels_N = stored.reshape(-1).astype(np.int64)
    wrong_M = np.flatnonzero((labels_N != 0) & (labels_N != 1))
    if len(wrong_M):
        raise ViviError(f"{file}, record {wrong_M[0]}: label {labels_N[wrong_M[0]]} is not 0 or 1: fetch it again")
    return labels_N


TASKS = (
    Task(
        name="patch_camelyon",
        title="Patch Camelyon",
        group="specialized",
        classes=2,
        sizes=Sizes(train=262_144, val=32_768, test=32_768),
        read=read_patch_camelyon,
        folder="patch_camelyon",
        files=tuple(
            _FILE.format(part=part, kind=kind) + "*" for part in ("train", "valid", "test") for kind in ("x", "y")
        ),
        source="https://zenodo.org/record/2546921: camelyonpatch_level_2_split_*.h5.gz, all six, unpacked by gunzip",
        licence="CC0",
        gigabytes=8.0,
    ),
)
