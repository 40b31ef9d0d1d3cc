"""Whatever names the classes of ImageNet on images: an encoder folder with its classifier, a model of timm, or any."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.data.image_file import printable
from vivi.nn.export import load_encoder
from vivi.nn.timm_classifier import load_timm_classifier
from vivi.transfer.pictures import CENTRE_CROP
from vivi.transfer.user_module import PYTHON, user_module
from vivi.transfer.vtab.backbones import OURS, scaled, weights_fingerprint

TIMM = "timm:"
"""What stands before the name of a model of timm."""
CROPPED = CENTRE_CROP.removesuffix(OURS)
"""What happens to an image before its pixels are scaled, in words for results."""
_SIZE = 224


@dataclass(frozen=True, slots=True, eq=False)
class FrameClassifier:
    """A classifier on some device, and what is known of it."""

    name: str
    source: str
    """Where it comes from: a path, or "timm:" and a name."""
    fingerprint: str
    """Changes with its weights."""
    image_size: int
    """S, pixels of a side of its square images."""
    preprocessing: str
    """What happens to an image on its way in, in words for results."""
    classes: tuple[str, ...] | None
    """Names of its outputs; None where they have none."""
    outputs: int
    """C."""
    logits: Callable[[Tensor], Tensor]
    """uint8 images_BCHW, RGB, on any device -> float32 logits_BC on the CPU."""


def open_classifier(source: str, *, device: torch.device | str) -> FrameClassifier:
    """Open a classifier on a device.

    Args:
        source: an encoder folder; "timm:NAME" or "timm:local-dir:FOLDER", see `load_timm_classifier`; or
            "python:MODULE:FUNCTION", a function without arguments that returns a module giving logits_BC. It may have
            the attributes `classes`, names of the outputs; `image_size`, else 224; and `preprocess`, which takes uint8
            RGB images_BCHW, else the module gets images in [-1, 1].
        device: where to compute.

    Raises:
        ViviError: there is no such classifier, or it is not usable.
    """
    if source.startswith(TIMM):
        return _timm(source, device=device)
    if source.startswith(f"{PYTHON}:"):
        return _function(source, device=device)
    return _encoder(Path(source), device=device)


def _encoder(folder: Path, *, device: torch.device | str) -> FrameClassifier:
    trained = load_encoder(folder)
    classifier = trained.classifier
    if classifier is None:
        raise ViviError(
            f"{folder}: {trained.name} has no classifier, only runs with labelled images leave one: "
            "give the encoder of a preset with -Co, Sup or Semi"
        )
    trained.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return FrameClassifier(
        name=trained.name,
        source=printable(str(folder.resolve())),
        fingerprint=trained.fingerprint,
        image_size=trained.image_size,
        preprocessing=CENTRE_CROP,
        classes=classifier.classes,
        outputs=len(classifier.classes),
        logits=_finite(lambda images_BCHW: trained.logits(trained.preprocess(images_BCHW)), trained.name, device),
    )


def _timm(source: str, *, device: torch.device | str) -> FrameClassifier:
    found = load_timm_classifier(source.removeprefix(TIMM))
    module = found.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean_C, std_C = (torch.tensor(each, device=device)[:, None, None] for each in (found.mean, found.std))
    return FrameClassifier(
        name=found.name,
        source=source,
        fingerprint=weights_fingerprint(module),
        image_size=found.image_size,
        preprocessing=f"{CROPPED}RGB in [0, 1], less {list(found.mean)}, over {list(found.std)}",
        classes=found.classes,
        outputs=found.outputs,
        logits=_finite(lambda images_BCHW: module((images_BCHW.float() / 255 - mean_C) / std_C), found.name, device),
    )


def _function(source: str, *, device: torch.device | str) -> FrameClassifier:
    module = user_module(source)
    module.eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    name = source.removeprefix(f"{PYTHON}:")
    preprocess = getattr(module, "preprocess", None)
    classes, size = getattr(module, "classes", None), int(getattr(module, "image_size", None) or _SIZE)
    logits = _finite(lambda images_BCHW: module((preprocess or scaled)(images_BCHW)), name, device)
    outputs = logits(torch.zeros(1, 3, size, size, dtype=torch.uint8)).shape[1]
    if classes is not None and len(classes) != outputs:
        raise ViviError(f"{source}: `classes` has {len(classes)} names for {outputs} outputs; mend the function")
    return FrameClassifier(
        name=name,
        source=source,
        fingerprint=weights_fingerprint(module),
        image_size=size,
        preprocessing=CENTRE_CROP if preprocess is None else f"{CROPPED}preprocess of {name}",
        classes=None if classes is None else tuple(map(str, classes)),
        outputs=outputs,
        logits=logits,
    )


def _finite(logits: Callable[[Tensor], Tensor], name: str, device: torch.device | str) -> Callable[[Tensor], Tensor]:
    """The same in inference mode, with images taken to the device and logits brought back and checked."""

    @torch.inference_mode()
    def checked(images_BCHW: Tensor) -> Tensor:
        images_BCHW = images_BCHW.to(device=device, memory_format=torch.channels_last)
        found = logits(images_BCHW)
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(images_BCHW):
            shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ViviError(f"{name} gives {shape} for {len(images_BCHW)} images: let it give a row of logits for each")
        logits_BC = found.to(device="cpu", dtype=torch.float32)
        if bad := int((~logits_BC.isfinite()).any(dim=1).sum()):
            raise ViviError(
                f"{name} gives infinite or undefined logits for {bad} of {len(logits_BC)} images: "
                "its training has diverged, use an earlier checkpoint"
            )
        return logits_BC

    return checked
