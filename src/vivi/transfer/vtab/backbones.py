"""Whose encoder is judged: an encoder folder, a model of timm, or any torch module that a Python function returns."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vivi.core.errors import ViviError
from vivi.core.seeds import torch_generator
from vivi.nn.export import LoadedEncoder, load_encoder
from vivi.nn.norm import commit_running_averages
from vivi.nn.timm_model import TimmModel
from vivi.nn.timm_pretrained import TimmPretrained, load_timm_folder, load_timm_model
from vivi.transfer.user_module import PYTHON, first_line, user_module

OURS = "RGB in [-1, 1]"
_LEGAL = "give an encoder folder, timm:NAME, timm:local-dir:FOLDER, timm:random:NAME or python:MODULE:FUNCTION"
_LOCAL, _RANDOM = "local-dir:", "random:"
_TRIED = 2
"""Images of the trial of a size; batch norm needs more than one."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """An encoder as the evaluation sees it."""

    spec: str
    """How it was asked for."""
    name: str
    module: nn.Module
    """images_BCHW, as `preprocess` gives them, -> features_BD."""
    feature_dim: int
    """D."""
    fingerprint: str
    """Twelve hexadecimal digits that change with its weights."""
    image_size: int | None
    """The side of the images it was made for, where it says so; it may take others."""
    preprocess: Callable[[Tensor], Tensor]
    """uint8 RGB images_BCHW -> what the module takes."""
    preprocessing: str
    """What `preprocess` does, in words for results."""

    def described(self) -> dict[str, Any]:
        """For results: JSON values."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "feature_dim": self.feature_dim,
            "image_size": self.image_size,
            "preprocessing": self.preprocessing,
        }

    def to(self, device: torch.device) -> "Backbone":
        """The same, its module moved."""
        self.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    @torch.no_grad()
    def check_size(self, size: int) -> None:
        """See that the module gives features for images of `size` x `size` pixels.

        Raises:
            ViviError: it does not; the text says which size it was made for, if that is known.
        """
        was_training = self.module.training
        self.module.eval()
        device = next((each.device for each in self.module.parameters()), torch.device("cpu"))
        images_BCSS = torch.zeros(_TRIED, 3, size, size, dtype=torch.uint8, device=device)
        try:
            found = self.module(self.preprocess(images_BCSS))
        except Exception as error:  # a module of the user's may raise anything
            made_for = f"it was made for {self.image_size}" if self.image_size else "it may be made for another size"
            raise ViviError(
                f"{self.name} does not take images of {size} x {size} pixels ({first_line(error)}): {made_for}, "
                f"set it with --set image_size={self.image_size or 'N'}"
            ) from error
        finally:
            self.module.train(was_training)
        if not isinstance(found, Tensor) or found.shape != (_TRIED, self.feature_dim):
            shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ViviError(
                f"{self.name} gives {shape} for {_TRIED} images, not {_TRIED} x {self.feature_dim} features: "
                "let it return one row of `feature_dim` features for each image"
            )


def open_backbone(spec: str) -> Backbone:
    """The encoder that `spec` asks for, on the CPU.

    Args:
        spec: the path of an encoder folder; "timm:NAME", a model of timm with its pretrained weights, from timm's
            cache; "timm:local-dir:FOLDER", with weights in a folder of the user's; "timm:random:NAME", with random
            ones; "python:MODULE:FUNCTION", a function without arguments that returns a module with the attribute
            `feature_dim`, and perhaps `image_size`, and `preprocess`, which takes uint8 RGB images_BCHW; without it
            the module gets images in [-1, 1].

    Raises:
        ViviError: there is no such encoder, or it is not usable.
    """
    kind, colon, rest = spec.partition(":")
    openers = {"timm": _of_timm, PYTHON: _of_function}
    if colon and kind in openers and not Path(spec).exists():
        return openers[kind](spec, rest)
    return _of_folder(spec)


def scaled(images_BCHW: Tensor) -> Tensor:
    """uint8 -> float32 in [-1, 1]."""
    return LoadedEncoder.preprocess(images_BCHW)


def weights_fingerprint(module: nn.Module) -> str:
    """Twelve hexadecimal digits that change with any tensor of the state of `module`."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {list(plain.shape)}\n".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:12]


@contextmanager
def preserved(module: nn.Module) -> Iterator[None]:
    """After the block, parameters, buffers and modes of `module` are as before; inside, all of it can be trained."""
    tensors = [*module.parameters(), *module.buffers()]
    before = [tensor.detach().clone() for tensor in tensors]
    modes = [(each, each.training) for each in module.modules()]
    trainable = [(each, each.requires_grad) for each in module.parameters()]
    try:
        for parameter, _ in trainable:
            parameter.requires_grad_(parameter.is_floating_point())
        yield
    finally:
        commit_running_averages(module)  # what an interrupted step left open
        with torch.no_grad():
            for tensor, old in zip(tensors, before, strict=True):
                tensor.copy_(old)
        for parameter, flag in trainable:
            parameter.grad = None
            parameter.requires_grad_(flag)
        for each, mode in modes:
            each.training = mode


def _of_folder(spec: str) -> Backbone:
    if not Path(spec).exists():
        raise ViviError(f"there is no encoder {spec}: {_LEGAL}")
    loaded = load_encoder(spec)
    return Backbone(
        spec=spec,
        name=loaded.name,
        module=loaded.encoder,
        feature_dim=loaded.feature_dim,
        fingerprint=loaded.fingerprint,
        image_size=loaded.image_size,
        preprocess=scaled,
        preprocessing=OURS,
    )


def _of_timm(spec: str, rest: str) -> Backbone:
    if rest.startswith(_LOCAL):
        folder = Path(rest.removeprefix(_LOCAL)).resolve()  # whoever does the runs may be in another folder
        return _of_pretrained(f"timm:{_LOCAL}{folder}", load_timm_folder(folder))
    if not rest.startswith(_RANDOM):
        return _of_pretrained(spec, load_timm_model(rest))
    config = TimmModel(name=rest.removeprefix(_RANDOM))
    module = config.build(generator=torch_generator(0, step=0, purpose="encoder"))
    name = f"timm {config.name}, random weights"
    return _described(spec, module, name=name, preprocess=scaled, about=OURS, made_for=None)


def _of_pretrained(spec: str, model: TimmPretrained) -> Backbone:
    mean_C, std_C = (torch.tensor(values).view(3, 1, 1) for values in (model.mean, model.std))

    def standardised(images_BCHW: Tensor) -> Tensor:
        device = images_BCHW.device
        return (images_BCHW.float() / 255 - mean_C.to(device)) / std_C.to(device)

    about = f"RGB in [0, 1], less {list(model.mean)}, over {list(model.std)}"
    return _described(spec, model.module, name=model.name, preprocess=standardised, about=about, made_for=model.size)


def _of_function(spec: str, rest: str) -> Backbone:
    module = user_module(spec)
    if not isinstance(getattr(module, "feature_dim", None), int):
        raise ViviError(f"{spec}: its module must have the whole number `feature_dim`, features of an image")
    given = getattr(module, "preprocess", None)
    about = OURS if given is None else f"preprocess of {rest}"
    size = getattr(module, "image_size", None)
    return _described(spec, module, name=rest, preprocess=given or scaled, about=about, made_for=size)


def _described(
    spec: str,
    module: nn.Module,
    *,
    name: str,
    preprocess: Callable[[Tensor], Tensor],
    about: str,
    made_for: int | None,
) -> Backbone:
    feature_dim: Any = module.feature_dim
    return Backbone(
        spec=spec,
        name=name,
        module=module,
        feature_dim=int(feature_dim),
        fingerprint=weights_fingerprint(module),
        image_size=made_for,
        preprocess=preprocess,
        preprocessing=about,
    )
