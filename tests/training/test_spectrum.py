import dataclasses
import json

import numpy as np
import torch

from vivi.core.rundir import RunFolder
from vivi.model import Losses
from vivi.training.spectrum import spectrum, write_spectrum
from vivi.training.step import StepResult


def test_shares_are_the_eigenvalues_of_the_covariance():
    features_BD = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 5, 3, 1, 0.5, 0])
    wanted = np.linalg.eigvalsh(np.cov(features_BD.double().numpy().T))[::-1]
    found = spectrum(features_BD)
    np.testing.assert_allclose(found.numpy(), wanted / wanted.sum(), atol=1e-12)
    assert abs(float(found.sum()) - 1) < 1e-12


def test_features_that_are_all_equal_have_no_spectrum():
    assert spectrum(torch.ones(5, 3)).tolist() == [0.0, 0.0, 0.0]


def result_of(features_SVD):
    losses = Losses(torch.zeros(()), {})
    return StepResult(losses, features_SVD, learning_rate=0.1, gradient_norm=torch.zeros(()))


def test_the_newest_is_kept(tmp_path):
    run = RunFolder(tmp_path)
    for step in (10, 20):
        write_spectrum(run, step=step, result=result_of(torch.randn(4, 2, 3)))
    write_spectrum(run, step=30, result=dataclasses.replace(result_of(torch.randn(4, 2, 3)), is_left_out=True))
    write_spectrum(run, step=40, result=None)
    record = json.loads(run.spectrum.read_text())
    assert record["step"] == 20 and len(record["shares"]) == 3
