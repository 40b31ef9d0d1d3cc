"""Convolutions with weight-standardised filters, which go with group norm."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class StandardizedConv2d(nn.Conv2d):
    """A convolution whose filters have mean 0 and variance 1 over (input channel, height, width) (Qiao et al. 2019).

    The parameters are float32 and so is the standardisation, also under autocast, which casts only its result.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, eps: float) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x_BCHW -> convolved by the standardised filters."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), correction=0, keepdim=True)
        weight = (self.weight - mean) * torch.rsqrt(variance + self.eps)
        return F.conv2d(x, weight, None, self.stride, self.padding)
