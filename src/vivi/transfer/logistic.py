"""Logistic regression on frozen features, its strength chosen on held-out training examples.

Shapes: N training examples, M test examples, D features.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor

from vivi.data.images import held_out

C_GRID: tuple[float, ...] = tuple(10.0**power for power in range(-6, 6))
HELD_OUT = 0.2
"""Share of each class on which C is chosen."""
MAX_ITERATIONS = 1000


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """Predictions of a logistic regression and how it was made."""

    predictions_M: NDArray[np.int64]
    c: float
    """Inverse strength of the L2 penalty, chosen on the held-out examples."""
    selected_on: int
    """Number of held-out examples; 0 when no class has two examples, and then c is the middle of the grid."""
    held_out_accuracy: float | None
    converged: bool
    """Whether the last fit met its tolerance within the iterations allowed."""
    iterations: int


def logistic(
    train_ND: Tensor,
    *,
    labels_N: Tensor,
    test_MD: Tensor,
    seed: int = 0,
    grid: tuple[float, ...] = C_GRID,
    max_iterations: int = MAX_ITERATIONS,
) -> LogisticFit:
    """Multinomial logistic regression (L-BFGS, L2) on frozen features, after dinov2/eval/log_regression.py.

    Each feature is standardised by the mean and the deviation of the training examples (a constant one becomes 0).
    C is the value of the grid with the best accuracy on a seeded fifth of each class, the smallest of equals; the
    regression is then fitted again on all training examples.

    Args:
        train_ND: training features.
        labels_N: their classes, int64, at least two different ones.
        test_MD: test features.
        seed: decides which examples are held out.
        grid: values of C, rising.
        max_iterations: of one fit.
    """
    train, test = _standardised(train_ND.double().numpy(), test_MD.double().numpy())
    labels = labels_N.numpy()
    held_N = held_out(labels, share=HELD_OUT, seed=seed, purpose="choice of C")
    c, accuracy = grid[len(grid) // 2], None
    if held_N.any():
        c, accuracy = _best_c(train, labels_N=labels, held_N=held_N, grid=grid, max_iterations=max_iterations)
    model, converged = _fit(train, labels_N=labels, c=c, max_iterations=max_iterations)
    return LogisticFit(
        predictions_M=model.predict(test).astype(np.int64),
        c=c,
        selected_on=int(held_N.sum()),
        held_out_accuracy=accuracy,
        converged=converged,
        iterations=int(model.n_iter_.max()),
    )


def _standardised(train_ND: NDArray[np.float64], test_MD: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    mean_D, deviation_D = train_ND.mean(axis=0), train_ND.std(axis=0)
    noise_D = np.finfo(np.float32).eps * np.abs(train_ND).max(axis=0)
    scale_D = np.divide(1, deviation_D, out=np.zeros_like(deviation_D), where=deviation_D > noise_D)
    return (train_ND - mean_D) * scale_D, (test_MD - mean_D) * scale_D


def _best_c(
    train_ND: NDArray[np.float64],
    *,
    labels_N: NDArray[np.int64],
    held_N: NDArray[np.bool_],
    grid: tuple[float, ...],
    max_iterations: int,
) -> tuple[float, float]:
    best = (grid[0], -1.0)
    for c in grid:
        model, _ = _fit(train_ND[~held_N], labels_N=labels_N[~held_N], c=c, max_iterations=max_iterations)
        accuracy = float(np.mean(model.predict(train_ND[held_N]) == labels_N[held_N]))
        if accuracy > best[1]:
            best = (c, accuracy)
    return best


def _fit(
    train_ND: NDArray[np.float64], *, labels_N: NDArray[np.int64], c: float, max_iterations: int
) -> tuple[LogisticRegression, bool]:
    """A fitted model and whether it converged; scikit-learn's warning about that becomes the second value.

    One thread: the sums then do not depend on the number of cores; and on a busy machine threads that wait for each
    other at every small product took sixty times as long.
    """
    model = LogisticRegression(C=c, max_iter=max_iterations)
    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(train_ND, labels_N)
    others = [each for each in caught if not issubclass(each.category, ConvergenceWarning)]
    for each in others:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return model, len(others) == len(caught)
