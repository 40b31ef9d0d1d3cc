import math

import numpy as np
import pytest
import torch
from scipy.stats import beta, binom
from torch import Tensor, nn

from vivi.core.errors import ViviError
from vivi.probe import clopper_pearson, effective_rank, encode, feature_std, features, knn, nearest


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Means(nn.Module):
    """Mean colour; in training mode something else."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return images_BCHW.mean(dim=(2, 3)) + (100 if self.training else 0)


def images(count: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (count, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_features_keep_order_and_mode() -> None:
    images_NCHW, seen = images(10), []
    encoder = Means().train()
    found_ND = features(encoder, images_NCHW.split(4), progress=seen.append)
    expected_ND = (images_NCHW.double() / 127.5 - 1).mean(dim=(2, 3)).float()
    torch.testing.assert_close(found_ND, expected_ND)
    assert seen == [4, 8, 10]
    assert encoder.training
    assert not found_ND.requires_grad


def test_encode_gives_range_from_minus_one_to_one() -> None:
    black_and_white = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)
    assert encode(Means().eval(), black_and_white).tolist() == [[-1.0] * 3, [1.0] * 3]


def test_no_images_and_undefined_features_are_errors() -> None:
    with pytest.raises(ViviError, match="no image to encode"):
        features(Means(), [])

    class Broken(Means):
        def forward(self, images_BCHW: Tensor) -> Tensor:
            return super().forward(images_BCHW) * torch.tensor([[1.0], [math.nan], [math.inf]])

    with pytest.raises(ViviError, match="for 2 of 3 images"):
        features(Broken(), [images(3)])


def slow_knn(train_ND: Tensor, labels_N: Tensor, test_MD: Tensor, k: int, temperature: float) -> list[int]:
    found = []
    for query in test_MD.double():
        pairs = []
        for row, label in zip(train_ND.double(), labels_N.tolist(), strict=True):
            cosine = float(query @ row) / math.sqrt(float(query @ query)) / math.sqrt(float(row @ row))
            pairs.append((cosine, label))
        votes: dict[int, float] = {}
        for cosine, label in sorted(pairs, reverse=True)[:k]:
            votes[label] = votes.get(label, 0) + math.exp(cosine / temperature)
        found.append(max(votes, key=lambda label: votes[label]))
    return found


@pytest.mark.parametrize("k", [1, 5, 20, 1000])
@pytest.mark.parametrize("chunk", [7, 1024])
def test_knn_equals_slow_loop(k: int, chunk: int) -> None:
    train_ND, test_MD = randn(60, 5), randn(40, 5, seed=1)
    labels_N = torch.arange(60) % 7
    found_M = knn(train_ND, labels_N=labels_N, test_MD=test_MD, k=k, temperature=0.3, chunk=chunk)
    assert found_M.tolist() == slow_knn(train_ND, labels_N, test_MD, k, 0.3)


def test_knn_weights_and_scale() -> None:
    angles = torch.tensor([0.3, 0.5, 0.5, -2.0])
    train_ND = torch.stack([angles.cos(), angles.sin()], dim=1) * torch.tensor([[100.0], [0.01], [1.0], [1.0]])
    labels_N = torch.tensor([1, 2, 2, 0])
    test_MD = torch.tensor([[3.0, 0.0]])
    assert knn(train_ND, labels_N=labels_N, test_MD=test_MD, k=3, temperature=0.07).item() == 1
    assert knn(train_ND, labels_N=labels_N, test_MD=test_MD, k=3, temperature=10).item() == 2


def test_knn_at_a_temperature_at_which_single_votes_would_be_infinite() -> None:
    """Class 2 has the nearest example and, at this temperature, nearly all votes."""
    angles = torch.tensor([0.3, 0.1, 0.2])
    train_ND, labels_N = torch.stack([angles.cos(), angles.sin()], dim=1), torch.tensor([0, 2, 1])
    test_MD = torch.tensor([[1.0, 0.0]])
    assert knn(train_ND, labels_N=labels_N, test_MD=test_MD, k=3, temperature=0.001).item() == 2


def test_knn_of_collapsed_and_zero_features_is_defined() -> None:
    labels_N = torch.arange(30) % 3
    for train_ND in (torch.ones(30, 4), torch.zeros(30, 4)):
        found_M = knn(train_ND, labels_N=labels_N, test_MD=train_ND)
        assert set(found_M.tolist()) <= {0, 1, 2}


def test_nearest_is_sorted() -> None:
    train_ND = randn(20, 6)
    similarities_MK, positions_MK = nearest(train_ND, test_MD=train_ND * 3, k=4, chunk=6)
    assert positions_MK[:, 0].tolist() == list(range(20))
    torch.testing.assert_close(similarities_MK[:, 0], torch.ones(20))
    assert bool((similarities_MK.diff(dim=1) <= 0).all())


@pytest.mark.parametrize(
    ("correct", "share", "low", "high"),
    [(754, 68.0, 65.2, 70.7), (553, 49.9, 46.9, 52.9), (690, 62.2, 59.3, 65.1), (513, 46.3, 43.3, 49.2)],
)
def test_clopper_pearson_gives_the_printed_intervals(correct: int, share: float, low: float, high: float) -> None:
    """The four cells of the paper's table 3, n = 1109. One bound, 52.8496, is printed as 52.9: rounded twice."""
    found = [100 * value for value in (correct / 1109, *clopper_pearson(correct, total=1109))]
    assert found == pytest.approx([share, low, high], abs=0.0505)


@pytest.mark.parametrize(("correct", "total"), [(0, 1), (1, 1), (0, 40), (40, 40), (3, 40), (777, 1000)])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_clopper_pearson_by_its_definition(correct: int, total: int, alpha: float) -> None:
    low, high = clopper_pearson(correct, total=total, alpha=alpha)
    assert 0 <= low <= correct / total <= high <= 1
    if correct:
        assert binom.sf(correct - 1, total, low) == pytest.approx(alpha / 2)
        assert low == pytest.approx(beta.ppf(alpha / 2, correct, total - correct + 1))
    if correct < total:
        assert binom.cdf(correct, total, high) == pytest.approx(alpha / 2)


@pytest.mark.parametrize(("correct", "total"), [(-1, 5), (6, 5), (0, 0)])
def test_no_interval_for_no_share(correct: int, total: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        clopper_pearson(correct, total=total)


def test_feature_std() -> None:
    assert float(feature_std(randn(2000, 64))) == pytest.approx(1, abs=0.02)
    assert float(feature_std(torch.ones(50, 64))) == pytest.approx(0, abs=1e-6)
    assert float(feature_std(torch.zeros(50, 64))) == 0
    assert float(feature_std(randn(1, 64))) == 0
    features_BD = randn(20, 5)
    rows = np.array([row / np.linalg.norm(row) for row in features_BD.numpy().astype(float)])
    expected = np.mean([rows[:, each].std() for each in range(5)]) * math.sqrt(5)
    assert float(feature_std(features_BD * 1000)) == pytest.approx(expected, rel=1e-5)


def test_effective_rank_equals_its_definition() -> None:
    features_BD = randn(30, 8) * torch.arange(1, 9)
    values = np.linalg.svd(features_BD.numpy() - features_BD.numpy().mean(axis=0), compute_uv=False)
    shares = values / values.sum()
    expected = math.exp(-sum(share * math.log(share) for share in shares))
    assert float(effective_rank(features_BD)) == pytest.approx(expected, rel=1e-4)
    assert float(effective_rank(features_BD * 1e4 + 5)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_effective_rank_counts_equal_directions(rank: int) -> None:
    basis = torch.linalg.qr(randn(40, rank) - randn(40, rank).mean(dim=0)).Q
    assert float(effective_rank(basis @ torch.linalg.qr(randn(16, rank)).Q.T)) == pytest.approx(rank, rel=1e-4)


@pytest.mark.parametrize(
    "collapsed", [torch.zeros(20, 8), torch.full((20, 8), 0.3), randn(1, 8).expand(20, 8), randn(1, 8)]
)
def test_effective_rank_of_collapse_is_zero(collapsed: Tensor) -> None:
    assert float(effective_rank(collapsed)) == 0
