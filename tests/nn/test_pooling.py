"""Mean pooling."""

import pytest
import torch

from vivi.nn.pooling import MeanPooling


def test_mean_over_the_frames_of_each_shot():
    frames = torch.arange(12.0).view(2, 3, 2)
    assert MeanPooling().build(2)(frames).tolist() == [[2.0, 3.0], [8.0, 9.0]]


@pytest.mark.parametrize("shape", [(4, 2), (4, 0, 2)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="frames_SVD"):
        MeanPooling().build(2)(torch.zeros(shape))
