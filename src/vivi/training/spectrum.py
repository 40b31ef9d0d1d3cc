"""The spectrum of a run's features, kept beside its checkpoints: a collapse shows in it before it shows in a score."""

import torch
from torch import Tensor

from vivi.core.files import write_json
from vivi.core.rundir import RunFolder
from vivi.training.meter import RANK_ROWS


def spectrum(features_BD: Tensor) -> Tensor:
    """Shares of the variance of the features along their principal axes, falling; they sum to 1, or are all 0.

    Args:
        features_BD: B features of D numbers.

    Returns:
        min(B, D) shares in float64, on the CPU.
    """
    centred_BD = (features_BD - features_BD.mean(dim=0)).double().cpu()
    variances_R = torch.linalg.svdvals(centred_BD).square()
    return variances_R / variances_R.sum().clamp_min(torch.finfo(torch.float64).tiny)


def write_spectrum(run: RunFolder, *, step: int, features_SVD: Tensor) -> None:
    """Keep the spectrum of the features of one step, in the place of an earlier one.

    Args:
        run: whose folder.
        step: updates done.
        features_SVD: S shots of V views; the first 1024 rows count.
    """
    shares_R = spectrum(features_SVD.flatten(0, 1)[:RANK_ROWS].float())
    write_json(run.spectrum, {"step": step, "shares": shares_R.tolist()})
