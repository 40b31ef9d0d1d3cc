"""The manifest of an encoder folder: format, version and the sha256 of the files that decide what it computes."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vivi.core.errors import CheckpointError
from vivi.core.files import sha256_file, write_json

NAME = "manifest.json"
FORMAT = "vivi-encoder"
VERSION = 1
_MAX_BYTES = 1 << 20
_AGAIN = "copy or export the encoder again"


def write(folder: Path, names: Iterable[str], *, form: str = FORMAT, export: str | None = None) -> None:
    """Write the manifest over the files `names` of `folder`.

    Args:
        folder: holds the files.
        names: of the files that count.
        form: name of the folder's format.
        export: the kind of export, where the folder is one: only such folders are replaced by a later export.
    """
    sums = {name: sha256_file(folder / name) for name in names}
    kind = {} if export is None else {"export": export}
    write_json(folder / NAME, {"format": form, "version": VERSION, "sha256": sums, **kind})


def check(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The sha256 of the files `names` of `folder`, found equal to the manifest's.

    Raises:
        CheckpointError: no encoder folder, another version, or a file that is missing, damaged or unreadable.
    """
    try:
        expected = read(folder)["sha256"]
        return {name: _check_sum(folder / name, expected.get(name)) for name in names}
    except OSError as error:
        raise CheckpointError(f"cannot read {error.filename or folder}: {error.strerror}") from error


def read(folder: Path) -> dict[str, Any]:
    """The manifest of `folder`.

    Raises:
        CheckpointError: no encoder folder, or one of another version.
    """
    if not folder.is_dir():
        if folder.name == "encoder" and (folder.parent / "experiment.json").is_file():
            raise CheckpointError(f"{folder} is not there yet: the run ends with it, the same vivi pretrain goes on")
        raise CheckpointError(f"{folder} is not a folder: give the encoder folder of a run, for example RUN/encoder")
    if not (folder / NAME).is_file():
        inner = folder / "encoder"
        hint = f"did you mean {inner}?" if (inner / NAME).is_file() else "a run writes one when it ends, as RUN/encoder"
        raise CheckpointError(f"{folder} is not an encoder folder, it has no {NAME}: {hint}")
    found = _parse(folder / NAME)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise CheckpointError(f"{folder} is not an encoder folder: its {NAME} is of another format")
    if found.get("version") != VERSION:
        raise CheckpointError(
            f"{folder} is an encoder folder of version {found.get('version')!r}, this vivi reads version {VERSION}: "
            "export it again, or use the vivi that wrote it"
        )
    if not isinstance(found.get("sha256"), dict):
        raise CheckpointError(f"{folder / NAME} is damaged, it has no checksums: {_AGAIN}")
    return found


def _parse(path: Path) -> Any:
    if path.stat().st_size > _MAX_BYTES:
        raise CheckpointError(f"{path} is damaged, it has {path.stat().st_size} bytes: {_AGAIN}")
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged ({error}): {_AGAIN}") from error


def _check_sum(path: Path, expected: Any) -> str:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: {_AGAIN}")
    if (found := sha256_file(path)) != expected:
        raise CheckpointError(f"{path} is damaged, its sha256 is not that of {NAME}: {_AGAIN}")
    return found
