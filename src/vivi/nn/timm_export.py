"""An encoder as a folder for `timm.create_model("local-dir:...")`, and the copy of an encoder folder under it."""

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vivi.core.errors import CheckpointError, ConfigError
from vivi.core.files import atomic_folder, write_text
from vivi.nn import classifier as classifiers
from vivi.nn import manifest
from vivi.nn.encoder import TimmForm
from vivi.nn.export import CONFIG, WEIGHTS, LoadedEncoder, load_encoder
from vivi.nn.exported import Compared, Exported, check_place, compared
from vivi.nn.model_card import CARD, model_card
from vivi.nn.timm_classifier import from_folder
from vivi.nn.timm_library import timm_library

_TO = "timm"
_SNIPPET = """\
import timm

encoder = timm.create_model({folder!r}, pretrained=True, num_classes=0).eval()
# RGB, {size} x {size} pixels, less 0.5, over 0.5 (that is [-1, 1]) -> {dim} features
"""


def export_timm(source: Path, *, out: Path) -> Exported:
    """Write a clean copy of an encoder folder for timm; it appears whole or not at all.

    Where timm is installed, the copy is loaded with it and compared on random images before it appears.

    Args:
        source: an encoder folder.
        out: the folder to write; an earlier export of the same model to timm is replaced.

    Raises:
        CheckpointError: no usable encoder, `out` is taken, timm has no such network, or the features differ.
    """
    loaded = load_encoder(source)
    form = timm_form(loaded)
    check_place(out, to=_TO, name=loaded.name, source=source)
    remarks: tuple[str, ...] = ()
    found: Compared | None = None
    with atomic_folder(out) as fresh:
        files = copy_encoder(source, fresh, loaded=loaded, card=card_of(source, loaded=loaded), to=_TO)
        try:
            timm: Any = timm_library()
        except ConfigError:
            remarks = ("timm cannot be imported here: the outputs were not compared",)
        else:
            found = _same_in_timm(loaded, fresh, form=form, timm=timm)
    return Exported(
        to=_TO,
        folder=out,
        name=loaded.name,
        files=files,
        difference=None if found is None else found.difference,
        largest=None if found is None else found.largest,
        remarks=remarks,
        snippet=_SNIPPET.format(folder=f"local-dir:{out}", size=loaded.image_size, dim=loaded.feature_dim),
    )


def timm_form(loaded: LoadedEncoder) -> TimmForm:
    """How timm builds the network.

    Raises:
        CheckpointError: it has none of exactly this shape.
    """
    form = loaded.config.timm_form()
    if form is None:
        raise CheckpointError(
            f"timm has no network of exactly the shape of {loaded.name} ({type(loaded.config).__name__}): export it "
            "with --to onnx, or with --to hf to be loaded by vivi"
        )
    return form


def card_of(source: Path, *, loaded: LoadedEncoder) -> str:
    """The model card of an encoder folder as it stands, edits and all; a new one where there is none."""
    try:
        return (source / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return model_card(
            f"The image encoder {loaded.name}.",
            name=loaded.name,
            encoder=loaded.config,
            image_size=loaded.image_size,
            form=loaded.config.timm_form(),
            details=loaded.details,
            classifier=loaded.classifier,
        )


def copy_encoder(source: Path, fresh: Path, *, loaded: LoadedEncoder, card: str, to: str) -> tuple[str, ...]:
    """Copy the files of an encoder folder, byte for byte, with this card; the names of all that was written.

    Raises:
        CheckpointError: a file changed since it was loaded.
    """
    names = [CONFIG, WEIGHTS] + ([] if loaded.classifier is None else [classifiers.FILE])
    for name in names:
        shutil.copyfile(source / name, fresh / name)
    write_text(fresh / CARD, card)
    manifest.write(fresh, names, export=to)
    if manifest.check(fresh, [WEIGHTS])[WEIGHTS][:12] != loaded.fingerprint:
        raise CheckpointError(f"{source} changed while it was copied: run the same command again")
    return (*names, CARD, manifest.NAME)


def _same_in_timm(loaded: LoadedEncoder, folder: Path, *, form: TimmForm, timm: Any) -> Compared:
    model = from_folder(folder.resolve(), timm, num_classes=0).eval()

    def features(images_BCHW: Tensor) -> tuple[Tensor, ...]:
        return (model(loaded.preprocess(images_BCHW)).to(torch.float32),)

    return compared(loaded, features, what=f"timm's {form.architecture}", side=loaded.image_size)
