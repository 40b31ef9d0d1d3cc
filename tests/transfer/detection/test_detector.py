"""The whole detector, where torchvision's compiled operators work; docs/detection.md says how to get them.

These tests are skipped, with this reason, where they do not: beside the CPU build of torch that `make test` uses.
"""

import json

import pytest
import torch
from safetensors.torch import load_file
from tests.reference.compiled_operators import WHY_NOT, detection_works
from tests.reference.voc_world import draw_world

from vivi import cli
from vivi.core.checkpoint import checkpoints
from vivi.core.run_state import RunState
from vivi.core.seeds import torch_generator
from vivi.nn.export import LoadedEncoder, save_encoder
from vivi.nn.norm import GroupNormWS
from vivi.nn.resnet_v2 import ResNetV2
from vivi.transfer.detection.batches import training_batches
from vivi.transfer.detection.detector import build_detector
from vivi.transfer.detection.pictures import load_pixels
from vivi.transfer.detection.recipe import chosen
from vivi.transfer.detection.step import find, learn
from vivi.transfer.detection.voc import read_list

pytestmark = pytest.mark.skipif(not detection_works(), reason=WHY_NOT)

CPU = torch.device("cpu")
SMALL = (
    "batch=4",
    "short_sides=[80,96]",
    "long_side=144",
    "anchor_sides=[12,16,24,32,48]",
    "pyramid_channels=16",
    "head_features=32",
    "proposals=60",
    "regions=32",
    "frozen_norm=false",
)


def words(encoder, world, out, *, steps, more=()):
    settings = [word for each in (*SMALL, *more) for word in ("--set", each)]
    fixed = ["--data", str(world), "--out", str(out), "--steps", str(steps), "--device", "cpu", "--workers", "1"]
    return ["detect", str(encoder), *fixed, *settings]


def start(norm=None, *more):
    config = ResNetV2(depth=18, width=0.125) if norm is None else ResNetV2(depth=18, width=0.125, norm=norm)
    module = config.build(generator=torch_generator(0, step=0, purpose="test"))
    encoder = LoadedEncoder(module, config=config, image_size=32, name="tiny", details={}, fingerprint="0" * 12)
    recipe = chosen(assignments=["schedule.steps=40", "schedule.warmup=0", "schedule.decays=[]", *SMALL, *more])
    model = build_detector(encoder, recipe=recipe, classes=3)
    return RunState(model=model, optimiser=recipe.optimiser.build(model), step=0, interval={}), recipe


@pytest.mark.parametrize("norm", [None, GroupNormWS(groups=4)], ids=["batch norm", "group norm"])
def test_a_step_moves_every_parameter_and_lowers_the_loss(world, norm):
    state, recipe = start(norm, "optimiser.learning_rate=0.2")
    before = {name: value.clone() for name, value in state.model.named_parameters()}
    found = read_list(world, "trainval")
    batches = training_batches(found, classes=found.classes, recipe=recipe, first=0, workers=1)
    losses = [learn(state, next(batches), recipe=recipe, device=CPU) for _ in range(12)]
    batches.close()
    assert set(losses[0]) == {"loss", "loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"}
    totals = [float(each["loss"]) for each in losses]
    assert totals[0] == pytest.approx(sum(float(value) for name, value in losses[0].items() if name != "loss"))
    assert sum(totals[-3:]) < 0.8 * sum(totals[:3])
    still = [name for name, value in state.model.named_parameters() if torch.equal(value, before[name])]
    assert still == []


def test_boxes_are_in_pixels_of_the_stored_image(world):
    state, _ = start()
    state.model.eval()
    state.model.roi_heads.score_thresh = 0.0
    image = read_list(world, "test").images[0]
    found = find(state.model, load_pixels(image), device=CPU)
    height, width = image.annotation.height, image.annotation.width
    assert len(found.boxes_D4) == len(found.labels_D) == len(found.scores_D) > 0
    assert set(found.labels_D.tolist()) <= {1, 2, 3}
    assert (found.boxes_D4 >= 0).all() and (found.boxes_D4 <= torch.tensor([width, height] * 2)).all()
    assert found.boxes_D4[:, 2].max() > 0.8 * width and found.boxes_D4[:, 3].max() > 0.8 * height


def test_a_resumed_run_equals_an_unbroken_one(encoder_folder, world, tmp_path):
    """Sizes, anchors and regions are drawn by torchvision: a resumed run draws the same ones."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert cli.main(words(encoder_folder, world, whole, steps=6)) == 0
    assert cli.main([*words(encoder_folder, world, broken, steps=6), "--save-every", "3"]) == 0
    first, last = checkpoints(broken / "checkpoints")
    unbroken = load_file(checkpoints(whole / "checkpoints")[-1] / "state.safetensors")
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    (broken / "detection.json").unlink()
    assert first.name == "step-00000003"
    assert cli.main(words(encoder_folder, world, broken, steps=6)) == 0
    resumed = load_file(checkpoints(broken / "checkpoints")[-1] / "state.safetensors")
    assert unbroken.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[name]) for name, value in unbroken.items())
    one, other = (json.loads((each / "detection.json").read_text()) for each in (whole, broken))
    assert {**one, "seconds": None} == {**other, "seconds": None}


def test_the_table_shows_what_the_file_says(encoder_folder, world, tmp_path, capsys):
    assert cli.main(words(encoder_folder, world, tmp_path / "run", steps=0)) == 0
    shown = capsys.readouterr().out
    result = json.loads((tmp_path / "run" / "detection.json").read_text())
    assert result["ap50"] < 0.1
    for word in ("disc", "square", "triangle", "AP50", f"{result['ap50']:.1%}", "supplement", "detection.json"):
        assert word in shown


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_trained_detector_finds_what_an_untrained_one_does_not(tmp_path):
    """Some minutes on one core: three shapes of any colour, 450 steps of 8 images."""
    world = draw_world(tmp_path / "world", train=400, test=100)
    config = ResNetV2(depth=18, width=0.25)
    module = config.build(generator=torch_generator(0, step=0, purpose="test"))
    save_encoder(tmp_path / "encoder", module, encoder=config, image_size=64, name="Tiny", card="-", details={})
    more = ("batch=8", "short_sides=[96]", "pyramid_channels=64", "head_features=128", "proposals=100", "regions=64")
    more = (*more, "optimiser.learning_rate=0.1", "schedule.warmup=20")
    found = {}
    for steps in (0, 450):
        extra = more if steps else more[:-1]
        assert cli.main(words(tmp_path / "encoder", world, tmp_path / f"{steps}", steps=steps, more=extra)) == 0
        found[steps] = json.loads((tmp_path / f"{steps}" / "detection.json").read_text())
    assert found[0]["ap50"] < 0.1
    assert found[450]["ap50"] > 0.5 and found[450]["ap75"] > 0.25
