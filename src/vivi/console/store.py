"""What `vivi store` shows."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from vivi.console.base import Bar, cell, console, plain
from vivi.core.errors import StoreError
from vivi.core.remote import address

if TYPE_CHECKING:
    from vivi.data.store import ShotStore
    from vivi.data.store.examine import Damage, Examined, LostFrames
    from vivi.data.store.survey import Survey

_SHOWN = 20
"""Videos of a damaged file that are named."""


@contextmanager
def bytes_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is called with bytes done and in all."""
    with Bar(title, unit="MB") as bar:
        yield lambda done, total: bar.update(done // 10**6, total=total // 10**6)


@contextmanager
def count_progress(title: str, *, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is called with what is done and in all."""
    with Bar(title, unit=unit) as bar:
        yield lambda done, total: bar.update(done, total=total)


def print_survey(survey: "Survey") -> None:
    """As one JSON object."""
    print(json.dumps(dataclasses.asdict(survey), indent=1))


def show_survey(survey: "Survey") -> None:
    """As a table."""
    table = Table("", "", title="Store", show_header=False)
    frames, videos = max(survey.frames, 1), max(survey.videos, 1)
    rows: list[tuple[str, str]] = [
        ("videos", f"{survey.videos}"),
        ("shots", f"{survey.shots}, {survey.shots / videos:.1f} a video"),
        ("frames", f"{survey.frames}, {survey.frames / max(survey.shots, 1):.1f} a shot"),
        ("hours of video", f"{survey.seconds / 3600:.2f}"),
        ("frames per second", f"{survey.fps:g}"),
        ("short side", f"{survey.short_side} pixels"),
        (
            "shards",
            f"{survey.shards}, {_amount(survey.shard_bytes)}, {survey.shard_bytes / frames / 1024:.1f} KiB a frame",
        ),
        ("index", f"{_amount(survey.index_bytes)}, {survey.index_bytes / frames:.1f} bytes a frame"),
        ("lists", _amount(survey.list_bytes)),
        *((f"skipped: {reason}", f"{count}") for reason, count in survey.skipped.items()),
        ("settings", json.dumps(survey.settings)),
        ("format", f"vivi-shots {survey.version}"),
        ("digest", survey.digest),
    ]
    for name, value in rows:
        table.add_row(cell(name), cell(value))
    console().print(table)
    plain(survey.store)


def show_examined(examined: "Examined", *, folder: Path) -> None:
    """What is damaged.

    Raises:
        StoreError: anything is.
    """
    for damage in examined.damages:
        plain(f"{damage.file} {damage.what}: {_cost(damage)}")
        for lost in (damage.lost or ())[:_SHOWN]:
            plain(f"    video {lost.video} ({lost.path}): {_frames(lost)}")
        if damage.lost and len(damage.lost) > _SHOWN:
            plain(f"    and {len(damage.lost) - _SHOWN} videos more")
    if examined.damages:
        raise StoreError(
            f"{len(examined.damages)} files of {address(folder) or folder} are wrong: copy them again from where they "
            "are whole, or ingest the videos again"
        )
    plain(f"{examined.files} files, {_amount(examined.bytes)}: all are whole")


def show_made(store: "ShotStore") -> None:
    """One line, and the folder."""
    info = store.info
    plain(
        f"{info.num_videos} videos, {info.num_shots} shots, {info.num_frames} frames, {info.num_skipped} skipped inputs"
    )
    plain(f"{store.path}")


def _cost(damage: "Damage") -> str:
    if damage.lost is None:
        return "the index is damaged, so it cannot be said which frames this costs"
    if not damage.lost:
        return "costs no frame"
    return f"costs {sum(len(lost.frames) for lost in damage.lost)} frames of {len(damage.lost)} videos"


def _frames(lost: "LostFrames") -> str:
    if len(lost.frames) == lost.of:
        return f"all {lost.of} frames"
    return f"frames {', '.join(_ranges(lost.frames))} of {lost.of}"


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Ascending numbers in few words: 3-7, 9."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]


def _amount(size: int) -> str:
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
