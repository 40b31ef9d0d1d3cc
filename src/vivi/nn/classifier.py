"""The linear classifier that a run with labelled images leaves beside its encoder (paper, section 3.1: co-training).

classifier.safetensors holds `weight` [C, D] and `bias` [C], as torch.nn.Linear names them; the names of the classes
stand in the encoder folder's config.json.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from vivi.core.errors import CheckpointError

FILE = "classifier.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """C classes as linear functions of D features: logits_BC = features_BD @ weight_CD.T + bias_C."""

    weight_CD: Tensor
    bias_C: Tensor
    classes: tuple[str, ...]
    """The name of each row, no name twice: for a folder of images, the names of its class folders."""

    def __post_init__(self) -> None:
        count = len(checked_names(self.classes))
        if self.weight_CD.ndim != 2 or len(self.weight_CD) != count:
            raise ValueError(f"weight_CD: {count} rows, one for each class, got shape {list(self.weight_CD.shape)}")
        if self.bias_C.shape != (count,):
            raise ValueError(f"bias_C: {count} numbers, one for each class, got shape {list(self.bias_C.shape)}")

    @property
    def feature_dim(self) -> int:
        """D."""
        return self.weight_CD.shape[1]


def checked_names(classes: Iterable[Any]) -> tuple[str, ...]:
    """The names of classes, found to be some.

    Raises:
        ValueError: fewer than two, some that are equal, or other values than text.
    """
    names = () if isinstance(classes, str) else tuple(classes)
    if len(names) < 2 or not all(isinstance(each, str) for each in names) or len(set(names)) < len(names):
        raise ValueError("classes: at least two names, all of them different")
    return names


def text(name: str) -> str:
    """A class's name as it is stored: bytes of a folder's name that are not UTF-8 are written as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def to_bytes(classifier: Classifier) -> bytes:
    """What stands in classifier.safetensors: both tensors, in float32."""
    tensors = {"weight": classifier.weight_CD, "bias": classifier.bias_C}
    plain = {name: each.detach().to(device="cpu", dtype=torch.float32).contiguous() for name, each in tensors.items()}
    return safetensors.torch.save(plain, metadata={"format": "pt"})


def read_classifier(path: Path, *, classes: tuple[str, ...], feature_dim: int) -> Classifier:
    """Read the tensors of a file whose checksum is right already; on the CPU.

    Args:
        path: classifier.safetensors.
        classes: the C names of the classes.
        feature_dim: D.

    Raises:
        CheckpointError: not readable, or not float32 tensors of just these shapes.
    """
    try:
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is not readable ({error}): copy or export the encoder again") from error
    shapes = {"weight": [len(classes), feature_dim], "bias": [len(classes)]}
    if {name: (list(each.shape), each.dtype) for name, each in tensors.items()} != {
        name: (shape, torch.float32) for name, shape in shapes.items()
    }:
        raise CheckpointError(
            f"{path} does not fit its encoder, which has {len(classes)} classes and {feature_dim} features: "
            "export the encoder again"
        )
    return Classifier(weight_CD=tensors["weight"], bias_C=tensors["bias"], classes=classes)
