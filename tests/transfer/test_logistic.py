import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_info, threadpool_limits
from torch import Tensor

import vivi.transfer.logistic as module
from vivi.data.images import held_out
from vivi.transfer.logistic import C_GRID, HELD_OUT, logistic


def clusters(count: int, *, classes: int = 3, dim: int = 4, noise: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    labels_N = torch.arange(count) % classes
    centres = 3 * torch.eye(classes, dim)
    return centres[labels_N] + noise * torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)), labels_N


def slow_predictions(train_ND: Tensor, labels_N: Tensor, test_MD: Tensor, *, c: float, classes: int = 3) -> np.ndarray:
    """Minimise C * sum of cross-entropies + |W|^2 / 2 with numerical gradients."""
    mean, deviation = train_ND.numpy().mean(axis=0), train_ND.numpy().std(axis=0)
    x, y, dim = (train_ND.numpy() - mean) / deviation, labels_N.numpy(), train_ND.shape[1]

    def scores(flat: np.ndarray, rows: np.ndarray) -> np.ndarray:
        table = flat.reshape(dim + 1, classes)
        return rows @ table[:-1] + table[-1]

    def loss(flat: np.ndarray) -> float:
        each = scores(flat, x)
        chosen = each[np.arange(len(y)), y]
        entropy = np.log(np.exp(each - chosen[:, None]).sum(axis=1)).sum()
        return float(c * entropy + (flat.reshape(dim + 1, classes)[:-1] ** 2).sum() / 2)

    best = minimize(loss, np.zeros((dim + 1) * classes), method="BFGS", options={"gtol": 1e-4})
    return scores(best.x, (test_MD.numpy() - mean) / deviation).argmax(axis=1)


@pytest.mark.parametrize("c", [0.01, 1.0])
def test_equals_a_plain_minimisation(c: float) -> None:
    train_ND, labels_N = clusters(45, noise=2.0)
    test_MD, _ = clusters(60, noise=2.0, seed=1)
    fit = logistic(train_ND, labels_N=labels_N, test_MD=test_MD, grid=(c,))
    assert fit.c == c
    assert np.array_equal(fit.predictions_M, slow_predictions(train_ND, labels_N, test_MD, c=c))


def test_separates_and_ignores_scale() -> None:
    train_ND, labels_N = clusters(150)
    test_MD, test_labels_M = clusters(90, seed=1)
    fit = logistic(train_ND, labels_N=labels_N, test_MD=test_MD)
    scale = torch.tensor([1e-3, 1.0, 1e3, 1e5])
    scaled = logistic(train_ND * scale + 7, labels_N=labels_N, test_MD=test_MD * scale + 7)
    assert np.mean(fit.predictions_M == test_labels_M.numpy()) > 0.9
    assert np.mean(fit.predictions_M == scaled.predictions_M) > 0.98
    assert fit.converged
    assert fit.c in C_GRID
    assert fit.selected_on == 30


def test_c_is_the_smallest_of_the_best_on_the_held_out_part() -> None:
    train_ND, labels_N = clusters(60, noise=3.0, dim=20)
    fit = logistic(train_ND, labels_N=labels_N, test_MD=train_ND, seed=5)
    held_N = held_out(labels_N.numpy(), share=HELD_OUT, seed=5, purpose="choice of C")
    mean, deviation = train_ND.numpy().mean(axis=0), train_ND.numpy().std(axis=0)
    x, y = (train_ND.numpy() - mean) / deviation, labels_N.numpy()
    accuracies = []
    for c in C_GRID:
        model = module.LogisticRegression(C=c, max_iter=1000).fit(x[~held_N], y[~held_N])
        accuracies.append(model.score(x[held_N], y[held_N]))
    assert fit.held_out_accuracy == max(accuracies)
    assert fit.c == C_GRID[accuracies.index(max(accuracies))]


def test_missing_convergence_is_reported_and_does_not_leak() -> None:
    train_ND, labels_N = clusters(60, noise=3.0, dim=20)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = logistic(train_ND, labels_N=labels_N, test_MD=train_ND, grid=(1e5,), max_iterations=2)
    assert not fit.converged
    assert fit.iterations == 2
    assert caught == []


def test_other_warnings_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    class Talkative(module.LogisticRegression):  # type: ignore[misc]
        def fit(self, x: object, y: object) -> "Talkative":
            warnings.warn("something else", FutureWarning, stacklevel=1)
            return super().fit(x, y)  # type: ignore[no-any-return]

    monkeypatch.setattr(module, "LogisticRegression", Talkative)
    train_ND, labels_N = clusters(30)
    with pytest.warns(FutureWarning, match="something else"):
        assert logistic(train_ND, labels_N=labels_N, test_MD=train_ND, grid=(1.0,)).converged


def test_one_blas_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Watched(module.LogisticRegression):  # type: ignore[misc]
        def fit(self, x: object, y: object) -> "Watched":
            seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
            return super().fit(x, y)  # type: ignore[no-any-return]

    monkeypatch.setattr(module, "LogisticRegression", Watched)
    train_ND, labels_N = clusters(30)
    with threadpool_limits(limits=2, user_api="blas"):
        logistic(train_ND, labels_N=labels_N, test_MD=train_ND, grid=(1.0,))
    assert set(seen) == {1}


def test_one_example_a_class_takes_the_middle_of_the_grid() -> None:
    fit = logistic(torch.eye(3), labels_N=torch.arange(3), test_MD=torch.eye(3))
    assert (fit.c, fit.selected_on, fit.held_out_accuracy) == (1.0, 0, None)
    assert fit.predictions_M.tolist() == [0, 1, 2]


def test_constant_features_give_chance_without_warnings() -> None:
    labels_N = torch.arange(30) % 3
    for constant in (0.0, 0.3, 1e6):
        fit = logistic(torch.full((30, 5), constant), labels_N=labels_N, test_MD=torch.full((9, 5), constant))
        assert len(set(fit.predictions_M.tolist())) == 1
