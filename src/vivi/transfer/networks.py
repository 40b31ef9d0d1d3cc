"""A trained encoder and its random twins look at the same images."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.data.image_file import printable
from vivi.data.images import ImageFolder
from vivi.nn.export import LoadedEncoder, random_twin
from vivi.probe import encode, finite
from vivi.transfer.classified import best_classes
from vivi.transfer.pictures import PictureBatch, read_pictures

Progress = Callable[[int, int], None]
"""Called with the number of images done and the number of all."""
TWIN = "the same network with fresh random weights; batch norm's running averages are the initial 0 and 1"
"""What a random twin is, in words for results."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network under judgement: the trained one, or a random twin."""

    weights: str
    """"trained" or "random"."""
    details: dict[str, Any]
    module: LoadedEncoder


@dataclass(frozen=True, slots=True)
class Encoded:
    """Features of every readable image of a folder, for each network: P images, D features."""

    features_PD: tuple[Tensor, ...]
    """One tensor for each network."""
    row_of: dict[str, int]
    """From the path of an image to its row."""
    best_of: dict[str, Tensor]
    """From the path of an image to the classes that the classifier of the first network names, see `best_classes`;
    only of the images for which that was asked."""
    skipped: tuple[dict[str, str], ...]
    """Path and reason of every file that gave no image."""


def judged_networks(trained: LoadedEncoder, *, seeds: Sequence[int], device: torch.device | str) -> tuple[Network, ...]:
    """The trained encoder and a random twin for each seed, on `device`."""
    twins = [Network("random", {"random_seed": seed}, random_twin(trained, seed=seed)) for seed in seeds]
    networks = (Network("trained", {}, trained), *twins)
    for network in networks:
        network.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return networks


def encode_folder(
    networks: tuple[Network, ...],
    *,
    folders: list[ImageFolder],
    size: int,
    batch: int,
    device: torch.device | str,
    progress: Progress | None,
    classified: Collection[str] = (),
) -> Encoded:
    """Read every image of the folders, which share a root, once and show it to every network.

    Args:
        networks: the trained one first.
        folders: splits of the same images.
        size: S, pixels of a side.
        batch: images encoded at once.
        device: where the networks are.
        progress: called after each batch.
        classified: paths of images whose centre crops the first network's classifier is to name.

    Raises:
        ViviError: no image can be read, or features or logits are not finite.
    """
    root = folders[0].root
    paths = sorted({image.path for folder in folders for image in (*folder.train, *folder.test)})
    centred = {at for at, path in enumerate(paths) if path in classified}
    parts: tuple[list[Tensor], ...] = tuple([] for _ in networks)
    read: list[int] = []
    best: list[Tensor] = []
    broken: list[tuple[int, str]] = []
    for group in read_pictures([root / path for path in paths], centred=centred, size=size, batch=batch):
        read += group.positions_B
        broken += group.broken
        for network, part in zip(networks, parts, strict=True):
            if group.positions_B:
                part.append(encode(network.module, group.images_BCHW, device=device))
        best += _best(networks[0].module, group, device=device)
        if progress is not None:
            progress(len(read) + len(broken), len(paths))
    if not read:
        raise ViviError(f"{root}: none of its {len(paths)} images can be read; the first, {paths[0]}: {broken[0][1]}")
    return Encoded(
        features_PD=tuple(finite(torch.cat(part)) for part in parts),
        row_of={paths[at]: row for row, at in enumerate(read)},
        best_of={paths[at]: best_T for at, best_T in zip(sorted(centred & set(read)), best, strict=True)},
        skipped=tuple({"path": printable(paths[at]), "reason": reason} for at, reason in broken),
    )


def _best(trained: LoadedEncoder, group: PictureBatch, *, device: torch.device | str) -> list[Tensor]:
    """What the classifier names for each centre crop of a batch."""
    return list(best_classes(trained, group.crops_FCHW, device=device)) if group.centred_F else []
