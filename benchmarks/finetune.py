"""How fast fine-tuning is beside a bare training loop, and training a sweep's heads at once beside one after the other.

    python benchmarks/finetune.py

First table: images a second of `vivi.transfer.vtab.finetune.finetune` on 1000 images in memory, and of a loop that does
nothing but draw rows, encode, go back and update the same network; the goal is a ratio of at least 0.95. Second table:
head updates a second for the four heads of VTAB's sweep on frozen features. Both take turns in one process; ratios are
of turns that follow one another, and their median counts. On the CPU a second is one of CPU time.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from vivi.core.seeds import torch_generator
from vivi.nn.norm import commit_running_averages
from vivi.nn.resnet_v2 import ResNetV2
from vivi.transfer.vtab.backbones import OURS, Backbone, scaled
from vivi.transfer.vtab.finetune import Precision, finetune, zero_head
from vivi.transfer.vtab.heads import HeadRun, train_heads
from vivi.transfer.vtab.image_sets import ResidentImages
from vivi.transfer.vtab.recipe import Recipe, SGDSetting
from vivi.transfer.vtab.shuffled import ShuffledStream

EXAMPLES, CLASSES = 1000, 100
RATE = 0.01
RATES, SHARES = (0.1, 0.01), (0.25, 1.0)


def backbone_of(config: ResNetV2, *, device: torch.device) -> Backbone:
    """With random weights."""
    module = config.build(generator=torch_generator(0, step=0, purpose="benchmark"))
    made = Backbone(
        spec="benchmark",
        name="benchmark",
        module=module,
        feature_dim=config.feature_dim,
        fingerprint="",
        image_size=None,
        preprocess=scaled,
        preprocessing=OURS,
    )
    return made.to(device)


def ours(
    backbone: Backbone, images_NCSS: Tensor, labels_N: Tensor, *, batch: int, steps: int, precision: Precision
) -> None:
    finetune(
        backbone,
        train=ResidentImages(images_NCSS, labels_N, ()),
        judged=ResidentImages(images_NCSS[:1], labels_N[:1], ()),
        classes=CLASSES,
        setting=SGDSetting(RATE, steps),
        recipe=Recipe(batch=batch),
        precision=precision,
        seed=0,
        purpose="benchmark",
    )


def bare(
    backbone: Backbone, images_NCSS: Tensor, labels_N: Tensor, *, batch: int, steps: int, precision: Precision
) -> None:
    module, device = backbone.module.train(), labels_N.device
    encode = precision.training_pass(device)
    head = zero_head(backbone.feature_dim, CLASSES).to(device)
    optimiser = torch.optim.SGD([*module.parameters(), *head.parameters()], lr=RATE, momentum=0.9)
    for _ in range(steps):
        rows_B = torch.randint(len(labels_N), (batch,), device=device)
        features_BD = encode(module, images_NCSS[rows_B].float() / 127.5 - 1)
        loss = functional.cross_entropy(head(features_BD), labels_N[rows_B])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        commit_running_averages(module)


def heads_at_once(features_ND: Tensor, labels_N: Tensor, *, runs: list[HeadRun]) -> None:
    train_heads(features_ND, labels_N=labels_N, classes=CLASSES, runs=runs, recipe=Recipe())


def heads_in_turn(features_ND: Tensor, labels_N: Tensor, *, runs: list[HeadRun]) -> None:
    for run in runs:
        train_heads(features_ND, labels_N=labels_N, classes=CLASSES, runs=[run], recipe=Recipe())


def seconds(work: Callable[[], None], *, device: torch.device) -> float:
    """Of the processor where that does the work, so that other load on the machine matters little; else of the wall."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    began = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - began


def turns(
    contenders: Mapping[str, Callable[[], None]],
    *,
    repeats: int,
    device: torch.device,
    before: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Seconds of each contender in each turn, after one turn to warm up; who begins alternates.

    `before` is done before each and not counted.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats + 1):
        for name in list(contenders)[:: 1 if turn % 2 else -1]:
            before()
            took = seconds(contenders[name], device=device)
            found[name] += [took] if turn else []
    return found


def show(title: str, found: dict[str, list[float]], *, base: str, amount: float, unit: str) -> None:
    print(f"{title:40}{unit:>16}{f'of {base}':>26}{'least':>8}{'most':>8}")
    for name, values in found.items():
        ratios = [b / a for a, b in zip(values, found[base], strict=True)]
        speed = amount / statistics.median(values)
        print(
            f"{name:40}{speed:16.1f}{statistics.median(ratios):26.3f}{min(ratios):8.3f}{max(ratios):8.3f}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=48, help="pixels of a side")
    parser.add_argument("--depth", type=int, default=18, help="of the ResNet")
    parser.add_argument("--width", type=float, default=0.25, help="of the ResNet")
    parser.add_argument("--batch", type=int, default=64, help="images of a step")
    parser.add_argument("--steps", type=int, default=40, help="of a turn")
    parser.add_argument("--dim", type=int, default=512, help="features of a frozen encoder")
    parser.add_argument("--head-steps", type=int, default=100, help="of the longest head; the shorter ones a quarter")
    parser.add_argument("--repeats", type=int, default=9, help="turns")
    parser.add_argument("--threads", type=int, default=1, help="on the CPU")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    random = torch.Generator().manual_seed(0)
    side = options.size
    images_NCSS = torch.randint(0, 256, (EXAMPLES, 3, side, side), dtype=torch.uint8, generator=random).to(device)
    labels_N = torch.randint(0, CLASSES, (EXAMPLES,), generator=random).to(device)
    backbone = backbone_of(ResNetV2(depth=options.depth, width=options.width), device=device)
    given = {"batch": options.batch, "steps": options.steps, "precision": Precision()}
    loops: dict[str, Callable[[], None]] = {
        "bare loop": lambda: bare(backbone, images_NCSS, labels_N, **given),
        "vivi": lambda: ours(backbone, images_NCSS, labels_N, **given),
    }
    title = f"ResNet-{options.depth} x {options.width:g}, {side} pixels, batch {options.batch}"
    weights = {name: each.clone() for name, each in backbone.module.state_dict().items()}
    found = turns(
        loops, repeats=options.repeats, device=device, before=lambda: backbone.module.load_state_dict(weights)
    )
    show(title, found, base="bare loop", amount=options.batch * options.steps, unit="images/s")

    features_ND = torch.randn(EXAMPLES, options.dim, generator=random).to(device)
    stream = ShuffledStream(EXAMPLES, batch=Recipe().batch, seed=0, purpose="benchmark")
    runs = [
        HeadRun(SGDSetting(rate, round(options.head_steps * share)), stream)
        for rate, share in itertools.product(RATES, SHARES)
    ]
    sweeps: dict[str, Callable[[], None]] = {
        "one after the other": lambda: heads_in_turn(features_ND, labels_N, runs=runs),
        "at once": lambda: heads_at_once(features_ND, labels_N, runs=runs),
    }
    steps = sum(run.setting.steps for run in runs)
    print()
    found = turns(sweeps, repeats=options.repeats, device=device)
    show(f"4 heads, {options.dim} features", found, base="one after the other", amount=steps, unit="head steps/s")


if __name__ == "__main__":
    main()
