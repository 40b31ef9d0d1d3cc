"""Lets timm be imported beside a CPU build of torch, where torchvision's C++ operators are missing.

torchvision registers the shapes of two operators when it is imported and fails where nobody has declared them. The
declarations below come before that import; no test here calls the operators. Where torchvision's own library is
loaded (an ordinary install), it has declared them itself and nothing is done.
"""

import importlib.util
from pathlib import Path

import torch

_OPERATORS = ("nms", "qnms")


def _torchvision_has_its_library() -> bool:
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return True
    try:
        torch.ops.load_library(next(Path(found.origin).parent.glob("_C*.so")))
    except (OSError, StopIteration):
        return False
    return True


if not _torchvision_has_its_library():
    for _name in _OPERATORS:
        torch.library.define(f"torchvision::{_name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
