"""Embeddings of all frames of a store, made once and kept in the cache of this machine; interrupted, they go on."""

import hashlib
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vivi.core.cache import Cache, Held
from vivi.core.config import fingerprint
from vivi.core.errors import ViviError
from vivi.core.files import atomic_file
from vivi.data.records import Shot
from vivi.data.store import ShotStore
from vivi.nn.export import LoadedEncoder
from vivi.probe import encode, finite
from vivi.transfer.embedding.films import Stored

_FILE = "vectors.npy"
_VERSION = "browse 1"
_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Vectors:
    """The embeddings of F frames of V videos, each of length 1."""

    matrix_FD: NDArray[np.float32]
    start_V1: NDArray[np.int64]
    """Row of each video's first frame, and F at the end."""
    key: str
    """Changes with the store and with the encoder."""
    held: Held | None
    """Keeps the file in the cache as long as these are used; None where they are in memory alone."""

    def __post_init__(self) -> None:
        if self.held is not None:
            weakref.finalize(self, self.held.release)

    def frame(self, video: int, frame: int) -> NDArray[np.float32]:
        """vector_D of a frame."""
        return np.asarray(self.matrix_FD[int(self.start_V1[video]) + frame])

    def alike(self, video: int, shots: Sequence[Shot]) -> NDArray[np.float32]:
        """Cosines of the mean embeddings of some shots of a video: cosine_SS."""
        start = int(self.start_V1[video])
        runs = [self.matrix_FD[start + shot.first : start + shot.first + shot.length] for shot in shots]
        means_SD = unit_rows(np.stack([run.mean(axis=0, dtype=np.float64) for run in runs]).astype(np.float32))
        return np.asarray(np.clip(means_SD @ means_SD.T, -1, 1), np.float32)


def open_vectors(
    store: ShotStore,
    encoder: LoadedEncoder,
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Vectors:
    """The embeddings of the stored frames, from the cache (`VIVI_CACHE`) or made now.

    Args:
        store: whose frames.
        encoder: on `device`.
        device: where to encode.
        progress: called with videos done and in all.

    Raises:
        ViviError: the store is damaged, features are not finite, or the cache cannot be written.
    """
    state = (_VERSION, store.manifest.digest, encoder.fingerprint, fingerprint(encoder.config), str(encoder.image_size))
    key = hashlib.sha256("/".join(state).encode()).hexdigest()
    held = Cache.open().hold(
        f"{key}.frames", make=partial(_make, store=store, encoder=encoder, device=device, progress=progress)
    )
    matrix_FD = np.load(held.path / _FILE, mmap_mode="r", allow_pickle=False)
    if matrix_FD.shape != (store.info.num_frames, encoder.feature_dim):
        raise ViviError(f"{held.path} is damaged: delete it and run the same command again")
    return Vectors(matrix_FD=matrix_FD, start_V1=store.index["frame_start"], key=key, held=held)


def unit_rows(vectors_RD: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its length; a row of nothing stays one."""
    lengths_R1 = np.linalg.norm(vectors_RD, axis=1, keepdims=True)
    return np.asarray(vectors_RD / np.maximum(lengths_R1, np.finfo(np.float32).tiny), np.float32)


def embedded(encoder: LoadedEncoder, images_BCHW: Tensor, *, device: torch.device | str) -> NDArray[np.float32]:
    """vectors_BD of length 1 of uint8 RGB images.

    Raises:
        ViviError: they are not finite.
    """
    return unit_rows(finite(encode(encoder, images_BCHW, device=device)).contiguous().numpy())


def _make(
    folder: Path,
    *,
    store: ShotStore,
    encoder: LoadedEncoder,
    device: torch.device | str,
    progress: Callable[[int, int], None],
) -> None:
    """Work off the parts that are not in the folder, then join them."""
    source = Stored(store=store, per="frame", size=encoder.image_size, batch=_BATCH)
    parts = [folder / f"part-{number:06d}.npy" for number in range(len(source.parts))]
    for part, videos in zip(parts, source.parts, strict=True):
        if not part.exists():
            rows, _ = source.rows(videos, lambda images_BCHW: embedded(encoder, images_BCHW, device=device))
            with atomic_file(part) as file:
                np.save(file, rows.vectors_RD, allow_pickle=False)
        progress(videos.stop, source.count)
    _join(parts, folder / _FILE, rows=store.info.num_frames, dim=encoder.feature_dim)


def _join(parts: Sequence[Path], whole: Path, *, rows: int, dim: int) -> None:
    """Parts as one array, with one of them in memory at a time; they are removed."""
    with atomic_file(whole) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)})
        for part in parts:
            file.write(np.ascontiguousarray(np.load(part, allow_pickle=False), "<f4").data)
    for part in parts:
        part.unlink()
