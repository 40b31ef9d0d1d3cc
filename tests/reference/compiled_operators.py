"""Whether torchvision's compiled operators work here, asked without importing torchvision.

An import beside a torch that it was not made for fails half-way and cannot be repeated in the same process.
"""

import importlib.util
from functools import cache
from pathlib import Path

import torch

WHY_NOT = "needs torchvision with its compiled operators, torchmetrics and pycocotools"


@cache
def detection_works() -> bool:
    """Whether the extra "detection" is installed and whole."""
    if any(importlib.util.find_spec(name) is None for name in ("torchvision", "torchmetrics", "pycocotools")):
        return False
    origin = importlib.util.find_spec("torchvision").origin
    try:
        torch.ops.load_library(next(Path(origin).parent.glob("_C*.so")))
    except (OSError, StopIteration):
        return False
    return True
