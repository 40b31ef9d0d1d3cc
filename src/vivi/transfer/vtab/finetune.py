"""One fine-tuning run: the whole network and a new linear head on a task's images, then judged on images of its own.

Source: google-research/task_adaptation, trainer.py, model.py, adapt_and_eval.py, data/base.py.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional

from vivi.core.config import config
from vivi.core.errors import ViviError
from vivi.core.seeds import rng
from vivi.nn import encoder_pass
from vivi.nn.encoder_pass import EncoderPass
from vivi.nn.norm import commit_running_averages
from vivi.optim import SGD, set_learning_rate
from vivi.transfer.vtab.backbones import Backbone, preserved
from vivi.transfer.vtab.curve import Curve, Sums
from vivi.transfer.vtab.heads import named_classes
from vivi.transfer.vtab.image_sets import ImageSet, require_readable
from vivi.transfer.vtab.recipe import Recipe, SGDSetting
from vivi.transfer.vtab.shuffled import ShuffledStream


@config
class Precision:
    """What is done for speed on a GPU; on the CPU everything is float32 and as written."""

    bf16: bool = True
    """Autocast to bfloat16; parameters, batch statistics, head and loss stay float32."""
    compile: bool = True
    """Compile the training pass of the backbone with torch.compile."""

    def training_pass(self, device: torch.device) -> EncoderPass:
        """How the backbone is passed while it is trained; one process compiles it once."""
        on_gpu = device.type == "cuda"
        return _encoder_pass(bf16=self.bf16 and on_gpu, compiled=self.compile and on_gpu)

    def judging_pass(self, device: torch.device) -> EncoderPass:
        """The same, never compiled."""
        return _encoder_pass(bf16=self.bf16 and device.type == "cuda", compiled=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one run found: a network or a head, judged."""

    correct: int
    total: int
    """Images to judge on; one that cannot be read counts as wrong."""
    curve: tuple[tuple[int, float | None, float], ...]
    """(steps done, mean loss and accuracy on the training batches since the point before); a loss that is not finite
    is None."""
    diverged: bool
    """Whether the loss was infinite or undefined at some point; training then ended there. Undefined logits are wrong
    answers, so such a run is chosen only where no other is better."""
    unreadable: tuple[tuple[str, str], ...]
    """Name and reason of images that could not be read, to learn from or to judge on."""

    @property
    def accuracy(self) -> float:
        """0 to 1."""
        return self.correct / self.total


def finetune(
    backbone: Backbone,
    *,
    train: ImageSet,
    judged: ImageSet,
    classes: int,
    setting: SGDSetting,
    recipe: Recipe,
    precision: Precision,
    seed: int,
    purpose: str,
) -> Finding:
    """Train the backbone and a linear head that starts at zero, and judge the last state; the backbone stays as it was.

    No augmentation; batch norm in training mode, the whole batch one norm group, running averages moved every step.

    Args:
        backbone: on the device where to train.
        train: images to learn from.
        judged: images to judge on; never looked at before training ends.
        classes: C.
        setting: learning rate and steps.
        recipe: all else about training.
        precision: what is done for speed.
        seed: with `purpose`, decides the order of the images, and dropout where the backbone has any.
        purpose: distinct for runs that are to be independent.

    Raises:
        ViviError: nothing to learn from or to judge on, or what the user can mend about memory and torch.compile.
    """
    if not judged.count:
        require_readable(judged)
    device = _device(backbone.module)
    stream = stream_of(train, recipe=recipe, seed=seed, purpose=purpose)
    with preserved(backbone.module), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(rng(seed, step=0, purpose=f"{purpose}/dropout").integers(2**63)))
        head = zero_head(backbone.feature_dim, classes).to(device)
        try:
            curve = _train(
                backbone, head, train=train, stream=stream, setting=setting, recipe=recipe, precision=precision
            )
        except torch.OutOfMemoryError as error:
            raise ViviError(
                f"no memory for batches of {recipe.batch} images: take another GPU, or --set recipe.batch=N, which is "
                "another protocol"
            ) from error
        except torch._dynamo.exc.TorchDynamoException as error:
            kind = type(error).__name__
            raise ViviError(f"torch.compile fails here ({kind}): --set mode.precision.compile=false") from error
        correct = _count_correct(backbone, head, judged=judged, precision=precision, batch=recipe.batch)
    require_readable(judged)
    return Finding(
        correct=correct,
        total=judged.total,
        curve=tuple(curve.points),
        diverged=curve.diverged,
        unreadable=(*train.unreadable, *judged.unreadable),
    )


def stream_of(train: ImageSet, *, recipe: Recipe, seed: int, purpose: str) -> ShuffledStream:
    """The order of the training images.

    Raises:
        ViviError: there are none.
    """
    if not train.count:
        name, reason = train.unreadable[0] if train.unreadable else ("none", "the list is empty")
        raise ViviError(f"none of {train.total} training images can be read; the first, {name}: {reason}")
    return ShuffledStream(train.count, batch=recipe.batch, seed=seed, purpose=purpose, buffer=recipe.buffer)


def zero_head(feature_dim: int, classes: int) -> nn.Linear:
    """features_BD -> logits_BC; weight and bias are 0."""
    head = nn.Linear(feature_dim, classes)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def _train(
    backbone: Backbone,
    head: nn.Linear,
    *,
    train: ImageSet,
    stream: ShuffledStream,
    setting: SGDSetting,
    recipe: Recipe,
    precision: Precision,
) -> Curve:
    device = _device(head)
    module = backbone.module.train()
    encode = precision.training_pass(device)
    optimiser = SGD(
        learning_rate=setting.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    ).build(nn.ModuleList([module, head]))
    curve, sums = Curve(setting.steps), Sums(1, device=device)
    for step, (images_BCSS, labels_B) in enumerate(train.drawn(stream.batches(setting.steps))):
        set_learning_rate(optimiser, rate=recipe.rate(step, setting=setting))
        logits_BC = head(encode(module, backbone.preprocess(images_BCSS)))
        loss = functional.cross_entropy(logits_BC, labels_B)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        commit_running_averages(module)
        right = (logits_BC.detach().argmax(dim=1) == labels_B).double().mean()
        sums.add(loss.detach()[None], accuracies_H=right[None])
        if curve.is_due(step + 1):
            curve.add(step + 1, *sums.means(0))
        if curve.diverged:
            break
    return curve


@torch.no_grad()
def _count_correct(backbone: Backbone, head: nn.Linear, *, judged: ImageSet, precision: Precision, batch: int) -> int:
    device = _device(head)
    module, encode = backbone.module.eval(), precision.judging_pass(device)
    right = torch.zeros((), dtype=torch.int64, device=device)
    for images_BCSS, labels_B in judged.once(batch=batch):
        right += (named_classes(head(encode(module, backbone.preprocess(images_BCSS)))) == labels_B).sum()
    return int(right)


def _device(module: nn.Module) -> torch.device:
    return next((each.device for each in module.parameters()), torch.device("cpu"))


@lru_cache(maxsize=4)
def _encoder_pass(*, bf16: bool, compiled: bool) -> EncoderPass:
    kinds = encoder_pass.Precision
    return EncoderPass(precision=kinds.BF16 if bf16 else kinds.FP32, compiled=compiled)
