"""The detector: torchvision's Faster R-CNN on a feature pyramid over an encoder's maps.

Everything that `Recipe` does not name is torchvision's default (torchvision/models/detection/faster_rcnn.py).
"""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from vivi.core.errors import ConfigError
from vivi.core.seeds import torch_generator
from vivi.nn.export import LoadedEncoder
from vivi.nn.norm import GroupedBatchNorm
from vivi.transfer.detection.library import torchvision
from vivi.transfer.detection.recipe import Recipe
from vivi.transfer.detection.stage_maps import STRIDES, StageMaps, stage_maps

ANCHOR_SHAPES = (0.5, 1.0, 2.0)
"""Height over width of the anchors."""
MEAN = STD = (0.5, 0.5, 0.5)
"""torchvision hands on (x - mean) / std of pixels x in [0, 1]: with these, the [-1, 1] that our encoders take."""
POOLED = 7
"""Places on each side of a region's features."""


class Pyramid(nn.Module):
    """images_BCHW in [-1, 1] -> five maps of `out_channels` channels, named "0" to "3" and "pool"."""

    def __init__(self, maps: StageMaps, *, channels: int) -> None:
        super().__init__()
        ops = torchvision().ops
        self.maps = maps
        self.fpn = ops.FeaturePyramidNetwork(
            list(maps.channels), channels, extra_blocks=ops.feature_pyramid_network.LastLevelMaxPool()
        )
        self.out_channels = channels

    def forward(self, images_BCHW: Tensor) -> dict[str, Tensor]:
        """Strides 4, 8, 16, 32 and 64."""
        named = OrderedDict((str(at), each) for at, each in enumerate(self.maps(images_BCHW)))
        found: dict[str, Tensor] = self.fpn(named)
        return found


def build_detector(encoder: LoadedEncoder, *, recipe: Recipe, classes: int) -> nn.Module:
    """A detector on the CPU, in training mode; its new weights are a function of the recipe's seed alone.

    Args:
        encoder: its weights are taken over, and learn with the rest.
        recipe: sizes, and what is frozen.
        classes: without the background.

    Raises:
        ViviError: torchvision is missing or unusable.
        ConfigError: the encoder has no maps for a pyramid, or random weights are to be frozen.
    """
    has_batch_norm = any(isinstance(each, GroupedBatchNorm) for each in encoder.modules())
    if recipe.random is not None and recipe.frozen_norm and has_batch_norm:
        raise ConfigError("random: a new network has no batch statistics that could be frozen: set frozen_norm=false")
    maps = stage_maps(encoder, frozen_norm=recipe.frozen_norm, frozen_parts=recipe.frozen_parts)
    with torch.random.fork_rng(devices=[]):
        torch.random.set_rng_state(torch_generator(recipe.seed, step=0, purpose="detector").get_state())
        return _faster_rcnn(maps, recipe=recipe, classes=classes).train()


def _faster_rcnn(maps: StageMaps, *, recipe: Recipe, classes: int) -> nn.Module:
    library: Any = torchvision()
    parts, ops = library.models.detection, library.ops
    pyramid = Pyramid(maps, channels=recipe.pyramid_channels)
    anchors = parts.anchor_utils.AnchorGenerator(
        sizes=tuple((side,) for side in recipe.anchor_sides), aspect_ratios=(ANCHOR_SHAPES,) * len(recipe.anchor_sides)
    )
    names = [str(at) for at in range(len(STRIDES))]
    head = parts.faster_rcnn.TwoMLPHead(recipe.pyramid_channels * POOLED**2, recipe.head_features)
    detector: nn.Module = parts.FasterRCNN(
        pyramid,
        min_size=recipe.short_sides,
        max_size=recipe.long_side,
        image_mean=list(MEAN),
        image_std=list(STD),
        rpn_anchor_generator=anchors,
        rpn_pre_nms_top_n_train=2 * recipe.proposals,
        rpn_pre_nms_top_n_test=recipe.proposals,
        rpn_post_nms_top_n_train=recipe.proposals,
        rpn_post_nms_top_n_test=recipe.proposals,
        box_batch_size_per_image=recipe.regions,
        box_roi_pool=ops.MultiScaleRoIAlign(featmap_names=names, output_size=POOLED, sampling_ratio=2),
        box_head=head,
        box_predictor=parts.faster_rcnn.FastRCNNPredictor(recipe.head_features, classes + 1),
    )
    return detector
