"""A model of the library timm with the classifier it was published with, from files that are here already.

timm is imported only when a model is loaded. Nothing is downloaded, and only weights in safetensors are read.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from vivi.core.errors import CheckpointError, ConfigError
from vivi.nn.timm_library import timm_library

FOLDER = "local-dir:"
"""What stands before a folder that timm saved."""
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class TimmClassifier:
    """A trained classifier on the CPU, in eval mode: float images_BCHW, less `mean`, over `std` -> logits_BC."""

    module: nn.Module
    name: str
    """Architecture and tag, such as "resnet50.a1_in1k"."""
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Of RGB in [0, 1], per channel."""
    classes: tuple[str, ...] | None
    """WordNet ids of the outputs, where their number tells which set of ImageNet it was trained on; else None."""
    outputs: int


def load_timm_classifier(spec: str) -> TimmClassifier:
    """Load a pretrained model.

    Args:
        spec: a name, with or without a tag, whose weights are in the cache of timm and huggingface_hub; or
            "local-dir:" and a folder with config.json and model.safetensors.

    Raises:
        ConfigError: timm is missing or has no such pretrained model.
        CheckpointError: the weights are not here, cannot be loaded, or have no classifier.
    """
    timm = timm_library()
    folder = spec.removeprefix(FOLDER) if spec.startswith(FOLDER) else None
    return described(from_folder(Path(folder), timm) if folder is not None else from_cache(spec, timm), timm)


def described(module: nn.Module, timm: Any) -> TimmClassifier:
    """What timm says of a model that it made.

    Raises:
        CheckpointError: it has no classifier.
    """
    settings: dict[str, Any] = dict(module.pretrained_cfg)  # type: ignore[arg-type]
    name = ".".join(filter(None, (settings.get("architecture"), settings.get("tag")))) or type(module).__name__
    outputs = int(module.num_classes)  # type: ignore[arg-type]
    if outputs < 1:
        raise CheckpointError(f"timm's {name} has no classifier: choose a model trained with labels, such as .a1_in1k")
    subset = timm.data.infer_imagenet_subset(module)
    return TimmClassifier(
        module=module.eval(),
        name=name,
        image_size=int(settings["input_size"][-1]),
        mean=tuple(map(float, settings["mean"])),
        std=tuple(map(float, settings["std"])),
        classes=None if subset is None else tuple(timm.data.ImageNetInfo(subset).label_names()),
        outputs=outputs,
    )


def from_folder(folder: Path, timm: Any, **settings: Any) -> nn.Module:
    """The model that timm saved in a folder, as config.json and weights in safetensors; `settings` are timm's.

    Raises:
        CheckpointError: a file is missing, or timm cannot load it.
    """
    for pattern in (_CONFIG, "*.safetensors"):
        if not any(folder.glob(pattern)):
            raise CheckpointError(f"{folder} has no {pattern}: give a folder that timm saved with safetensors")
    return _created(timm, f"{FOLDER}{folder}", **settings)


def from_cache(name: str, timm: Any, **settings: Any) -> nn.Module:
    """A pretrained model by its name, with or without a tag, from the cache of timm and huggingface_hub.

    Raises:
        ConfigError: timm has no such pretrained model.
        CheckpointError: its weights are not here, or cannot be loaded.
    """
    known = timm.get_pretrained_cfg(name)
    if known is None or not known.hf_hub_id:
        near = difflib.get_close_matches(name, timm.list_pretrained(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "timm.list_pretrained() names them"
        raise ConfigError(f"timm has no pretrained model {name!r}: {hint}")
    weights = _cached(known.hf_hub_id)
    if weights is None:
        raise CheckpointError(
            f"the weights of timm's {name} are not here and nothing is downloaded: fetch them once with "
            f"`python -c \"import timm; timm.create_model('{name}', pretrained=True)\"`"
        )
    return _created(timm, name, pretrained_cfg_overlay={"file": weights}, **settings)


def _created(timm: Any, name: str, **settings: Any) -> nn.Module:
    try:
        module: nn.Module = timm.create_model(name, pretrained=True, **settings)
    except Exception as error:  # timm and its parts raise nearly every kind there is
        told = " ".join(str(error).split())
        raise CheckpointError(f"timm cannot load {name}: {type(error).__name__}: {told}") from error
    return module


def _cached(repository: str) -> str | None:
    """The file of weights in the local cache of huggingface_hub, which timm keeps its own in; asks no network."""
    from huggingface_hub import try_to_load_from_cache  # type: ignore[import-not-found,unused-ignore]

    found = try_to_load_from_cache(repository, _WEIGHTS)
    return found if isinstance(found, str) else None
