"""What an export is: a folder that another program opens, compared with the encoder that it was made from."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vivi.core.errors import CheckpointError, ViviError
from vivi.core.files import check_folder, read_json
from vivi.core.seeds import torch_generator
from vivi.nn import manifest
from vivi.nn.export import CONFIG, LoadedEncoder

TOLERANCE = 1e-3
"""Largest difference that is accepted, as a share of the largest number that the encoder itself gives."""
TRIED = (1, 3)
"""Images of the random batches that are compared."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What `vivi export` wrote."""

    to: str
    """timm, onnx or hf."""
    folder: Path
    name: str
    """Of the model."""
    files: tuple[str, ...]
    difference: float | None
    """The largest, between the encoder's outputs and those of the export on random images; None if not compared."""
    largest: float | None
    """The largest number among those outputs; None if not compared."""
    remarks: tuple[str, ...]
    """What to know, in sentences."""
    snippet: str
    """How to load it: a few lines of Python."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How far two networks are apart on the same images."""

    difference: float
    largest: float


def check_place(out: Path, *, to: str, name: str, source: Path) -> None:
    """See before the work that an export can be written to `out`: a new folder, an empty one, or its own older export.

    Args:
        out: the folder to write.
        to: the kind of export.
        name: of the model.
        source: the encoder folder.

    Raises:
        CheckpointError: something else is there, or `out` is the encoder folder itself or lies around or in it.
        ViviError: nothing can be written there.
    """
    here, there = out.resolve(), source.resolve()
    if here == there or here.is_relative_to(there) or there.is_relative_to(here):
        raise CheckpointError(f"--out {out} is, holds or lies in the encoder folder {source}: name another folder")
    check_folder(out.parent)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        found = (read_json(out / manifest.NAME).get("export"), read_json(out / CONFIG)["vivi"]["name"])
    except (ViviError, OSError, AttributeError, KeyError, TypeError):
        found = None
    if found != (to, name):
        raise CheckpointError(
            f"{out} exists and is not an earlier export of {name} to {to}: name another folder, or remove it"
        )


def compared(
    encoder: LoadedEncoder, other: Callable[[Tensor], tuple[Tensor, ...]], *, what: str, side: int
) -> Compared:
    """Compare features, and logits where there are some, on random images.

    Args:
        encoder: on the CPU.
        other: uint8 images_BCHW -> features_BD, or features_BD and logits_BC.
        what: how errors name the other.
        side: of the images, in pixels.

    Raises:
        CheckpointError: they differ by more than TOLERANCE, or in shape.
    """
    generator = torch_generator(0, step=0, purpose="export")
    difference = largest = 0.0
    for count in TRIED:
        images_BCHW = torch.randint(256, (count, 3, side, side), dtype=torch.uint8, generator=generator)
        with torch.inference_mode():
            ours = _outputs(encoder, encoder.preprocess(images_BCHW))
            theirs = other(images_BCHW)
        for mine, found in zip(ours, theirs, strict=False):
            if mine.shape != found.shape:
                raise CheckpointError(f"{what} gives shape {list(found.shape)}, the encoder {list(mine.shape)}")
            apart = (mine - found).abs().max().item()
            difference = max(difference, apart) if math.isfinite(apart) else math.inf
            largest = max(largest, mine.abs().max().item())
    if not difference <= TOLERANCE * max(largest, 1e-6):
        raise CheckpointError(
            f"{what} differs from the encoder by {difference:.2g} where its largest output is {largest:.3g}, more than "
            f"{TOLERANCE:g} of that: nothing was written"
        )
    return Compared(difference=difference, largest=largest)


def _outputs(encoder: LoadedEncoder, images_BCHW: Tensor) -> tuple[Tensor, ...]:
    features_BD = encoder(images_BCHW)
    classifier = encoder.classifier
    if classifier is None:
        return (features_BD,)
    return features_BD, torch.nn.functional.linear(features_BD, classifier.weight_CD, classifier.bias_C)
