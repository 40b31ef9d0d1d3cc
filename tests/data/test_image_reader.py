import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vivi.core.errors import ViviError
from vivi.data.image_file import load_image
from vivi.data.image_reader import read_batches


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Ten files, of which the third and the last two give no image."""
    for number in range(10):
        if number in (2, 8, 9):
            (tmp_path / f"{number}.png").write_bytes(b"no image")
        else:
            Image.fromarray(np.full((9, 7, 3), number * 20, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    return [tmp_path / f"{number}.png" for number in range(10)]


@pytest.mark.parametrize("batch", [1, 3, 4, 64])
@pytest.mark.parametrize("threads", [1, 3, None])
def test_order_and_account(files: list[Path], batch: int, threads: int | None) -> None:
    groups = list(read_batches(files, size=8, batch=batch, threads=threads))
    read = [at for group in groups for at in group.positions_B]
    assert read == [0, 1, 3, 4, 5, 6, 7]
    assert [at for group in groups for at, _ in group.broken] == [2, 8, 9]
    assert {reason for group in groups for _, reason in group.broken} == {"not an image of a kind this program reads"}
    expected = np.stack([load_image(files[at], 8) for at in read])
    assert torch.equal(torch.cat([group.images_BCHW for group in groups]), torch.from_numpy(expected))
    assert all(len(group.positions_B) + len(group.broken) <= batch for group in groups)


def test_no_files_no_batches() -> None:
    assert list(read_batches([], size=8)) == []


def test_closing_early_ends_the_threads(files: list[Path]) -> None:
    before = threading.active_count()
    batches = read_batches(files * 20, size=8, batch=2, threads=2)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_bad_batch(files: list[Path]) -> None:
    with pytest.raises(ViviError, match="batch is 0"):
        next(read_batches(files, size=8, batch=0))
