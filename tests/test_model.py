"""What each level sees, and how the losses are added: on an encoder whose features can be read off."""

import dataclasses

import pytest
import torch
from tests.reference.miniatures import batches, miniature
from torch import Tensor, nn

from vivi.core.config import override
from vivi.core.world import World
from vivi.data.augment import Augmentation
from vivi.experiment import Experiment
from vivi.model import VIVI
from vivi.presets import find
from vivi.training.posed import PosedFrames, PosedImages, draws_of_samples
from vivi.training.state import TrainState
from vivi.training.step import train_step

WORLD = World.single()


class Corner(nn.Module):
    """Stands for an encoder: the mean colours of the upper left quarter, which a turn changes."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        half = images_BCHW.shape[-1] // 2
        return images_BCHW[:, :, :half, :half].mean(dim=(2, 3)).repeat(1, 43)[:, :128]


class Recorder(nn.Module):
    """Stands for the pooling: keeps what it is given."""

    def forward(self, frames_SVD: Tensor) -> Tensor:
        self.given_SVD = frames_SVD
        return frames_SVD.mean(dim=1)


def seen_by_pooling(experiment: Experiment) -> tuple[Tensor, Tensor]:
    """What the pooling is given, and the features of the upright frames."""
    model = VIVI(experiment)
    model.encoder, recorder = Corner(), Recorder()
    model.pooling = recorder
    videos, _ = batches(experiment)
    assert videos is not None
    posed = PosedFrames.of(videos, experiment=experiment, model=model, world=WORLD)
    everything = slice(0, posed.shots)
    encoded = posed.encode(everything)
    draws = draws_of_samples(experiment, step=0, names=model.levels, world=WORLD)
    model.losses(encoded, shots_per_sample=experiment.sampling.shots, world=WORLD, draws=draws)
    frames_SLCHW = posed.rows.coloured(everything)
    upright_SLD = Corner()(frames_SLCHW.flatten(0, 1)).view(*frames_SLCHW.shape[:2], -1)
    return recorder.given_SVD, upright_SLD


def test_only_upright_frames_enter_the_shot_embedding() -> None:
    given_SVD, upright_SLD = seen_by_pooling(miniature("VIVI-Rot(4)"))
    torch.testing.assert_close(given_SVD, upright_SLD)


def test_all_turns_enter_it_where_the_experiment_says_so() -> None:
    every = override(miniature("VIVI-Rot(4)"), ["frame_levels.0.objective.pool=all"])
    given_SVD, upright_SLD = seen_by_pooling(every)
    assert given_SVD.shape[1] == 4 * upright_SLD.shape[1]


def test_turned_labelled_images_are_classified_and_encoded_once() -> None:
    experiment = miniature("Sup-Rot-100%")
    model = VIVI(experiment)
    passes: list[int] = []
    model.encoder.register_forward_pre_hook(lambda _, arguments: passes.append(len(arguments[0])))
    _, images = batches(experiment)
    assert images is not None
    posed = PosedImages.of(images, experiment=experiment, model=model, world=WORLD)
    encoded = posed.encode(slice(0, posed.shots))
    assert passes == [4 * len(images.labels_B)]
    supervised, rotation = encoded
    assert supervised.seen is None  # all four turns
    assert torch.equal(supervised.targets, images.labels_B)
    assert rotation.targets is not None
    assert rotation.targets.shape[1] == 4
    upright = override(experiment, ["image_levels.1.objective.pool=upright"])
    posed = PosedImages.of(images, experiment=upright, model=VIVI(upright), world=WORLD)
    assert posed.ask(slice(0, posed.shots))[0].seen == 1


@pytest.mark.parametrize("name", ["VIVI-Ex(4)-Co(10%)", "Semi-Ex-10%", "Sup-Rot-100%"])
def test_the_total_is_the_weighted_sum_over_all_floors(name: str) -> None:
    experiment = miniature(name)
    weights = {"frame": 0.5, "video": 0.25, "image": 3.0}
    changes = [
        f"{floor}_levels.{number}.weight={weight}"
        for floor, weight in weights.items()
        for number in range(len(getattr(experiment, f"{floor}_levels")))
    ]
    experiment = override(experiment, changes)
    state = TrainState.start(experiment, device=WORLD.device)
    videos, images = batches(experiment)
    losses = train_step(state, videos, images=images, experiment=experiment, world=WORLD).losses
    expected = sum(weights[part.split("/")[0]] * loss for part, loss in losses.parts.items())
    torch.testing.assert_close(losses.total, expected)
    assert {part.split("/")[0] for part in losses.parts} == {part.split("/")[0] for part in state.model.levels}


def test_each_source_has_its_own_augmentation_and_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[Augmentation, str, int]] = []

    def recorded(self: Augmentation, frames: Tensor, *, views: int, stream: str = "", **_: int) -> Tensor:
        used.append((self, stream, views))
        return frames.float()

    monkeypatch.setattr(Augmentation, "on_device", recorded)
    experiment = miniature("VIVI-Ex(4)-Co(100%)-Big")
    state = TrainState.start(experiment, device=WORLD.device)
    videos, images = batches(experiment)
    train_step(state, videos, images=images, experiment=experiment, world=WORLD)
    assert experiment.labelled is not None
    frames = experiment.sampling.frames
    assert used == [(experiment.augmentation, "", frames), (experiment.labelled.augmentation, "images/", 1)]
    assert experiment.augmentation != experiment.labelled.augmentation


def test_autoaugment_of_the_big_co_trained_model_is_for_labelled_images_alone() -> None:
    big = find("VIVI-Ex(4)-Co(100%)-Big")
    assert big.labelled is not None
    names = [
        [type(each).__name__ for each in source.colour] for source in (big.augmentation, big.labelled.augmentation)
    ]
    assert names == [["InceptionColour", "HSVNoise"], ["AutoAugmentImageNet", "HSVNoise"]]


def test_questions_of_one_source_do_not_depend_on_the_other() -> None:
    """The frames of a co-trained step are those of the same step without labels."""
    co = miniature("VIVI-Ex(4)-Co(10%)")
    alone = dataclasses.replace(co, image_levels=(), labelled=None)
    videos, _ = batches(co)
    assert videos is not None
    asked = []
    for experiment in (co, alone):
        posed = PosedFrames.of(videos, experiment=experiment, model=VIVI(experiment), world=WORLD)
        asked.append(posed.ask(slice(0, posed.shots))[0].views)
    assert torch.equal(*asked)
