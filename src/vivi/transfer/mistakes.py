"""Which test images a probe names wrongly, and which classes it confuses."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivi.core.seeds import rng
from vivi.data.image_file import printable
from vivi.data.images import LabelledImage

KEPT = 24
"""Images named wrongly that are kept by name."""
PAIRS = 8
"""Pairs of classes that are kept."""


def mistakes(
    test: Sequence[LabelledImage], *, predictions_M: NDArray[np.int64], classes: Sequence[str], probe: str, seed: int
) -> dict[str, Any]:
    """For scores.json: how many images are named wrongly, some of them drawn by chance, and the most confused pairs.

    Args:
        test: M test images.
        predictions_M: the class that was named for each, as its number.
        classes: their names.
        probe: which named them.
        seed: of the draw.
    """
    wrong = [at for at, image in enumerate(test) if image.label != int(predictions_M[at])]
    pairs = Counter((test[at].label, int(predictions_M[at])) for at in wrong)
    names = [printable(name) for name in classes]
    drawn = rng(seed, step=0, purpose="mistakes").permutation(len(wrong))[:KEPT]
    return {
        "probe": probe,
        "wrong": len(wrong),
        "shown": [
            {"path": printable(test[at].path), "class": names[test[at].label], "predicted": names[predictions_M[at]]}
            for at in (wrong[number] for number in drawn.tolist())
        ],
        "confused": [
            {"class": names[label], "predicted": names[predicted], "count": count}
            for (label, predicted), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:PAIRS]
        ],
    }
