"""Experiments that no preset is: their step on two ranks and in chunks is that of one process, too."""

import dataclasses
from collections.abc import Callable

import pytest
from tests.reference.ranks import RankPools
from tests.two_ranks.shared_step import alone, moved, steady, worst

from vivi.core.config import override
from vivi.experiment import Experiment, Level
from vivi.objectives.exemplar_hard import BatchHardExemplar
from vivi.objectives.rotation import Rotation
from vivi.objectives.shot_order import ShotOrder

pytestmark = pytest.mark.timeout(300)
EXACT = 1e-10


def three_shots() -> Experiment:
    """Perceptrons over three shots, each predicted from the one two before it, both ways, cosines."""
    nce = "video_levels.0.objective"
    changes = ["sampling.shots=3", "samples_per_step=8", "norm_group=2", f"{nce}.predictor.ahead=2"]
    changes += [f"{nce}.symmetric=true", f"{nce}.normalise=true", f"{nce}.temperature=0.2", f"{nce}.projection=null"]
    return override(steady("VIVI-Ex(2)", norm="BN", group=2), changes)


def five_shots() -> Experiment:
    """The LSTM over five shots, in groups of videos, attention for the mean."""
    changes = ["sampling.shots=5", "samples_per_step=8", "norm_group=2", "video_levels.0.group=4"]
    changes += ["frame_levels.0.group=null", "frame_levels.0.objective.embed_norm=batch", "pooling=AttentionPooling"]
    return override(steady("VIVI-Ex(4)", norm="GN", group=2), changes)


def single_frames() -> Experiment:
    """A frame a shot, turned once; norm groups of a shot each."""
    experiment = override(steady("VIVI-Rot(2)-Order", norm="BN", group=1), ["sampling.frames=1"])
    levels = (Level(objective=Rotation(turns=1, pool="all")),)
    return dataclasses.replace(experiment, frame_levels=levels)


def weightless() -> Experiment:
    """Lambda and gamma of 0."""
    changes = ["video_levels.0.weight=0", "image_levels.0.weight=0"]
    return override(steady("VIVI-Ex(4)-Co(10%)", norm="BN", group=2), changes)


def many_levels() -> Experiment:
    """Two losses on frames, of which the second shows them turned, two on shots, no group twice the same."""
    experiment = steady("VIVI-Ex(4)", norm="BN", group=2)
    frames = (Level(objective=BatchHardExemplar(dim=32), weight=0.5, group=4), Level(objective=Rotation()))
    videos = (*experiment.video_levels, Level(objective=ShotOrder(), weight=0.3))
    return dataclasses.replace(experiment, frame_levels=(*experiment.frame_levels, *frames), video_levels=videos)


def no_frame_level() -> Experiment:
    """The order of shots alone."""
    return dataclasses.replace(steady("VIVI-Ex(2)-Order", norm="GN", group=1), frame_levels=())


@pytest.mark.parametrize("made", [three_shots, five_shots, single_frames, weightless, many_levels, no_frame_level])
def test_the_step_of_one_process(pools: RankPools, made: Callable[[], Experiment]) -> None:
    experiment = made()
    expected = alone(experiment)
    assert all(bool(value.isfinite().all()) for kind in expected.values() for value in kind.values())
    for ranks, chunks in ((1, 4), (2, 2)):
        for result in pools.run(ranks, moved, experiment, chunks):
            distance, where = worst(result, expected)
            assert distance < EXACT, f"{ranks} ranks, {chunks} chunks: {where} differs by {distance:.1e}"


def test_weights_of_nothing_move_nothing() -> None:
    gradients = alone(weightless())["gradients"]
    for name, value in gradients.items():
        if name.startswith(("video_objectives", "image_objectives")):
            assert float(value.abs().max()) == 0, name
