"""Frozen features and what they are worth: nearest neighbours, intervals, signs of collapse.

Everything here is a pure function of its arguments; training looks at a running encoder with it, evaluation judges a
finished one. Shapes: N training examples, M test examples, D features, B examples of a batch.
"""

from collections.abc import Callable, Iterable

import torch
from scipy.special import betaincinv
from torch import Tensor, nn
from torch.nn import functional

from vivi.core.errors import ViviError

NEIGHBOURS = 20
TEMPERATURE = 0.07
_LARGEST_POWER = 600.0
"""The exponential of more than 709 is infinite in float64, and infinite votes name whatever class comes first."""


@torch.inference_mode()
def encode(encoder: nn.Module, images_BCHW: Tensor, *, device: torch.device | str = "cpu") -> Tensor:
    """Features of one batch, in evaluation mode whatever mode the encoder is in.

    Args:
        encoder: takes float images in [-1, 1] and gives features_BD; already on `device`.
        images_BCHW: uint8, RGB.
        device: where to compute.

    Returns:
        float32 features_BD on the CPU.
    """
    images_BCHW = images_BCHW.to(device=device, memory_format=torch.channels_last)
    was_training = encoder.training
    encoder.eval()
    try:
        features_BD: Tensor = encoder(images_BCHW.float() / 127.5 - 1)
    finally:
        encoder.train(was_training)
    return features_BD.to(device="cpu", dtype=torch.float32)


def features(
    encoder: nn.Module,
    batches: Iterable[Tensor],
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Features of all images, in their order.

    Args:
        encoder: see `encode`.
        batches: uint8 images_BCHW.
        device: where to compute.
        progress: called with the number of images done after each batch.

    Returns:
        float32 features_ND on the CPU.

    Raises:
        ViviError: there is no image, or a feature is not finite.
    """
    parts: list[Tensor] = []
    done = 0
    for images_BCHW in batches:
        parts.append(encode(encoder, images_BCHW, device=device))
        done += len(images_BCHW)
        if progress is not None:
            progress(done)
    if not done:
        raise ViviError("no image to encode: give at least one readable image")
    return finite(torch.cat(parts))


def finite(features_ND: Tensor) -> Tensor:
    """The features themselves.

    Raises:
        ViviError: some are infinite or not numbers.
    """
    bad = int((~features_ND.isfinite()).any(dim=1).sum())
    if bad:
        raise ViviError(
            f"the encoder gives infinite or undefined features for {bad} of {len(features_ND)} images: "
            "its training has diverged, use an earlier checkpoint"
        )
    return features_ND


def nearest(train_ND: Tensor, *, test_MD: Tensor, k: int, chunk: int = 1024) -> tuple[Tensor, Tensor]:
    """The k training examples of highest cosine similarity to each test example, best first.

    Args:
        train_ND: training features.
        test_MD: test features.
        k: at most N are returned.
        chunk: test examples compared at once.

    Returns:
        similarities_MK and positions_MK (int64).
    """
    train_ND = functional.normalize(train_ND, dim=1)
    k = min(k, len(train_ND))
    parts = [
        (functional.normalize(part_MD, dim=1) @ train_ND.T).topk(k, dim=1) for part_MD in torch.split(test_MD, chunk)
    ]
    return torch.cat([part.values for part in parts]), torch.cat([part.indices for part in parts])


def knn(
    train_ND: Tensor,
    *,
    labels_N: Tensor,
    test_MD: Tensor,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    chunk: int = 1024,
) -> Tensor:
    """Weighted nearest-neighbour classification as in facebookresearch/dino, eval_knn.py.

    Features are L2-normalised; each of the k most similar training examples votes for its class with weight
    exp(cosine / temperature).

    Args:
        train_ND: training features.
        labels_N: their classes, int64 from 0.
        test_MD: test features.
        k: neighbours, at most N are used.
        temperature: of the weights.
        chunk: test examples compared at once.

    Returns:
        predicted classes_M, int64.
    """
    similarities_MK, positions_MK = nearest(train_ND, test_MD=test_MD, k=k, chunk=chunk)
    votes_MC = torch.zeros(len(test_MD), int(labels_N.max()) + 1, dtype=torch.float64)
    powers_MK = similarities_MK.double() / temperature
    if powers_MK.numel() and float(powers_MK.max()) > _LARGEST_POWER:  # a small temperature; only shares count
        powers_MK = powers_MK - powers_MK.max(dim=1, keepdim=True).values
    weights_MK = powers_MK.exp().to(votes_MC.device)
    votes_MC.scatter_add_(1, labels_N[positions_MK].to(votes_MC.device), weights_MK)
    return votes_MC.argmax(dim=1)


def clopper_pearson(correct: int, *, total: int, alpha: float = 0.05) -> tuple[float, float]:
    """The exact binomial interval for a share (Clopper and Pearson, 1934), each tail at most alpha / 2.

    Raises:
        ValueError: not 0 <= correct <= total, or total < 1.
    """
    if not 0 <= correct <= total or total < 1:
        raise ValueError(f"{correct} of {total} is no share")
    low = float(betaincinv(correct, total - correct + 1, alpha / 2)) if correct else 0.0
    high = float(betaincinv(correct + 1, total - correct, 1 - alpha / 2)) if correct < total else 1.0
    return low, high


def feature_std(features_BD: Tensor) -> Tensor:
    """How far the directions of features spread: 0 when all point one way, about 1 when they point everywhere.

    Rows are L2-normalised; the standard deviation of each feature over the batch is averaged over the features and
    multiplied by sqrt(D) (Chen and He, Exploring Simple Siamese Representation Learning, section 4.1, where 1/sqrt(D)
    is the value without collapse). Features after a ReLU share a direction and stay below 1.

    Returns:
        A scalar, on the features' device.
    """
    rows_BD = functional.normalize(features_BD.float(), dim=1)
    spread: Tensor = rows_BD.std(dim=0, correction=0).mean() * features_BD.shape[1] ** 0.5
    return spread


def effective_rank(features_BD: Tensor) -> Tensor:
    """How many directions features use: exp of the entropy of the normalised singular values of the centred matrix.

    Roy and Vetterli, The effective rank (2007), definition 1, on features less their mean. Singular values within
    rounding error of the uncentred matrix count as none, so that features that are all equal have rank 0.
    The cost grows with B * D * min(B, D): give it some hundred rows.

    Returns:
        A scalar between 0 and min(B - 1, D), on the features' device.
    """
    features_BD = features_BD.float()
    values_R: Tensor = torch.linalg.svdvals(features_BD - features_BD.mean(dim=0))
    noise = max(features_BD.shape) * torch.finfo(torch.float32).eps * torch.linalg.matrix_norm(features_BD)
    values_R = torch.where(values_R > noise, values_R, 0)
    shares_R = values_R / values_R.sum().clamp_min(torch.finfo(torch.float32).tiny)
    rank: Tensor = torch.special.entr(shares_R).sum().exp() * (values_R.sum() > 0)
    return rank
