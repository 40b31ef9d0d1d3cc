"""The spectrum of a run's features, kept beside its checkpoints: a collapse shows in it before it shows in a score."""

import torch
from torch import Tensor

from vivi.core.files import write_json
from vivi.core.rundir import RunFolder
from vivi.training.meter import RANK_ROWS
from vivi.training.step import StepResult


def spectrum(features_BD: Tensor) -> Tensor:
    """Shares of the variance of the features along their principal axes, falling; they sum to 1, or are all 0.

    Args:
        features_BD: B features of D numbers.

    Returns:
        min(B, D) shares in float64, on the CPU.
    """
    centred_BD = (features_BD - features_BD.mean(dim=0)).double().cpu()
    variances_R = torch.linalg.svdvals(centred_BD).square()
    shares_R: Tensor = variances_R / variances_R.sum().clamp_min(torch.finfo(torch.float64).tiny)
    return shares_R


def write_spectrum(run: RunFolder, *, step: int, result: StepResult | None) -> None:
    """Keep the spectrum of the features of a step that moved, in the place of an earlier one.

    Args:
        run: whose folder.
        step: updates done.
        result: of the step; the first 1024 rows of its features count.
    """
    if result is None or result.is_left_out:
        return
    shares_R = spectrum(result.features_SVD.flatten(0, 1)[:RANK_ROWS].float())
    write_json(run.spectrum, {"step": step, "shares": shares_R.tolist()})
