"""The encoder folder: what a run ends with, and what evaluation, other programs and timm read.

config.json              timm's `local-dir:` description, and under "vivi" our own
model.safetensors        weights under timm's names, adapted to timm's epsilons where timm has this network
classifier.safetensors   only after training with labels: the linear classifier, see `vivi.nn.classifier`
README.md                model card, free to be edited
manifest.json            format, version, sha256 of the other files, the card excepted
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from vivi.core import config
from vivi.core.errors import CheckpointError, ConfigError, ViviError
from vivi.core.files import atomic_folder, read_json, write_bytes, write_json, write_text
from vivi.core.seeds import torch_generator
from vivi.nn import classifier as classifiers
from vivi.nn import manifest
from vivi.nn.classifier import Classifier
from vivi.nn.encoder import Encoder, TimmForm
from vivi.nn.model_card import CARD, model_card

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


class LoadedEncoder(nn.Module):
    """An encoder with what belongs to it, in eval mode; images_BCHW (float, RGB in [-1, 1]) -> features_BD."""

    _weight_CD: Tensor
    _bias_C: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        config: Encoder,
        image_size: int,
        name: str,
        details: Mapping[str, Any],
        fingerprint: str,
        classifier: Classifier | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = config
        self.image_size = image_size
        """Side of the square images it was trained on, in pixels."""
        self.name = name
        self.details = dict(details)
        self.fingerprint = fingerprint
        """Twelve hexadecimal digits that change with the weights of the encoder."""
        self._classes = None if classifier is None else classifier.classes
        for name in ("weight_CD", "bias_C"):  # buffers, so that they follow the encoder from device to device
            self.register_buffer(
                f"_{name}", None if classifier is None else getattr(classifier, name), persistent=False
            )
        self.eval()

    @property
    def feature_dim(self) -> int:
        """D."""
        return self.config.feature_dim

    @property
    def classifier(self) -> Classifier | None:
        """The linear classifier trained with the encoder, on its device, in its number type; None without one."""
        if self._classes is None:
            return None
        return Classifier(weight_CD=self._weight_CD, bias_C=self._bias_C, classes=self._classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """features_BD of images as `preprocess` gives them."""
        return self.encoder(images_BCHW)  # type: ignore[no-any-return]

    def logits(self, images_BCHW: Tensor) -> Tensor:
        """logits_BC of images as `preprocess` gives them, in the order of `classifier.classes`.

        Raises:
            CheckpointError: the encoder has no classifier.
        """
        if self._classes is None:
            raise CheckpointError(f"{self.name} has no classifier: only runs with labelled images leave one")
        return functional.linear(self.encoder(images_BCHW), self._weight_CD, self._bias_C)

    @staticmethod
    def preprocess(images_BCHW: Tensor) -> Tensor:
        """uint8 RGB -> float32 in [-1, 1].

        Raises:
            ValueError: not uint8.
        """
        if images_BCHW.dtype != torch.uint8:
            raise ValueError(f"preprocess takes uint8 images, got {images_BCHW.dtype}")
        return images_BCHW.float() / 127.5 - 1


def save_encoder(
    folder: Path,
    module: nn.Module,
    *,
    encoder: Encoder,
    image_size: int,
    name: str,
    card: str,
    details: Mapping[str, Any],
    classifier: Classifier | None = None,
) -> None:
    """Write an encoder folder; it appears whole or not at all. An older export of the same name is replaced.

    Args:
        module: what `encoder.build()` made, trained.
        image_size: side of the square images it was trained on, in pixels.
        name: the model's name, e.g. "VIVI-Ex(4)".
        card: what the model is, in Markdown; the first part of its card.
        details: facts for the card's table, JSON values.
        classifier: the linear layer that was trained on the encoder's features, if there is one.

    Raises:
        ValueError: the classifier is for another number of features.
        CheckpointError: the folder exists and is not an encoder folder of this name.
        DiskFullError: the disk is full; an older export is intact.
    """
    if classifier is not None and classifier.feature_dim != encoder.feature_dim:
        raise ValueError(f"classifier: for {classifier.feature_dim} features, the encoder has {encoder.feature_dim}")
    folder = Path(folder)
    _check_replaceable(folder, name)
    form = encoder.timm_form()
    state = module.state_dict() if form is None else encoder.to_timm(module.state_dict())
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    ours: dict[str, Any] = {
        "name": name,
        "image_size": image_size,
        "encoder": config.dump(encoder),
        "timm_epsilons": form is not None,
        "details": dict(details),
    }
    files = {WEIGHTS: safetensors.torch.save(tensors, metadata={"format": "pt"})}
    if classifier is not None:
        ours["classes"] = [classifiers.text(each) for each in classifier.classes]
        files[classifiers.FILE] = classifiers.to_bytes(classifier)
    text = model_card(
        card, name=name, encoder=encoder, image_size=image_size, form=form, details=details, classifier=classifier
    )
    with atomic_folder(folder) as fresh:
        for file, data in files.items():
            write_bytes(fresh / file, data)
        write_json(fresh / CONFIG, {**_timm_config(form, encoder, image_size, name), "vivi": ours})
        write_text(fresh / CARD, text)
        manifest.write(fresh, (CONFIG, *files))


def load_encoder(path: Path | str) -> LoadedEncoder:
    """Read an encoder folder, checked against its manifest; the encoder is on the CPU, in eval mode.

    Raises:
        CheckpointError: missing, no encoder folder, damaged, or of another version.
    """
    folder = Path(path)
    sums = manifest.check(folder, (CONFIG, WEIGHTS))
    try:
        ours = read_json(folder / CONFIG)["vivi"]
        encoder = config.load(ours["encoder"], Encoder, source=str(folder / CONFIG))  # type: ignore[type-abstract]
        image_size, name, details = int(ours["image_size"]), str(ours["name"]), dict(ours["details"])
        adapted = bool(ours["timm_epsilons"])
        classes = classifiers.checked_names(ours["classes"]) if "classes" in ours else None
    except ConfigError as error:
        raise CheckpointError(f"{error}: made by another version of vivi, load it with that one") from error
    except (ViviError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder / CONFIG} does not describe a vivi encoder ({error}): export it again"
        ) from error
    return LoadedEncoder(
        _read_weights(folder / WEIGHTS, encoder, adapted=adapted),
        config=encoder,
        image_size=image_size,
        name=name,
        details=details,
        fingerprint=sums[WEIGHTS][:12],
        classifier=None if classes is None else _read_classifier(folder, classes=classes, encoder=encoder),
    )


def random_twin(source: "Path | str | LoadedEncoder", *, seed: int) -> LoadedEncoder:
    """The same network with random weights, fixed by `seed`, in eval mode on the CPU: the baseline of every evaluation.

    It has no classifier.

    Raises:
        CheckpointError: as `load_encoder`, where a path is given.
    """
    twin = source if isinstance(source, LoadedEncoder) else load_encoder(source)
    module = twin.config.build(generator=torch_generator(seed, step=0, purpose="encoder"))
    return LoadedEncoder(
        module,
        config=twin.config,
        image_size=twin.image_size,
        name=f"{twin.name}, random weights",
        details={"seed": seed},
        fingerprint=hashlib.sha256(f"{config.fingerprint(twin.config)}/{seed}".encode()).hexdigest()[:12],
    )


def _timm_config(form: TimmForm | None, encoder: Encoder, image_size: int, name: str) -> dict[str, Any]:
    """What `timm.create_model("local-dir:...")` reads; empty where timm has no such network."""
    if form is None:
        return {}
    pretrained = {
        "tag": "vivi",
        "description": name,
        "input_size": [3, image_size, image_size],
        "pool_size": [max(1, image_size // 32)] * 2,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "crop_mode": "squash",
        "num_classes": 0,
        "first_conv": "stem.conv",
        "classifier": "head.fc",
        "custom_load": False,
    }
    return {
        "architecture": form.architecture,
        "num_classes": 0,
        "num_features": encoder.feature_dim,
        "model_args": dict(form.model_args),
        "pretrained_cfg": pretrained,
    }


def _check_replaceable(folder: Path, name: str) -> None:
    if not folder.exists():
        return
    try:
        manifest.read(folder)
        found = read_json(folder / CONFIG)["vivi"]["name"]
    except (ViviError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder} exists and is not an encoder folder: choose another place or remove it"
        ) from error
    if found != name:
        raise CheckpointError(f"{folder} holds the encoder {found!r}, not {name!r}: choose another place or remove it")


def _read_weights(path: Path, encoder: Encoder, *, adapted: bool) -> nn.Module:
    """Build the network without memory, then hand it the tensors of the file.

    A buffer that no file holds is room for work, and begins at 0.
    """
    with torch.device("meta"):
        module = encoder.build()
    expected = {name: (list(each.shape), each.dtype) for name, each in module.state_dict().items()}
    try:
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is not readable ({error}): copy or export the encoder again") from error
    if expected != {name: (list(each.shape), each.dtype) for name, each in tensors.items()}:
        raise CheckpointError(f"{path} holds other tensors than its {CONFIG} describes: export the encoder again")
    module.load_state_dict(encoder.from_timm(tensors) if adapted else tensors, assign=True)
    for layer in module.modules():
        for name, buffer in list(layer.named_buffers(recurse=False)):
            if buffer.is_meta:
                setattr(layer, name, torch.zeros_like(buffer, device="cpu"))
    return module


def _read_classifier(folder: Path, *, classes: tuple[str, ...], encoder: Encoder) -> Classifier:
    manifest.check(folder, (classifiers.FILE,))
    return classifiers.read_classifier(folder / classifiers.FILE, classes=classes, feature_dim=encoder.feature_dim)
