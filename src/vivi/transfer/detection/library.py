"""The libraries that detection is built on, imported only when it is used."""

from typing import Any

import torch

from vivi.core.errors import ViviError

_EXTRA = 'pip install "vivi[detection]"'


def torchvision() -> Any:
    """The package torchvision.

    Raises:
        ViviError: it is not installed, or was built for another torch.
    """
    try:
        import torchvision
        import torchvision.models.detection
        import torchvision.ops
    except ImportError as error:
        raise ViviError(f"detection needs torchvision, which cannot be imported ({error}): {_EXTRA}") from error
    except RuntimeError as error:  # its operators are not there
        raise ViviError(_misfit(error)) from error
    return torchvision


def check_operators(device: torch.device | str = "cpu") -> None:
    """See that torchvision's compiled operators work, where the detector will be.

    Raises:
        ViviError: they do not.
    """
    torchvision()
    try:
        torch.ops.torchvision.nms(torch.zeros(1, 4, device=device), torch.zeros(1, device=device), 0.5)
        maps_BCHW, regions_R5 = torch.zeros(1, 1, 2, 2, device=device), torch.zeros(1, 5, device=device)
        torch.ops.torchvision.roi_align(maps_BCHW, regions_R5, 1.0, 1, 1, 1, False)
    except (RuntimeError, AttributeError) as error:
        raise ViviError(_misfit(error)) from error


def mean_average_precision() -> Any:
    """The class MeanAveragePrecision of torchmetrics, whose backend pycocotools is there.

    Raises:
        ViviError: one of the two cannot be imported.
    """
    try:
        import pycocotools.cocoeval  # noqa: F401
        from torchmetrics.detection import MeanAveragePrecision
    except (ImportError, RuntimeError) as error:
        raise ViviError(
            f"measuring detection needs torchmetrics and pycocotools, which cannot be imported ({error}): {_EXTRA}"
        ) from error
    return MeanAveragePrecision


def _misfit(error: Exception) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"torchvision does not work beside torch {torch.__version__} ({reason}): install the torchvision that was "
        "made for this torch, from the same index"
    )
