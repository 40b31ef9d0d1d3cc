"""One update of the detector, and its boxes for one image."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vivi.core.run_state import RunState
from vivi.core.seeds import rng
from vivi.nn.norm import commit_running_averages
from vivi.optim import set_learning_rate
from vivi.transfer.detection.batches import Sample
from vivi.transfer.detection.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Found:
    """The D boxes that a detector gives for an image, on the CPU."""

    boxes_D4: Tensor
    """x0, y0, x1, y1 in pixels of the stored image."""
    labels_D: Tensor
    """Classes from 1."""
    scores_D: Tensor


def learn(state: RunState, samples: Sequence[Sample], *, recipe: Recipe, device: torch.device) -> dict[str, Tensor]:
    """Update the detector once.

    torchvision draws sizes, anchors and regions from torch's global generators: within the step these are set to a
    function of (seed, step), and put back afterwards.

    Returns:
        The losses by torchvision's names, and their sum as "loss", without gradient, on the device.
    """
    set_learning_rate(state.optimiser, rate=recipe.rate(state.step))
    images = [sample.image_CHW.to(device).float() / 255 for sample in samples]
    targets = [
        {"boxes": sample.target.boxes_O4.to(device), "labels": sample.target.labels_O.to(device)} for sample in samples
    ]
    with _seeded(recipe.seed, step=state.step, device=device):
        losses: dict[str, Tensor] = state.model(images, targets)
    total = torch.stack(list(losses.values())).sum()
    state.optimiser.zero_grad()
    total.backward()
    state.optimiser.step()
    commit_running_averages(state.model)
    state.step += 1
    return {"loss": total.detach(), **{name: loss.detach() for name, loss in losses.items()}}


@torch.inference_mode()
def find(detector: nn.Module, pixels_HWC: NDArray[np.uint8], *, device: torch.device) -> Found:
    """The boxes in one image, best first; the detector must be in evaluation mode.

    Images are shown one by one, because those of a batch are padded to the largest.
    """
    image_CHW = torch.from_numpy(np.ascontiguousarray(pixels_HWC.transpose(2, 0, 1))).to(device).float() / 255
    (given,) = detector([image_CHW])
    return Found(given["boxes"].cpu(), labels_D=given["labels"].cpu(), scores_D=given["scores"].cpu())


@contextmanager
def _seeded(seed: int, *, step: int, device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(rng(seed, step=step, purpose="detection sampling").integers(2**63)))
        yield
