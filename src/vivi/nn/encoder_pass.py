"""How pictures pass through an encoder while it is trained: in which precision, and compiled or as written.

Half precision ends with the encoder. Its features leave in float32 at least, and heads, pooling, softmax, distances and
criteria begin there. Inside it, parameters, batch statistics, running averages and the standardisation of filters stay
float32: `torch.autocast` casts what enters a convolution or a matrix product, and `vivi.nn.norm` sums in float32.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn

from vivi.core.errors import ViviError


class Precision(Enum):
    """Of convolutions and matrix products in an encoder."""

    FP32 = "fp32"
    BF16 = "bf16"


class EncoderPass:
    """How training passes through an encoder go.

    Args:
        precision: of its convolutions and matrix products.
        compiled: whether `torch.compile` makes one program of it; the first pass of each kind then takes long. The
            numbers are the same up to rounding.
    """

    def __init__(self, *, precision: Precision = Precision.FP32, compiled: bool = False) -> None:
        self.precision, self.compiled = precision, compiled
        self._encoder: nn.Module | None = None
        self._program: Any = None

    def __call__(self, encoder: nn.Module, images_BCHW: Tensor, *, is_local: bool = True) -> Tensor:
        """features_BD, float32 at least.

        Args:
            encoder: images_BCHW -> features_BD; the same one each time.
            images_BCHW: any memory format; the channels last is what convolutions are fast with, and they get it.
            is_local: whether no norm group spans several processes; what processes tell each other is not compiled.
        """
        run = self._compiled(encoder) if self.compiled and is_local else encoder
        with self._autocast(images_BCHW.device):
            features_BD: Tensor = run(images_BCHW.contiguous(memory_format=torch.channels_last))
        return features_BD.to(torch.promote_types(features_BD.dtype, torch.float32))

    def _compiled(self, encoder: nn.Module) -> Any:
        if self._encoder is not encoder:
            # Few shapes occur in a run: each gets a program of its own rather than one for all.
            self._encoder, self._program = encoder, torch.compile(encoder, dynamic=False)
        return self._program

    def _autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        if self.precision is Precision.FP32:
            return nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 by itself, which makes it worth while: CUDA devices from Ampere on."""
    if device.type != "cuda":
        return False
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


@contextmanager
def exact_float32() -> Iterator[None]:
    """Within the block float32 means float32 on every device: no TensorFloat-32 in matrix products and convolutions.

    The setting is the process's; it is put back at the end.
    """
    matmul, convolution = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolution


@contextmanager
def compiler_named() -> Iterator[None]:
    """Within the block a failing compiler is an error that names the flag.

    Raises:
        ViviError: what `torch.compile` cannot do here.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch._dynamo.exc.TorchDynamoException):
            raise
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise ViviError(f"torch.compile fails here ({type(error).__name__}: {first}): give --no-compile") from error
