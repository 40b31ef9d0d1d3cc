"""What an encoder's own classifier, trained with it, says about test images: top-1 and top-5, as on ImageNet.

Source of the input: google/revisiting-self-supervised, config/evaluation (shorter side 256, centre crop 224).
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.data.image_file import printable
from vivi.nn.classifier import Classifier
from vivi.nn.export import LoadedEncoder

TOP = 5
"""Classes that the classifier may name for an image."""
_SHOWN = 3


def rows_of_classes(classifier: Classifier | None, *, classes: Sequence[str]) -> Tensor | None:
    """For each class of a folder the row of the classifier that has its name, int64; None where one is missing."""
    row_of = {} if classifier is None else {name: row for row, name in enumerate(classifier.classes)}
    rows = [row_of.get(printable(name)) for name in classes]
    return None if None in rows else torch.tensor(rows)


def remarks(classifier: Classifier | None, *, classes: Sequence[str]) -> Iterator[str]:
    """Why top-1 or top-5 are not given for a folder with these classes; nothing for an encoder without classifier."""
    if classifier is None:
        return
    known = len(classifier.classes)
    missing = [printable(name) for name in classes if printable(name) not in set(classifier.classes)]
    if len(missing) == len(classes):
        yield (
            f"No top-1: none of the folder's {len(classes)} classes ({_listed(missing)}) has a name among the {known} "
            f"that the encoder's classifier knows ({_listed(classifier.classes)})"
        )
    elif missing:
        yield (
            f"No top-1: the encoder's classifier does not know {len(missing)} of the folder's {len(classes)} classes "
            f"({_listed(missing)})"
        )
    elif known <= TOP:
        yield f"No top-{TOP}: the encoder's classifier knows {known} classes, it would have to know {TOP + 1}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")


@torch.inference_mode()
def best_classes(encoder: LoadedEncoder, images_BCHW: Tensor, *, device: torch.device | str) -> Tensor:
    """The rows of the classifier with the largest logits, best first; of equal ones the first row.

    Args:
        encoder: with a classifier, in evaluation mode, on `device`.
        images_BCHW: uint8, RGB.
        device: where to compute.

    Returns:
        int64 best_BT on the CPU, T = 5 or all classes if there are fewer.

    Raises:
        ViviError: a logit is not finite.
    """
    images_BCHW = images_BCHW.to(device=device, memory_format=torch.channels_last)
    logits_BC = encoder.logits(encoder.preprocess(images_BCHW)).to(device="cpu", dtype=torch.float32)
    if bad := int((~logits_BC.isfinite()).any(dim=1).sum()):
        raise ViviError(
            f"the encoder's classifier gives infinite or undefined logits for {bad} of {len(logits_BC)} images: "
            "its training has diverged, use an earlier checkpoint"
        )
    return logits_BC.argsort(dim=1, descending=True, stable=True)[:, :TOP]
