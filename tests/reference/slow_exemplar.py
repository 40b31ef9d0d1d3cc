"""The semi-hard triplet loss in loops that follow the definition word for word."""

import numpy as np


def slow_triplet(points_SVE: np.ndarray, margin: float) -> float:
    shots, views, _ = points_SVE.shape
    flat = [(s, points_SVE[s, v]) for s in range(shots) for v in range(views)]
    terms = []
    for a, (shot_a, anchor) in enumerate(flat):
        negatives = [float(((anchor - x) ** 2).sum()) for shot, x in flat if shot != shot_a]
        for p, (shot_p, positive) in enumerate(flat):
            if p == a or shot_p != shot_a:
                continue
            near = float(((anchor - positive) ** 2).sum())
            farther = [d for d in negatives if d > near]
            chosen = min(farther) if farther else max(negatives)
            terms.append(max(0.0, margin + near - chosen))
    return sum(terms) / len(terms)


def slow_norm(points_SVE: np.ndarray, embed_norm: str) -> np.ndarray:
    """Every embedding to length 1 ("row"), or every coordinate over all embeddings ("batch")."""
    shots, views, dim = points_SVE.shape
    result = points_SVE.copy()
    if embed_norm == "row":
        for s in range(shots):
            for v in range(views):
                result[s, v] /= sum(x**2 for x in points_SVE[s, v]) ** 0.5
    else:
        for e in range(dim):
            result[:, :, e] /= sum(points_SVE[s, v, e] ** 2 for s in range(shots) for v in range(views)) ** 0.5
    return result
