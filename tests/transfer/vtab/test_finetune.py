"""One run against a plain loop written out with torch.optim; schedule, curve, divergence."""

import itertools
import math

import numpy as np
import pytest
import torch
from tests.reference.tiny_networks import FLAT, PLAIN
from tests.reference.tiny_tasks import examples
from torch.nn import functional

from vivi.core.config import override
from vivi.core.errors import ViviError
from vivi.transfer.vtab.backbones import Backbone, open_backbone
from vivi.transfer.vtab.finetune import Finding, Precision, finetune
from vivi.transfer.vtab.image_sets import ImageSet, image_set
from vivi.transfer.vtab.modes import FineTuning
from vivi.transfer.vtab.pixels import Squash
from vivi.transfer.vtab.protocol import VtabProtocol
from vivi.transfer.vtab.recipe import Recipe, SGDSetting
from vivi.transfer.vtab.shuffled import ShuffledStream

RECIPE = Recipe(batch=8, buffer=30)
SETTING = SGDSetting(0.05, 20)
TRAIN = examples(np.arange(24) % 3)
TEST = examples(np.arange(12) % 3, part="test", bad=(4,))


def images(source, *, resident: int = 100) -> ImageSet:
    return image_set(source, squash=Squash(8), threads=1, device=torch.device("cpu"), resident=resident)


def run(backbone: Backbone, *, recipe: Recipe = RECIPE, setting: SGDSetting = SETTING, **sets: ImageSet) -> Finding:
    sets = {"train": images(TRAIN), "judged": images(TEST)} | sets
    return finetune(
        backbone, **sets, classes=3, setting=setting, recipe=recipe, precision=Precision(), seed=5, purpose="p"
    )


def plain_loop(spec: str, *, weight_decay: float, warmup: int) -> tuple[int, list[float]]:
    """The same written out: what it gets right, and the loss of every step."""
    module = open_backbone(spec).module.train()
    squash, steps = Squash(8), SETTING.steps
    if spec == FLAT:  # torch's batch norm with the same numbers: the whole batch is one norm group
        theirs = torch.nn.BatchNorm2d(6, momentum=module.norm.momentum, eps=module.norm.eps)
        module.norm = theirs
    head = torch.nn.Linear(6, 3)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    matrices = [module.conv.weight, head.weight]
    others = [module.norm.weight, module.norm.bias, head.bias]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=1.0, momentum=0.9, nesterov=False)
    losses = []
    order = ShuffledStream(24, batch=8, seed=5, purpose="p", buffer=30).batches(steps)
    for step, positions in enumerate(order):
        rate = 0.05 * 0.1 ** ((step > 6) + (step > 12) + (step > 18))
        for group in optimiser.param_groups:
            group["lr"] = 0.05 * step / warmup if step < warmup else rate
        pixels = torch.tensor(np.stack([squash(TRAIN.read(at)) for at in positions]))
        loss = functional.cross_entropy(
            head(module(pixels.float() / 127.5 - 1)), torch.tensor(TRAIN.labels_N[positions])
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    module.eval()
    readable = [at for at in range(12) if at != 4]
    pixels = torch.tensor(np.stack([squash(TEST.read(at)) for at in readable]))
    with torch.no_grad():
        named = head(module(pixels.float() / 127.5 - 1)).argmax(dim=1)
    return int((named.numpy() == TEST.labels_N[readable]).sum()), losses


@pytest.mark.parametrize("spec", [FLAT, PLAIN])
@pytest.mark.parametrize(("weight_decay", "warmup"), [(0.0, 0), (0.03, 5)])
@pytest.mark.parametrize("resident", [100, 0])
def test_equals_a_plain_loop(spec: str, weight_decay: float, warmup: int, resident: int) -> None:
    recipe = Recipe(batch=8, buffer=30, weight_decay=weight_decay, warmup=warmup)
    found = run(open_backbone(spec), recipe=recipe, train=images(TRAIN, resident=resident))
    correct, losses = plain_loop(spec, weight_decay=weight_decay, warmup=warmup)
    assert (found.correct, found.total, found.diverged) == (correct, 12, False)
    assert found.unreadable == (("test/4.png", "damaged (for the test)"),)
    assert [step for step, *_ in found.curve] == list(range(1, 21))
    assert [loss for _, loss, _ in found.curve] == pytest.approx(losses, rel=1e-4)
    assert found.curve[0][1] == pytest.approx(math.log(3))  # the head starts at zero


def test_it_learns_and_leaves_the_backbone_as_it_was() -> None:
    backbone = open_backbone(FLAT)
    before = {name: each.clone() for name, each in backbone.module.state_dict().items()}
    found = run(backbone, setting=SGDSetting(0.1, 200), judged=images(TRAIN))
    assert found.accuracy > 0.9
    assert all(torch.equal(before[name], each) for name, each in backbone.module.state_dict().items())
    assert run(backbone, setting=SGDSetting(0.1, 200), judged=images(TRAIN)) == found


def test_torch_compile_gives_the_same_run_and_compiles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is traced as on a GPU, but run without generated code; the second run takes the graph of the first."""
    backbone = open_backbone(FLAT)
    traced = torch.compile(backbone.module, backend="eager", fullgraph=True)
    monkeypatch.setattr(
        Precision, "training_pass", lambda self, device: lambda module, images_BCHW: traced(images_BCHW)
    )
    correct, losses = plain_loop(FLAT, weight_decay=0.0, warmup=0)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for found in (run(backbone), run(backbone)):
            assert [loss for _, loss, _ in found.curve] == pytest.approx(losses, rel=1e-4)
            assert found.correct == correct


def test_the_curve_has_about_twenty_points_of_means() -> None:
    long = run(open_backbone(FLAT), setting=SGDSetting(0.01, 90))
    each = run(open_backbone(FLAT), setting=SGDSetting(0.01, 20))
    assert [step for step, *_ in long.curve] == [round(4.5 * number) for number in range(1, 21)]
    assert len(run(open_backbone(FLAT), setting=SGDSetting(0.01, 3)).curve) == 3
    first = [loss for _, loss, _ in each.curve[:4]]
    assert long.curve[0][1] == pytest.approx(sum(first) / 4, rel=1e-4)


def test_divergence_is_a_result() -> None:
    found = run(open_backbone(FLAT), setting=SGDSetting(1e30, 50))
    assert found.diverged and found.curve[-1][1] is None
    assert len(found.curve) < 20
    assert (found.correct, found.total) == (0, 12)  # undefined logits name no class, not class 0


def test_nothing_to_learn_from_is_said() -> None:
    nothing = images(examples([0, 1], bad=(0, 1)))
    with pytest.raises(ViviError, match=r"none of 2 training images can be read; the first, train/0.png: damaged"):
        run(open_backbone(FLAT), train=nothing)


@pytest.mark.parametrize("resident", [100, 0])
def test_a_run_of_which_no_image_to_judge_on_can_be_read_has_no_result(
    resident: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a disk of the network is away: a kept 0 % would never be tried again."""
    if resident:  # known before the training, which is then not begun
        monkeypatch.setattr("vivi.transfer.vtab.finetune._train", None)
    nothing = images(examples([0, 1], part="test", bad=(0, 1)), resident=resident)
    with pytest.raises(ViviError, match=r"none of 2 images to judge on can be read; the first, test/0.png: damaged"):
        run(open_backbone(FLAT), judged=nothing)


def test_unreadable_training_images_are_left_out_of_the_order() -> None:
    without = run(open_backbone(FLAT), train=images(examples(np.arange(24) % 3, bad=(23,))))
    assert without.unreadable[0][0] == "train/23.png"
    shorter = run(open_backbone(FLAT), train=images(TRAIN.first(23)))
    assert without.curve == shorter.curve


def test_no_memory_names_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = open_backbone(FLAT)

    def full(_: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(backbone.module, "forward", full)
    with pytest.raises(ViviError, match=r"no memory for batches of 8 images: .*recipe\.batch"):
        run(backbone)


def test_a_network_that_torch_cannot_compile_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Precision, device: torch.device) -> None:
        raise torch._dynamo.exc.TorchDynamoException("no graph")

    monkeypatch.setattr(Precision, "training_pass", broken)
    with pytest.raises(ViviError, match=r"torch\.compile fails here .*: --set (\S+)") as caught:
        run(open_backbone(FLAT))
    setting = str(caught.value).rpartition("--set ")[2]
    mode = override(VtabProtocol(), [setting]).mode
    assert isinstance(mode, FineTuning) and not mode.precision.compile


def test_the_rate_falls_after_the_updates_that_have_the_numbers_of_the_boundaries() -> None:
    """tf.compat.v1.train.piecewise_constant: values[0] for x <= boundaries[0]."""
    setting = SGDSetting(0.01, 2500)
    rates = [Recipe().rate(step, setting=setting) for step in range(2500)]
    falls = [step for step, (a, b) in enumerate(itertools.pairwise(rates), start=1) if b < a]
    assert falls == [751, 1501, 2251]
    assert rates[0] == 0.01 and rates[-1] == pytest.approx(1e-5)


def test_warm_up_starts_from_nothing() -> None:
    """google-research/task_adaptation, trainer.py: step * rate / steps of the warm-up."""
    recipe = Recipe(warmup=80)
    rates = [recipe.rate(step, setting=SGDSetting(0.01, 1000)) for step in range(82)]
    assert rates[0] == 0 and rates[40] == pytest.approx(0.005) and rates[80] == rates[81] == 0.01
