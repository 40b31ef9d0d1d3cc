"""A model of timm with weights that lie in a folder of the user's, as timm's own `local-dir:` reads it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from vivi.nn.timm_classifier import from_folder, timm_library

_SPREAD = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class TimmPretrained:
    """What the folder held."""

    name: str
    module: nn.Module
    """images_BCHW, less `mean`, over `std`, -> features_BD; has the attribute `feature_dim`."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    """Of RGB in [0, 1], per channel."""
    size: int | None
    """The side of the images it was trained on, if the folder says so."""


def load_timm_folder(folder: Path) -> TimmPretrained:
    """Load what timm, or `vivi pretrain`, saved: config.json and the weights as safetensors. Nothing is downloaded.

    Raises:
        ConfigError: timm is missing.
        CheckpointError: no such folder, or timm cannot load it.
    """
    module: Any = from_folder(folder, timm_library(), num_classes=0)
    settings = module.pretrained_cfg
    sides = settings.get("input_size") or (3, None, None)
    module.feature_dim = int(getattr(module, "head_hidden_size", None) or module.num_features)
    return TimmPretrained(
        name=str(settings.get("description") or settings.get("architecture") or folder.name),
        module=module,
        mean=tuple(settings.get("mean", _SPREAD)),
        std=tuple(settings.get("std", _SPREAD)),
        size=sides[-1],
    )
