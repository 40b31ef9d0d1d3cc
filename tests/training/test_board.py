"""TensorBoard's own reader reads what the board wrote; a full disk is one error."""

from pathlib import Path

import pytest

from vivi.core.errors import DiskFullError
from vivi.training.board import Board


def points(folder: Path, tag: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder))
    reader.Reload()
    return [(each.step, each.value) for each in reader.Scalars(tag)]


def test_points_are_read_back(tmp_path: Path) -> None:
    board = Board(tmp_path, first_step=0)
    for step in (1, 2, 3):
        board.add({"loss": step / 2, "frame/exemplar": 1.0}, step=step)
    board.close()
    assert points(tmp_path, "loss") == [(1, 0.5), (2, 1.0), (3, 1.5)]
    assert points(tmp_path, "frame/exemplar") == [(1, 1.0), (2, 1.0), (3, 1.0)]


def test_a_resumed_run_hides_the_points_that_it_writes_again(tmp_path: Path) -> None:
    first = Board(tmp_path, first_step=0)
    for step in (1, 2, 3):
        first.add({"loss": 0.0}, step=step)
    first.close()
    second = Board(tmp_path, first_step=1)
    second.add({"loss": 9.0}, step=2)
    second.close()
    assert points(tmp_path, "loss") == [(1, 0.0), (2, 9.0)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.0000000000.vivi").symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match=r"no space left while writing .*tfevents"):
        Board(tmp_path, first_step=0)
