"""What an encoder sees on its way: four feature maps of strides 4, 8, 16 and 32, for a feature pyramid.

Needs no torchvision.
"""

from collections.abc import Iterable
from typing import Any, Self

from torch import Tensor, nn
from torch.nn import functional

from vivi.core.errors import ConfigError
from vivi.nn.export import LoadedEncoder
from vivi.nn.norm import GroupedBatchNorm
from vivi.nn.resnet_v2 import ResNetV2, ResNetV2Module
from vivi.nn.timm_model import TimmModel

STRIDES = (4, 8, 16, 32)
"""Pixels of the image between neighbouring places of each map."""


class StageMaps(nn.Module):
    """Base: images_BCHW (float, RGB in [-1, 1]) -> maps C2 to C5, strides 4 to 32; `channels` says how many each has.

    Parts that are still do not learn, and their batch norms and all frozen ones keep to their averages in training.
    """

    channels: tuple[int, ...]

    def __init__(self, encoder: nn.Module, *, still: Iterable[nn.Module]) -> None:
        super().__init__()
        self.encoder = encoder
        self._still = tuple(still)
        for part in self._still:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; what is still stays in evaluation."""
        super().train(mode)
        for part in self._still:
            part.eval()
        return self


class ResNetMaps(StageMaps):
    """The maps of our ResNet v2 after each stage.

    The sum of a pre-activation stage is not normalised, and nothing in the network reads it as it is. So a map is what
    the network goes on with: C2 to C4 after the first norm and the ReLU of the next stage, C5 after the last norm and
    ReLU, whose average are the encoder's features.
    """

    def __init__(self, encoder: ResNetV2Module, *, channels: tuple[int, ...], still: Iterable[nn.Module]) -> None:
        super().__init__(encoder, still=still)
        self.channels = channels

    def forward(self, images_BCHW: Tensor) -> tuple[Tensor, ...]:
        """C2, C3, C4, C5."""
        encoder: Any = self.encoder
        stages = list(encoder.stages)
        norms = [*(stage.blocks[0].norm1 for stage in stages[1:]), encoder.norm]
        x, maps = encoder.stem(images_BCHW), []
        for stage, norm in zip(stages, norms, strict=True):
            x = stage(x)
            maps.append(functional.relu(norm(x)))
        return tuple(maps)


class TimmMaps(StageMaps):
    """The maps of a timm model, as its own `forward_intermediates` gives them."""

    def __init__(
        self, encoder: nn.Module, *, channels: tuple[int, ...], indices: list[int], still: Iterable[nn.Module]
    ) -> None:
        super().__init__(encoder, still=still)
        self.channels, self._indices = channels, indices

    def forward(self, images_BCHW: Tensor) -> tuple[Tensor, ...]:
        """C2, C3, C4, C5."""
        encoder: Any = self.encoder
        return tuple(encoder.forward_intermediates(images_BCHW, indices=self._indices, intermediates_only=True))


def stage_maps(loaded: LoadedEncoder, *, frozen_norm: bool, frozen_parts: int) -> StageMaps:
    """The maps of an encoder.

    Args:
        loaded: a ResNet v2, or a timm model with maps of strides 4, 8, 16 and 32.
        frozen_norm: batch norms keep their averages, scales and shifts.
        frozen_parts: how many of root and stages do not learn.

    Raises:
        ConfigError: the encoder has no such maps, or no parts that can be frozen.
    """
    module = loaded.encoder
    norms = [each for each in module.modules() if isinstance(each, GroupedBatchNorm)] if frozen_norm else []
    if isinstance(loaded.config, ResNetV2) and isinstance(module, ResNetV2Module):
        parts = [module.stem, *module.stages][:frozen_parts]
        return ResNetMaps(module, channels=loaded.config.stage_channels, still=[*parts, *norms])
    if isinstance(loaded.config, TimmModel):
        if frozen_parts:
            raise ConfigError(f"frozen_parts: {loaded.config.name} is timm's and has no parts known here: set it to 0")
        return _timm_maps(module, name=loaded.config.name, still=norms)
    raise ConfigError(
        f"{loaded.name} is a {type(loaded.config).__name__}, which has no maps of strides 4, 8, 16 and 32: detection "
        "needs a ResNetV2, or a timm model with such maps"
    )


def _timm_maps(module: Any, *, name: str, still: Iterable[nn.Module]) -> TimmMaps:
    found = {
        each["reduction"]: (at, int(each["num_chs"])) for at, each in enumerate(getattr(module, "feature_info", []))
    }
    if not hasattr(module, "forward_intermediates") or not set(STRIDES) <= set(found):
        raise ConfigError(
            f"timm's {name} has no maps of strides 4, 8, 16 and 32 (it has {sorted(found)}): take a network with stages"
        )
    chosen = [found[stride] for stride in STRIDES]
    channels = tuple(channels for _, channels in chosen)
    return TimmMaps(module, channels=channels, indices=[at for at, _ in chosen], still=still)
