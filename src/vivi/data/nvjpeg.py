"""JPEG files decoded by a GPU: nvJPEG, through torchvision.

torchvision decodes a list of files at once, on a stream of its own, and lets several threads ask
(pytorch/vision, torchvision/io/image.py and csrc/io/image/cuda/decode_jpegs_cuda.cpp). It takes nvJPEG's default for
colour that is stored at half the size (4:2:0), which repeats values where the CPU's decoder interpolates between them
(sgl-project/sglang, pull request 34163). So pixels near edges of colour differ.
"""

from collections.abc import Sequence

import numpy as np
import simplejpeg
import torch
from torch import Tensor

from vivi.core.errors import ConfigError, ViviError

_EXTRA = 'pip install "vivi[gpu-decode]"'


def nvjpeg(files: Sequence[bytes], device: torch.device) -> list[Tensor]:
    """Decode whole JPEG files, at least one.

    Args:
        files: of any sizes.
        device: a GPU.

    Returns:
        For each file pixels_3HW, uint8, RGB, on the device.

    Raises:
        RuntimeError: one of them cannot be decoded.
    """
    from torchvision.io import ImageReadMode, decode_jpeg

    coded = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
    decoded: list[Tensor] = decode_jpeg(coded, mode=ImageReadMode.RGB, device=device)
    return decoded


def check_nvjpeg(device: torch.device) -> None:
    """See that a GPU can decode here, with a file of one colour.

    Raises:
        ConfigError: the device is no GPU.
        ViviError: torchvision is missing, misfits torch, or cannot decode on the GPU.
    """
    if device.type != "cuda":
        raise ConfigError(f"--gpu-decode: the run is on {device.type}, which has no JPEG decoder: leave it out")
    grey = simplejpeg.encode_jpeg(np.full((32, 32, 3), 128, dtype=np.uint8), colorsubsampling="420")
    try:
        [pixels_CHW] = nvjpeg([grey], device)
        found = pixels_CHW.float().mean().item()
    except ImportError as error:
        raise ViviError(f"--gpu-decode needs torchvision, which cannot be imported ({error}): {_EXTRA}") from error
    except (RuntimeError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ViviError(
            f"--gpu-decode: torchvision cannot decode on {device} ({reason}): install the build of torchvision that "
            "fits torch and CUDA, or leave --gpu-decode out"
        ) from error
    if abs(found - 128) > 2:
        raise ViviError(f"--gpu-decode: torchvision decodes grey of 128 as {found:.0f} on {device}: leave it out")
