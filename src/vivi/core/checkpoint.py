"""Checkpoints: one safetensors file and its sha256, whole or absent, the newest few kept. No pickle.

Step, experiment and the open log interval stand in the header of the tensors, so that the checksum covers them too.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vivi.core.errors import CheckpointError, ViviError
from vivi.core.files import atomic_folder, read_json, sha256_file, write_bytes, write_json
from vivi.core.run_state import RunState, Snapshot

FORMAT = "vivi-checkpoint"
VERSION = 1
STATE, TENSORS = "state.json", "state.safetensors"
_NAME = re.compile(r"step-(\d{8,})")


def save_checkpoint(
    folder: Path, state: RunState | Snapshot, *, fingerprint: str, keep: int = 2, milestone: int = 0
) -> Path:
    """Write the state under `folder`/step-NNNNNNNN and remove all but the newest `keep` checkpoints.

    Args:
        folder: of the checkpoints of one run.
        state: what to save.
        fingerprint: of the run's experiment, checked on loading.
        keep: how many stay.
        milestone: those whose step is a multiple of this stay too; 0 for none.

    Raises:
        DiskFullError: the disk is full; earlier checkpoints are intact.
    """
    final = folder / f"step-{state.step:08d}"
    with atomic_folder(final) as temporary:
        facts = {"step": str(state.step), "experiment": fingerprint, "interval": json.dumps(state.interval)}
        write_bytes(temporary / TENSORS, save(state.tensors(), metadata=facts))
        sums = {TENSORS: sha256_file(temporary / TENSORS)}
        write_json(temporary / STATE, {"format": FORMAT, "version": VERSION, "sha256": sums})
    for old in checkpoints(folder)[:-keep]:
        if not milestone or step_of(old) % milestone:
            shutil.rmtree(old)
    return final


def step_of(checkpoint: Path) -> int:
    """The step after which it was saved, as its name says."""
    return int(checkpoint.name.removeprefix("step-"))


def checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints, oldest first; folders of other names, such as copies that somebody made, are none."""
    found = (each for each in folder.iterdir() if _NAME.fullmatch(each.name)) if folder.is_dir() else ()
    return sorted(found, key=step_of)


def load_newest(
    folder: Path, state: RunState, *, fingerprint: str, say: Callable[[str], None] = lambda _: None
) -> bool:
    """Bring `state` to the newest checkpoint that is undamaged; False when there is none at all.

    Args:
        folder: of the checkpoints of one run.
        state: to be moved.
        fingerprint: of the run's experiment.
        say: told of each checkpoint that is passed over, and why.

    Raises:
        CheckpointError: there are checkpoints, but all are damaged or of another experiment.
    """
    problems: list[str] = []
    for path in reversed(checkpoints(folder)):
        try:
            load_checkpoint(path, state, fingerprint=fingerprint)
            for problem in problems:
                say(f"{problem}; going on from {path.name}")
            return True
        except CheckpointError as error:
            problems.append(str(error))
    if problems:
        raise CheckpointError(f"no checkpoint of {folder} can be used: {problems[0]}")
    return False


def load_checkpoint(path: Path, state: RunState, *, fingerprint: str) -> None:
    """Bring `state` to the checkpoint at `path`.

    Raises:
        CheckpointError: missing, damaged, of another version or another experiment; the text says which.
    """
    facts, found = read_checkpoint(path)
    if facts["experiment"] != fingerprint:
        raise CheckpointError(f"{path} is of experiment {facts['experiment']}, this is {fingerprint}")
    try:
        state.load_tensors(found)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit the experiment: {error}") from error
    state.step, state.interval = int(facts["step"]), json.loads(facts["interval"])


def read_checkpoint(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """What a checkpoint says of itself (step, experiment, interval) and its tensors by name, on the CPU.

    Raises:
        CheckpointError: missing, damaged or of another version; the text says which.
    """
    tensors = path / TENSORS
    try:
        manifest = read_json(path / STATE)
        known, expected = (manifest["format"], manifest["version"]), manifest["sha256"][TENSORS]
        damaged = sha256_file(tensors) != expected
    except (ViviError, OSError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): delete this folder") from error
    if known != (FORMAT, VERSION):
        raise CheckpointError(f"{path} is not a checkpoint of this version of vivi (version {VERSION})")
    if damaged:
        raise CheckpointError(f"{tensors} is damaged (its sha256 is not the one in {STATE}): delete the folder {path}")
    try:
        with safe_open(tensors, framework="pt") as file:
            return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
    except (RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path} is not readable: {error}") from error
