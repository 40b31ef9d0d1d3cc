import json

import numpy as np
import torch

from vivi.core.rundir import RunFolder
from vivi.training.spectrum import spectrum, write_spectrum


def test_shares_are_the_eigenvalues_of_the_covariance():
    features_BD = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 5, 3, 1, 0.5, 0])
    wanted = np.linalg.eigvalsh(np.cov(features_BD.double().numpy().T))[::-1]
    found = spectrum(features_BD)
    np.testing.assert_allclose(found.numpy(), wanted / wanted.sum(), atol=1e-12)
    assert abs(float(found.sum()) - 1) < 1e-12


def test_features_that_are_all_equal_have_no_spectrum():
    assert spectrum(torch.ones(5, 3)).tolist() == [0.0, 0.0, 0.0]


def test_the_newest_is_kept(tmp_path):
    run = RunFolder(tmp_path)
    for step in (10, 20):
        write_spectrum(run, step=step, features_SVD=torch.randn(4, 2, 3))
    record = json.loads(run.spectrum.read_text())
    assert record["step"] == 20 and len(record["shares"]) == 3
