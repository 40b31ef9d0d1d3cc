"""Any image model of the library timm, by its name, as an encoder; timm is imported only when one is built.

Batch norms become ours, so that norm groups, gradient caching and running averages mean the same as everywhere.
Parameter names, tensors and everything else stay timm's.
"""

import difflib
import json
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from vivi.core.config import config
from vivi.core.errors import ConfigError
from vivi.nn.encoder import Encoder, TimmForm
from vivi.nn.norm import GroupedBatchNorm
from vivi.nn.timm_library import timm_library

_NAME = re.compile(r"[A-Za-z0-9_]+")
_DROP = re.compile(r"(?i).*drop.*")
_FAILURES = (AssertionError, RuntimeError, ValueError, IndexError, ZeroDivisionError)
"""What timm's models raise over images that they do not take."""
_OURS = {"cache_dir", "checkpoint_path", "features_only", "img_size", "in_chans", "num_classes"}


@config
class TimmModel(Encoder):
    """A timm model without its classifier, randomly initialised; needs the package timm.

    Raises:
        ConfigError: on `feature_dim` and `build`: timm is missing, has no such model, or cannot build it so. On the
            first pass: the model does not take images of this size, or gives no features.
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
            if _drops(key, _value(each.partition("=")[2])):
                raise ValueError(
                    f"args: {key} must be 0, no seed of a run fixes what timm drops at random; got {each!r}"
                )

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
        model.forward = partial(_checked, model, self)
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
    timm = timm_library()
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
    with_act = timm_library().layers.BatchNormAct2d
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
    """Dropout draws from the device's own generator: no chunked pass could be repeated, no run resumed exactly.

    Some models have no layer for it but drop in their own pass, by a rate that is their attribute.
    """
    for layer in model.modules():
        kind = type(layer).__name__
        for field, rate in vars(layer).items():
            whose = kind if field in ("p", "prob") else field
            if _drops(whose, rate):
                raise ConfigError(
                    f"{name} drops at random ({kind}.{field} = {rate}), which no seed of a run fixes: add args such as "
                    "drop_rate=0, attn_drop_rate=0 or drop_path_rate=0"
                )


def _drops(name: str, value: Any) -> bool:
    """Whether it is a rate of dropout, by the name of an argument, attribute or class, and not 0."""
    return _DROP.fullmatch(name) is not None and _nonzero(value)


def _nonzero(value: Any) -> bool:
    """A number other than 0, or a sequence with one; True and False are no rates."""
    if isinstance(value, list | tuple):
        return any(_nonzero(each) for each in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and value != 0


def _checked(model: nn.Module, settings: TimmModel, images_BCHW: Tensor) -> Tensor:
    """The model's own pass; where it fails because of the size of the images, that is said."""
    try:
        return type(model).forward(model, images_BCHW)  # type: ignore[no-any-return]
    except _FAILURES:
        reason = _refusal(settings, images_BCHW.shape) if images_BCHW.ndim == 4 else None
        if reason is None:
            raise
    height, width = images_BCHW.shape[2:]
    raise ConfigError(
        f"timm's {settings.name} with encoder.image_size={settings.image_size or 'null'} does not take images of "
        f"{height} x {width} pixels ({reason}): set encoder.image_size={height} if it is built for one size, "
        "or give it images of a size that it takes"
    )


def _refusal(settings: TimmModel, shape: torch.Size) -> str | None:
    """What a new model on the CPU says to one black image of this shape; None if it takes it."""
    with torch.device("cpu"), torch.random.fork_rng(devices=[]), torch.no_grad(), torch.autocast("cpu", enabled=False):
        fresh = _create(settings).eval()
        try:
            fresh(torch.zeros(1, *shape[1:]))
        except _FAILURES as error:
            return " ".join(str(error).split()) or type(error).__name__
    return None


def _features(model: nn.Module, _: Any, output: Any) -> Tensor:
    """features_BD in at least float32; a forward hook, so that timm's parameter names need no prefix."""
    if not isinstance(output, Tensor) or output.ndim != 2 or output.shape[1] != model.feature_dim:
        shape = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ConfigError(
            f"the timm model gives {shape}, not features of {model.feature_dim} for each image: mend args"
        )
    return output.to(torch.promote_types(output.dtype, torch.float32))
