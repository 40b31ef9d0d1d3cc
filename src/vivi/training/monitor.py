"""The log of a run: metrics.jsonl, TensorBoard where it is installed, the online kNN."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from vivi.core.errors import ViviError
from vivi.core.rundir import RunFolder
from vivi.data.image_reader import read_batches
from vivi.data.images import ImageFolder, LabelledImage
from vivi.probe import features, knn
from vivi.training.board import Board, has_tensorboard
from vivi.training.state import TrainState


class OnlineKNN:
    """The kNN accuracy of the running encoder on a labelled folder whose images stay decoded in memory."""

    MAX_TRAIN, MAX_TEST = 100, 50
    """Images of a class: enough for a curve, few enough to stay in memory."""

    def __init__(self, folder: Path, *, every: int, size: int, seed: int) -> None:
        images = ImageFolder.open(folder, seed=seed, max_train=self.MAX_TRAIN, max_test=self.MAX_TEST)
        self._every = every
        self._train, self._train_labels = _decoded(images.root, images.train, size=size)
        self._test, self._test_labels = _decoded(images.root, images.test, size=size)

    def due(self, step: int) -> bool:
        """Whether the accuracy is wanted after so many steps."""
        return step % self._every == 0

    def accuracy(self, state: TrainState) -> float:
        """The share of test images whose neighbours vote right."""
        encoder = state.model.encoder
        device = next(encoder.parameters()).device
        train = features(encoder, self._train, device=device)
        test = features(encoder, self._test, device=device)
        guesses = knn(train, labels_N=self._train_labels, test_MD=test)
        return float((guesses == self._test_labels).float().mean())


class Monitor:
    """Writes the metrics of one run; to be used in a `with` block."""

    def __init__(self, run: RunFolder, *, first_step: int, knn: OnlineKNN | None) -> None:
        self._run = run
        self._knn = knn
        self._first_step = first_step
        self._board: Board | None = None

    def __enter__(self) -> Self:
        """Open TensorBoard's file."""
        if has_tensorboard():
            self._board = Board(self._run.path / "tensorboard", first_step=self._first_step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        if self._board is not None:
            self._board.close()

    def due(self, step: int) -> bool:
        """Whether a kNN accuracy is wanted after so many steps."""
        return self._knn is not None and self._knn.due(step)

    def log(self, line: dict[str, float], *, state: TrainState, last: bool) -> dict[str, float]:
        """Write one line, with the kNN accuracy where it is due, and return it."""
        if self._knn is not None and (last or self.due(state.step)):
            line = line | {"knn": self._knn.accuracy(state)}
        self._run.append_metrics(line)
        if self._board is not None:
            self._board.add(line, step=state.step)
        return line


def _decoded(root: Path, images: Sequence[LabelledImage], *, size: int) -> tuple[list[Tensor], Tensor]:
    batches = list(read_batches([root / image.path for image in images], size=size))
    broken = [(root / images[at].path, reason) for batch in batches for at, reason in batch.broken]
    if broken:
        path, reason = broken[0]
        raise ViviError(f"--knn: {path} cannot be read ({reason}), nor {len(broken) - 1} others: remove them")
    positions = [at for batch in batches for at in batch.positions_B]
    return [batch.images_BCHW for batch in batches], torch.tensor([images[at].label for at in positions])
