"""The paper's names: each is a function that returns the complete experiment its row of a table means.

A modifier takes an experiment and returns another one whose name says so. Where the paper is silent, the value is the
default of docs/defaults.md, set in the class it belongs to.
"""

import dataclasses
import difflib
from collections.abc import Callable, Iterable

from vivi.core.config import override
from vivi.core.errors import ConfigError
from vivi.data.augment import Augmentation, InceptionColour
from vivi.data.clips import ConsecutiveShots, RepeatedFrame, Sampling, SingleShots
from vivi.data.crop import InceptionCrop
from vivi.experiment import Experiment, Level
from vivi.nn.resnet_v2 import ResNetV2
from vivi.objectives.exemplar import Exemplar
from vivi.objectives.infonce import InfoNCE
from vivi.optim import SGD, Schedule

SHOTS_PER_STEP = 2048
"""N K in all unsupervised models (paper, section 4)."""
EXEMPLAR_GROUP = 16
"""Shots among which triplets are mined: 128 frames, the per-core size of the paper's ancestor."""
LAMBDA = 0.04
"""Weight of L_V. The paper tried at most four values and does not print them: this one is ours."""


def ex_yt_f() -> Experiment:
    """Exemplars from single frames: one random frame of each video, fixed by the seed, augmented 8 times."""
    return _exemplar("Ex-YT-F", sampling=RepeatedFrame(frames=8), video_levels=())


def ex_yt_s() -> Experiment:
    """Exemplars from shots: 8 consecutive frames of one shot; shots are taken independently, no video level."""
    return _exemplar("Ex-YT-S", sampling=SingleShots(frames=8), video_levels=())


def vivi_ex_4() -> Experiment:
    """Exemplars from shots, and InfoNCE with the LSTM across 4 consecutive shots."""
    levels = (Level(objective=InfoNCE(), weight=LAMBDA),)
    return _exemplar("VIVI-Ex(4)", sampling=ConsecutiveShots(shots=4, frames=8), video_levels=levels)


PRESETS: dict[str, Callable[[], Experiment]] = {
    "Ex-YT-F": ex_yt_f,
    "Ex-YT-S": ex_yt_s,
    "VIVI-Ex(4)": vivi_ex_4,
}


def find(name: str) -> Experiment:
    """The experiment of that name, in any case.

    Raises:
        ConfigError: no such preset; the text names the nearest and all legal ones.
    """
    by_lower = {each.lower(): each for each in PRESETS}
    if name.lower() in by_lower:
        return PRESETS[by_lower[name.lower()]]()
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.4)
    hint = f", did you mean {by_lower[near[0]]!r}?" if near else "."
    raise ConfigError(f"there is no preset {name!r}{hint} Legal: {', '.join(PRESETS)}")


def tiny(experiment: Experiment) -> Experiment:
    """The same method for a computer without GPU: width-16 ResNet-18 at 48 pixels, 64 shots of 4 frames, 700 steps.

    What fills a small crop at 224 pixels is a few pixels here, so crops keep at least 30 % of the area. With 128
    features the scores of InfoNCE are small, so lambda is 2. Both were tried out on the demo's world.
    """
    shots = 64
    changes = (
        f"samples_per_step={shots // experiment.sampling.shots}",
        "sampling.frames=4",
        "augmentation.crop.size=48",
        "augmentation.crop.min_area=0.3",
        "encoder.depth=18",
        "encoder.width=0.25",
        "optimiser.learning_rate=0.03",
        *(f"video_levels.{number}.weight=2" for number in range(len(experiment.video_levels))),
    )
    schedule = Schedule(steps=700, warmup=50, decays=(560, 665))
    return dataclasses.replace(override(experiment, changes), name=f"{experiment.name}-Tiny", schedule=schedule)


def changed(experiment: Experiment, *, assignments: Iterable[str] = (), steps: int | None = None) -> Experiment:
    """The experiment with changed values; its name gets a star, because it is no longer what the name says.

    Another seed is the same method, and gets none.

    Raises:
        ConfigError: no such field (the nearest are named) or an illegal value.
    """
    other = experiment
    if steps is not None:
        other = dataclasses.replace(other, schedule=other.schedule.stretched(steps))
    other = override(other, assignments)
    if dataclasses.replace(other, seed=experiment.seed) == experiment or other.name != experiment.name:
        return other
    return dataclasses.replace(other, name=f"{experiment.name}*")


def _exemplar(name: str, *, sampling: Sampling, video_levels: tuple[Level, ...]) -> Experiment:
    return Experiment(
        name=name,
        samples_per_step=SHOTS_PER_STEP // sampling.shots,
        sampling=sampling,
        augmentation=Augmentation(crop=InceptionCrop(), colour=(InceptionColour(),)),
        encoder=ResNetV2(),
        frame_levels=(Level(objective=Exemplar(), group=EXEMPLAR_GROUP),),
        video_levels=video_levels,
        optimiser=SGD(),
        schedule=Schedule(),
    )
