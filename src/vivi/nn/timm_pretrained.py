"""A model of timm without its classifier, with weights that are here: in a folder of the user's, or in timm's cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from vivi.nn.timm_classifier import from_cache, from_folder
from vivi.nn.timm_library import timm_library

_SPREAD = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class TimmPretrained:
    """What was loaded."""

    name: str
    module: nn.Module
    """images_BCHW, less `mean`, over `std`, -> features_BD; has the attribute `feature_dim`."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    """Of RGB in [0, 1], per channel."""
    size: int | None
    """The side of the images it was trained on, if that is known."""


def load_timm_folder(folder: Path) -> TimmPretrained:
    """Load what timm, or `vivi pretrain`, saved: config.json and the weights as safetensors. Nothing is downloaded.

    Raises:
        ConfigError: timm is missing.
        CheckpointError: no such folder, or timm cannot load it.
    """
    module = from_folder(folder, timm_library(), num_classes=0)
    return _described(module, otherwise=folder.name)


def load_timm_model(name: str) -> TimmPretrained:
    """Load a pretrained model by its name, with or without a tag, from the cache. Nothing is downloaded.

    Raises:
        ConfigError: timm is missing, or has no such pretrained model.
        CheckpointError: its weights are not here; the text says how to fetch them.
    """
    return _described(from_cache(name, timm_library(), num_classes=0), otherwise=name)


def _described(loaded: nn.Module, *, otherwise: str) -> TimmPretrained:
    module: Any = loaded
    settings = module.pretrained_cfg
    sides = settings.get("input_size") or (3, None, None)
    module.feature_dim = int(getattr(module, "head_hidden_size", None) or module.num_features)
    named = ".".join(filter(None, (settings.get("architecture"), settings.get("tag"))))
    return TimmPretrained(
        name=str(settings.get("description") or named or otherwise),
        module=module,
        mean=tuple(settings.get("mean", _SPREAD)),
        std=tuple(settings.get("std", _SPREAD)),
        size=sides[-1],
    )
