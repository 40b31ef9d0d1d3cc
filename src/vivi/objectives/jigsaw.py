"""Jigsaw: in which order do the patches of this frame stand?

Source: paper section 3.2 names the task; google/revisiting-self-supervised, self_supervision/jigsaw.py, patch_utils.py
and config/jigsaw/imagenet.sh: 3 x 3 patches of 64 pixels out of cells of 85, 100 permutations, the head of
`vivi.objectives.patches`. Ours: the permutations themselves (the source reads 100 of large Hamming distance from a
file of the task's authors), and one permutation a frame, drawn for it (there each step draws 8 that all its images
are asked about). Grey-scale with probability 0.66, which the source sets against chromatic aberration, is a matter of
the augmentation.
"""

import math
from functools import lru_cache
from itertools import chain, permutations
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from vivi.core.config import config
from vivi.core.seeds import Draw, rng
from vivi.core.to_device import to_device
from vivi.objectives.base import Objective, Predictions, Question
from vivi.objectives.patches import PatchObjective, PatchTask

_ALL = 9
"""So many cells at most have few enough permutations to look at all of them (362,880)."""
_CANDIDATES = 2**15
"""Otherwise so many are drawn to choose from."""


@config
class Jigsaw(PatchTask):
    """The patches of a frame stand in one of `permutations` orders; the answer is which."""

    grid: Annotated[int, Field(ge=2, le=15)] = 3
    """Cells a side."""
    permutations: Annotated[int, Field(ge=2, le=1000)] = 100

    def __post_init__(self) -> None:
        possible = math.factorial(self.grid**2)
        if self.permutations > possible:
            raise ValueError(f"permutations: at most {possible} where grid is {self.grid}, got {self.permutations}")

    @property
    def min_side(self) -> int:
        """The grid filled without gaps."""
        return self.grid * self.patch

    def build(self, feature_dim: int, *, shots: int) -> Objective:  # noqa: ARG002 (each frame for itself)
        """The objective for embeddings of `feature_dim` numbers."""
        return JigsawObjective(self, feature_dim=feature_dim)


class JigsawObjective(PatchObjective):
    """The embeddings of all patches of a frame, as they stand, through an MLP to the permutation."""

    permutations_QP: Tensor
    """Row q: which cell each of the P patches comes from. Saved with a run, for its classes are these rows."""

    def __init__(self, config: Jigsaw, *, feature_dim: int) -> None:
        cells, number = config.grid**2, config.permutations
        super().__init__(config, feature_dim=feature_dim, grid=config.grid, together=cells, classes=number)
        found_QP = torch.tensor(distant_permutations(cells, number=number), dtype=torch.int64)
        self.register_buffer("permutations_QP", found_QP)

    def pretext(self, x: Tensor, *, draw: Draw) -> Question:
        """Cut frames_SLCHW and put the patches of each frame in an order that is drawn for it.

        Views: V = L P patches, frame by frame; targets_SL (int64): the numbers of the permutations; all are pooled.

        Raises:
            ValueError: frames too small for the patches.
        """
        drawn_SL = draw.integers("permutation", high=self.classes, shape=(x.shape[1],))
        targets_SL = to_device(drawn_SL, x.device)
        views_SVCHW = self.cut(x, cells_SLP=self.permutations_QP[targets_SL], draw=draw)
        return Question(views=views_SVCHW, targets=targets_SL)

    def forward(self, embeddings: Tensor) -> Predictions:
        """embeddings_SVD -> logits of shape S x L x permutations."""
        points_SVE: Tensor = self.project(embeddings)
        logits_SLQ: Tensor = self.classify(points_SVE.unflatten(1, (-1, self.cells)).flatten(2))
        return logits_SLQ


@lru_cache(maxsize=16)
def distant_permutations(cells: int, *, number: int) -> npt.NDArray[np.uint8]:
    """`number` different permutations of 0 .. cells - 1 that lie far from one another, always the same, number x cells.

    Greedy: the next one is that whose nearest neighbour among those taken is the farthest, counted in places in which
    the two differ; among equals the one with the largest mean distance, then the first.
    """
    candidates_NP = _candidates(cells)
    chosen = [0]
    most_N = np.zeros(len(candidates_NP), dtype=np.int32)
    total_N = np.zeros(len(candidates_NP), dtype=np.int32)
    columns_PN = np.ascontiguousarray(candidates_NP.T)
    while len(chosen) < number:
        agreeing_N = np.zeros(len(candidates_NP), dtype=np.uint8)
        for column_N, value in zip(columns_PN, candidates_NP[chosen[-1]], strict=True):
            agreeing_N += column_N == value
        np.maximum(most_N, agreeing_N, out=most_N)
        total_N += agreeing_N
        chosen.append(int(np.argmin(most_N * (1 + cells * number) + total_N)))
    found = candidates_NP[chosen]
    found.flags.writeable = False
    return found


def _candidates(cells: int) -> npt.NDArray[np.uint8]:
    """All permutations in lexical order, or many that are drawn where there are too many, one a row."""
    if cells <= _ALL:
        flat = np.fromiter(chain.from_iterable(permutations(range(cells))), dtype=np.uint8)
        return flat.reshape(-1, cells)
    ordered_NP = np.tile(np.arange(cells, dtype=np.uint8), (_CANDIDATES, 1))
    return rng(0, step=0, purpose="jigsaw permutations").permuted(ordered_NP, axis=1)
