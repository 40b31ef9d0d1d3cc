"""Checkpoints: safetensors and JSON under a sha256 manifest, whole or absent, the newest few kept. No pickle."""

import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from vivi.core.errors import CheckpointError
from vivi.core.files import atomic_folder, read_json, sha256_file, write_bytes, write_json
from vivi.training.state import TrainState

FORMAT = "vivi-checkpoint"
VERSION = 1
STATE, TENSORS = "state.json", "state.safetensors"


def save_checkpoint(folder: Path, state: TrainState, *, fingerprint: str, keep: int = 2) -> Path:
    """Write the state under `folder`/step-NNNNNNNN and remove all but the newest `keep` checkpoints.

    Raises:
        DiskFullError: the disk is full; earlier checkpoints are intact.
    """
    final = folder / f"step-{state.step:08d}"
    with atomic_folder(final) as temporary:
        write_bytes(temporary / TENSORS, save(state.tensors()))
        manifest = {"format": FORMAT, "version": VERSION, "step": state.step, "experiment": fingerprint}
        write_json(temporary / STATE, manifest | {"sha256": {TENSORS: sha256_file(temporary / TENSORS)}})
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints, oldest first."""
    return sorted(folder.glob("step-*")) if folder.is_dir() else []


def load_newest(folder: Path, state: TrainState, *, fingerprint: str) -> bool:
    """Bring `state` to the newest checkpoint that is undamaged; False when there is none at all.

    Raises:
        CheckpointError: there are checkpoints, but all are damaged or of another experiment.
    """
    problems = []
    for path in reversed(checkpoints(folder)):
        try:
            load_checkpoint(path, state, fingerprint=fingerprint)
            return True
        except CheckpointError as error:
            problems.append(str(error))
    if problems:
        raise CheckpointError(f"no checkpoint of {folder} can be used: {problems[0]}")
    return False


def load_checkpoint(path: Path, state: TrainState, *, fingerprint: str) -> None:
    """Bring `state` to the checkpoint at `path`.

    Raises:
        CheckpointError: missing, damaged, of another version or another experiment; the text says which.
    """
    manifest: dict[str, Any] = read_json(path / STATE)
    if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
        raise CheckpointError(f"{path} is not a checkpoint of this version of vivi (version {VERSION})")
    if manifest["experiment"] != fingerprint:
        raise CheckpointError(f"{path} is of experiment {manifest['experiment']}, this is {fingerprint}")
    tensors = path / TENSORS
    if not tensors.exists() or sha256_file(tensors) != manifest["sha256"][TENSORS]:
        raise CheckpointError(f"{tensors} is damaged (its sha256 is not the one in {STATE}): delete the folder {path}")
    try:
        state.load_tensors(load_file(tensors))
    except (RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path} does not fit the experiment: {error}") from error
    state.step = int(manifest["step"])
