"""Quick evaluation: what frozen features tell about labelled images, beside the same network with random weights."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.core.files import check_output, write_json
from vivi.core.seeds import rng
from vivi.data.image_file import PREPROCESSING, printable
from vivi.data.images import ImageFolder, LabelledImage
from vivi.nn.export import LoadedEncoder, load_encoder
from vivi.probe import NEIGHBOURS, TEMPERATURE, clopper_pearson, knn, nearest
from vivi.transfer.classified import TOP, remarks, rows_of_classes
from vivi.transfer.logistic import logistic
from vivi.transfer.mistakes import mistakes
from vivi.transfer.networks import TWIN, Encoded, Network, Progress, encode_folder, judged_networks
from vivi.transfer.pictures import CENTRE_CROP
from vivi.transfer.scores import Score, Scores

NEAREST = 5
"""Neighbours shown for a query."""


@dataclass(frozen=True, slots=True)
class _Split:
    """One split of the readable images: N for training, M for testing."""

    seed: int
    train: list[LabelledImage]
    test: list[LabelledImage]
    train_rows_N: Tensor
    test_rows_M: Tensor
    train_labels_N: Tensor
    test_labels_M: Tensor


def evaluate(
    encoder: Path,
    *,
    data: Path,
    out: Path | None = None,
    seed: int = 0,
    splits: int = 1,
    twins: int = 1,
    max_train: int | None = None,
    max_test: int | None = None,
    k: int = NEIGHBOURS,
    queries: int = 6,
    batch: int = 64,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Scores:
    """Judge an encoder by weighted kNN and logistic regression on its frozen features.

    Images are squashed to the encoder's own size. The random twin has the same network with freshly drawn weights;
    its batch norms keep the running averages they are born with (0 and 1), nothing in it has seen an image.

    Where the encoder has a classifier that knows all classes of the folder by name, its top-1 and top-5 among all
    classes that it knows are given too, on centre crops of the test images. They mean what they say only if it was
    not trained on these images.

    Args:
        encoder: encoder folder.
        data: labelled images, see `ImageFolder.open`.
        out: where scores.json is written, a file name; None for nowhere.
        seed: decides the split where the folder has none, what the caps keep, the choice of C, the random weights.
        splits: how many seeds from `seed` on to split with; each gives a full set of results.
        twins: how many random networks, from `seed` on.
        max_train: training images of a class at most.
        max_test: test images of a class at most.
        k: neighbours of kNN, at most the number of training images.
        queries: test images to show with their nearest training images.
        batch: images encoded at once.
        device: where to encode.
        progress: called after each batch.

    Raises:
        ViviError: no usable encoder (CheckpointError), no usable images, or features that are not finite.
    """
    _check_positive(splits=splits, twins=twins, k=k)
    if out is not None:
        check_output(out)
    started = time.perf_counter()
    seeds = range(seed, seed + splits)
    trained = load_encoder(encoder)
    folders = [ImageFolder.open(data, seed=each, max_train=max_train, max_test=max_test) for each in seeds]
    rows_C = rows_of_classes(trained.classifier, classes=folders[0].classes)
    networks = judged_networks(trained, seeds=range(seed, seed + twins), device=device)
    encoded = encode_folder(
        networks,
        folders=folders,
        size=trained.image_size,
        batch=batch,
        device=device,
        progress=progress,
        classified=set() if rows_C is None else {image.path for folder in folders for image in folder.test},
    )
    encoding = time.perf_counter() - started
    parts = [_split(folder, seed=each, encoded=encoded) for folder, each in zip(folders, seeds, strict=True)]
    task = printable(data.resolve().name)
    judged = _judged(parts, networks=networks, encoded=encoded, k=k)
    guesses_M = judged[0][-1]["logistic"].predictions_M.numpy()
    scores = Scores(
        encoder=_describe_encoder(encoder, trained),
        data=_describe_data(folders[0], parts[0]),
        results=tuple(_results(task, judged, encoded=encoded, rows_C=rows_C)),
        neighbours=_neighbours(folders[0], split=parts[0], features_PD=encoded.features_PD[0], queries=queries),
        mistakes=mistakes(
            parts[0].test, predictions_M=guesses_M, classes=folders[0].classes, probe="logistic", seed=seed
        ),
        skipped=encoded.skipped,
        remarks=(
            *remarks(trained.classifier, classes=folders[0].classes),
            *_learned_before(trained, folders, seeds),
            *_sets_for_classes(folders[0]),
        ),
        timing={"encoding": encoding, "all": time.perf_counter() - started, "images": len(encoded.row_of)},
    )
    if out is not None:
        write_json(out, scores.as_json())
    return scores


def _learned_before(trained: LoadedEncoder, folders: Sequence[ImageFolder], seeds: Sequence[int]) -> Iterator[str]:
    """What to mind where the folder that is tested on may be the one that was learned from, and has no parts."""
    if folders[0].split.startswith("given"):
        return
    advice = "if this is the folder it learned from, give it the parts train/CLASS and test/CLASS"
    if trained.classifier is not None and any(seeds):
        yield f"The encoder left out of its labelled images what seed 0 tests on, not what others do: {advice}"
    if "images" in trained.details:
        yield f"The encoder learned from a folder of images without labels, from all where it has no parts: {advice}"


def _sets_for_classes(folder: ImageFolder) -> Iterator[str]:
    """What to mind where the folders that were taken for classes look like data sets."""
    below: dict[int, set[str]] = {}
    for image in (*folder.train, *folder.test):
        below.setdefault(image.label, set()).add("/".join(image.path.split("/")[1:-1]))
    if not folder.split.startswith("given") and all(len(each) > 1 and "" not in each for each in below.values()):
        first = printable(f"{folder.root / folder.classes[0]}")
        yield f"Every class is a folder of several folders: if these are the classes, give one of them, --data {first}"


def _check_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ViviError(f"{name} is {value}: it must be at least 1")


def _split(folder: ImageFolder, *, seed: int, encoded: Encoded) -> _Split:
    train = [image for image in folder.train if image.path in encoded.row_of]
    test = [image for image in folder.test if image.path in encoded.row_of]
    if len({image.label for image in train}) < 2 or not test:
        raise ViviError(
            f"{folder.root}: after {len(encoded.skipped)} unreadable files, training images of two classes and a test "
            f"image are needed; the first such file is {encoded.skipped[0]['path']}: {encoded.skipped[0]['reason']}"
        )
    return _Split(
        seed=seed,
        train=train,
        test=test,
        train_rows_N=torch.tensor([encoded.row_of[image.path] for image in train]),
        test_rows_M=torch.tensor([encoded.row_of[image.path] for image in test]),
        train_labels_N=torch.tensor([image.label for image in train]),
        test_labels_M=torch.tensor([image.label for image in test]),
    )


@dataclass(frozen=True, slots=True)
class _Probed:
    """What a probe says of the M test images."""

    predictions_M: Tensor
    details: dict[str, Any]


def _probed(split: _Split, *, features_PD: Tensor, k: int) -> dict[str, _Probed]:
    """By probe, what it learns from the features of a network."""
    train_ND, test_MD = features_PD[split.train_rows_N], features_PD[split.test_rows_M]
    by_knn_M = knn(train_ND, labels_N=split.train_labels_N, test_MD=test_MD, k=k)
    fit = logistic(train_ND, labels_N=split.train_labels_N, test_MD=test_MD, seed=split.seed)
    of_knn = {"k": min(k, len(train_ND)), "temperature": TEMPERATURE}
    of_fit = {key: value for key, value in asdict(fit).items() if key != "predictions_M"}
    return {"knn": _Probed(by_knn_M, of_knn), "logistic": _Probed(torch.from_numpy(fit.predictions_M), of_fit)}


def _judged(
    parts: Sequence[_Split], *, networks: Sequence[Network], encoded: Encoded, k: int
) -> list[tuple[_Split, Network, dict[str, _Probed]]]:
    """What the probes say of each split for each network, the trained one first."""
    return [
        (split, network, _probed(split, features_PD=features_PD, k=k))
        for split in parts
        for network, features_PD in zip(networks, encoded.features_PD, strict=True)
    ]


def _results(
    task: str,
    judged: Sequence[tuple[_Split, Network, dict[str, _Probed]]],
    *,
    encoded: Encoded,
    rows_C: Tensor | None,
) -> Iterator[Score]:
    for split, network, probed in judged:
        yield from _scores(task, split=split, network=network, probed=probed)
        yield from _classifier_scores(task, split=split, network=network, encoded=encoded, rows_C=rows_C)


def _scores(task: str, *, split: _Split, network: Network, probed: dict[str, _Probed]) -> Iterator[Score]:
    for probe, each in probed.items():
        right_M = each.predictions_M == split.test_labels_M
        yield _score(task, probe=probe, split=split, network=network, right_M=right_M, details=each.details)


def _classifier_scores(
    task: str, *, split: _Split, network: Network, encoded: Encoded, rows_C: Tensor | None
) -> Iterator[Score]:
    """Top-1 and top-5 of the trained network's own classifier; `rows_C` are its rows for the classes of the folder."""
    classifier = network.module.classifier
    if classifier is None or rows_C is None:
        return
    best_MT = torch.stack([encoded.best_of[image.path] for image in split.test])
    right_MT = best_MT == rows_C[split.test_labels_M][:, None]
    details = {"classes": len(classifier.classes), "preprocessing": CENTRE_CROP}
    yield _score(task, probe="top-1", split=split, network=network, right_M=right_MT[:, 0], details=details)
    if len(classifier.classes) > TOP:
        guessing = _guessing(split, classes=len(rows_C), guesses=TOP)
        right_M, details = right_MT.any(dim=1), {**details, "guessing": guessing}
        yield _score(task, probe=f"top-{TOP}", split=split, network=network, right_M=right_M, details=details)


def _guessing(split: _Split, *, classes: int, guesses: int) -> float:
    """The share of test images that always naming the most frequent training classes gets right, or chance if more."""
    frequent = torch.bincount(split.train_labels_N, minlength=classes).argsort(descending=True, stable=True)[:guesses]
    share = int(torch.isin(split.test_labels_M, frequent).sum()) / len(split.test)
    return max(share, min(1.0, guesses / classes))


def _score(
    task: str, *, probe: str, split: _Split, network: Network, right_M: Tensor, details: dict[str, Any]
) -> Score:
    correct, total = int(right_M.sum()), len(right_M)
    return Score(
        task=task,
        probe=probe,
        weights=network.weights,
        correct=correct,
        total=total,
        accuracy=correct / total,
        interval=clopper_pearson(correct, total=total),
        details={"seed": split.seed, **network.details, **details},
    )


def _neighbours(folder: ImageFolder, *, split: _Split, features_PD: Tensor, queries: int) -> tuple[dict[str, Any], ...]:
    """Queries of different classes where there are enough, with the nearest training images, best first."""
    order = rng(split.seed, step=0, purpose="queries").permutation(len(split.test))
    labels = split.test_labels_M.numpy()[order]
    earlier = np.array([np.count_nonzero(labels[:at] == label) for at, label in enumerate(labels)])
    chosen_Q = torch.from_numpy(order[np.argsort(earlier, kind="stable")][:queries])
    _, found_QK = nearest(features_PD[split.train_rows_N], test_MD=features_PD[split.test_rows_M[chosen_Q]], k=NEAREST)
    return tuple(
        {
            "query": printable(split.test[query].path),
            "class": printable(folder.classes[split.test[query].label]),
            "nearest": [printable(split.train[at].path) for at in found],
            "nearest_classes": [printable(folder.classes[split.train[at].label]) for at in found],
        }
        for query, found in zip(chosen_Q.tolist(), found_QK.tolist(), strict=True)
    )


def _describe_encoder(folder: Path, trained: LoadedEncoder) -> dict[str, Any]:
    return {
        "path": printable(str(folder.resolve())),
        "name": trained.name,
        "fingerprint": trained.fingerprint,
        "image_size": trained.image_size,
        "feature_dim": trained.feature_dim,
        "preprocessing": PREPROCESSING,
        "random_twin": TWIN,
    }


def _describe_data(folder: ImageFolder, split: _Split) -> dict[str, Any]:
    most_frequent = torch.bincount(split.train_labels_N).argmax()
    majority = int((split.test_labels_M == most_frequent).sum()) / len(split.test)
    return {
        "path": printable(str(folder.root.resolve())),
        "classes": [printable(name) for name in folder.classes],
        "train": len(split.train),
        "test": len(split.test),
        "split": folder.split,
        "unused": folder.unused,
        "chance": 1 / len(folder.classes),
        "majority": majority,
    }
