"""Any image model of the library timm, by its name, as an encoder; timm is imported only when one is built.

Batch norms become ours, so that norm groups, gradient caching and running averages mean the same as everywhere.
Parameter names, tensors and everything else stay timm's.
"""

import difflib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from vivi.core.config import config
from vivi.core.errors import ConfigError
from vivi.nn.encoder import Encoder, TimmForm
from vivi.nn.norm import GroupedBatchNorm

_NAME = re.compile(r"[A-Za-z0-9_]+")
_OURS = {"cache_dir", "checkpoint_path", "features_only", "img_size", "in_chans", "num_classes"}


@config
class TimmModel(Encoder):
    """A timm model without its classifier, randomly initialised; needs the package timm.

    Raises:
        ConfigError: on `feature_dim` and `build`: timm is missing, has no such model, or cannot build it so.
    """

    name: str
    """An architecture of timm, e.g. "vit_small_patch16_224", without a tag of pretrained weights."""
    args: tuple[str, ...] = ()
    """Its keyword arguments as "key=value", the value JSON or text, e.g. "layers=[2, 2, 2, 2]"."""
    image_size: Annotated[int, Field(ge=1)] | None = None
    """Passed on as `img_size` to models that are built for one size, in pixels; None leaves their default."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name: letters, digits and _ only, no tag and no hub, got {self.name!r}")
        for each in self.args:
            key, equals, _ = each.partition("=")
            if not equals or not key.isidentifier():
                raise ValueError(f"args: write them as key=value, got {each!r}")
            if key in _OURS or key.startswith("pretrained"):
                raise ValueError(f"args: {key} is not free to choose (image_size sets img_size)")

    @property
    def feature_dim(self) -> int:
        """D, as the model itself says; needs timm."""
        return _feature_dim(self)

    def build(self, *, generator: torch.Generator | None = None) -> nn.Module:
        """The timm model on the CPU, whatever the default device, with our batch norms.

        timm computes tensors that no file holds (position indices, attention masks), so an empty shell would not do.
        timm draws from torch's global generator, so that is seeded from `generator` and put back afterwards.
        """
        seed = int(torch.randint(2**63 - 1, (), generator=generator, device="cpu"))
        with torch.device("cpu"), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            model = _swapped(_create(self))
        _refuse_random_layers(model, self.name)
        model.feature_dim = _width(model)  # type: ignore[assignment]
        model.register_forward_hook(_features)
        return model

    def timm_form(self) -> TimmForm | None:
        """The model itself."""
        return TimmForm(self.name, _arguments(self), "")

    def to_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same tensors."""
        return dict(tensors)

    def from_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same tensors."""
        return dict(tensors)


class GroupedBatchNormAct(GroupedBatchNorm):
    """Batch norm in norm groups, then a drop layer and an activation: timm's `BatchNormAct2d`."""

    def __init__(self, channels: int, *, momentum: float, eps: float, drop: nn.Module, act: nn.Module) -> None:
        super().__init__(channels, momentum=momentum, eps=eps)
        self.drop, self.act = drop, act

    def forward(self, x: Tensor) -> Tensor:
        """x_BCHW -> the same shape."""
        return self.act(self.drop(super().forward(x)))  # type: ignore[no-any-return]


def _timm() -> Any:
    try:
        import timm  # here, so that nothing else needs it
        import timm.layers
    except (ImportError, RuntimeError) as error:  # torchvision, which timm needs, raises either
        raise ConfigError(
            f"TimmModel needs the package timm, which cannot be imported ({error}): pip install 'vivi[timm]'"
        ) from error
    return timm


def _arguments(model: TimmModel) -> dict[str, Any]:
    """Keyword arguments of the timm model, JSON values."""
    size = {} if model.image_size is None else {"img_size": model.image_size}
    return {**size, **{key: _value(text) for key, _, text in (each.partition("=") for each in model.args)}}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _create(model: TimmModel) -> nn.Module:
    timm = _timm()
    if not timm.is_model(model.name):
        near = difflib.get_close_matches(model.name, timm.list_models(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() names them"
        raise ConfigError(f"timm has no model {model.name!r}: {hint}")
    arguments = _arguments(model)
    try:
        made: nn.Module = timm.create_model(model.name, pretrained=False, num_classes=0, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError, LookupError, AttributeError) as error:
        raise ConfigError(f"timm cannot build {model.name} with {arguments}: {error}") from error
    return made


@lru_cache(maxsize=64)
def _feature_dim(model: TimmModel) -> int:
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        return _width(_create(model))


def _width(model: nn.Module) -> int:
    """Features before the classifier, which in some models are more than those of the last stage."""
    width: Any = getattr(model, "head_hidden_size", None) or model.num_features
    return int(width)


def _swapped(model: nn.Module) -> nn.Module:
    """The model with every batch norm replaced by ours, which takes over its parameters and buffers."""
    done: dict[nn.Module, nn.Module] = {}
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                done[layer] = done.get(layer) or _ours(layer)
                setattr(parent, name, done[layer])
    return model


def _ours(layer: Any) -> GroupedBatchNorm:
    with_act = _timm().layers.BatchNormAct2d
    settings = {"momentum": layer.momentum, "eps": layer.eps}
    if not layer.affine or not layer.track_running_stats or layer.momentum is None:
        raise ConfigError(f"a batch norm without parameters or running averages cannot be in norm groups: {layer}")
    if type(layer) is with_act:
        made: GroupedBatchNorm = GroupedBatchNormAct(layer.num_features, drop=layer.drop, act=layer.act, **settings)
    elif type(layer) in (nn.BatchNorm1d, nn.BatchNorm2d):
        made = GroupedBatchNorm(layer.num_features, **settings)
    else:
        raise ConfigError(f"vivi knows no norm groups for {type(layer).__name__}: choose another timm model")
    made.weight, made.bias = layer.weight, layer.bias
    for name, buffer in layer.named_buffers(recurse=False):
        setattr(made, name, buffer)
    return made


def _refuse_random_layers(model: nn.Module, name: str) -> None:
    """Dropout draws from the device's own generator: no chunked pass could be repeated, no run resumed exactly."""
    for layer in model.modules():
        rates = (
            [getattr(layer, field, 0) for field in ("p", "drop_prob", "prob")] if "Drop" in type(layer).__name__ else []
        )
        if any(isinstance(rate, int | float) and rate > 0 for rate in rates):
            raise ConfigError(
                f"{name} drops at random ({layer}), which no seed of a run fixes: add args such as "
                "drop_rate=0, attn_drop_rate=0 or drop_path_rate=0"
            )


def _features(model: nn.Module, _: Any, output: Any) -> Tensor:
    """features_BD in at least float32; a forward hook, so that timm's parameter names need no prefix."""
    if not isinstance(output, Tensor) or output.ndim != 2 or output.shape[1] != model.feature_dim:
        shape = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(f"the timm model gives {shape}, not features of {model.feature_dim} for each image")
    return output.to(torch.promote_types(output.dtype, torch.float32))
