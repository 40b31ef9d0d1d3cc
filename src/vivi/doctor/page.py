"""The doctor's page: one HTML file that needs no network and no JavaScript."""

from pathlib import Path

from vivi.data.store import ShotStore
from vivi.doctor.examine import Diagnosis
from vivi.doctor.figures import spread_figure, threshold_figure
from vivi.doctor.pictures import SHOWN, borders_shown, pairs_shown
from vivi.doctor.shapes import FRAMES, SHOTS
from vivi.report.standalone import figure, write_page

LISTED = 40
"""Black and static shots that are listed by name."""


def write_diagnosis(out: Path, *, diagnosis: Diagnosis, command: str = "") -> Path:
    """Write the page to `out` and return its absolute path.

    Args:
        out: the HTML file.
        diagnosis: what was found.
        command: the command line, shown as it is; empty where there was none.

    Raises:
        ViviError: the file cannot be written, or the store has changed.
    """
    store = ShotStore.open(diagnosis.store)
    return write_page(
        out,
        package="vivi.doctor",
        template="page.html.j2",
        found=diagnosis,
        command=command,
        spreads=figure(spread_figure(diagnosis.shapes, key="spread")),
        distances=figure(threshold_figure(diagnosis.threshold, key="threshold")),
        pairs=pairs_shown(store, diagnosis.duplicates.pairs),
        bordered=borders_shown(store, diagnosis.oddities.bordered),
        shown=SHOWN,
        listed=LISTED,
        ks=SHOTS,
        ls=FRAMES,
        duration=duration,
    )


def duration(hours: float) -> str:
    """Hours in words that can be grasped."""
    if hours < 1:
        return f"{60 * hours:.1f} minutes"
    if hours < 72:
        return f"{hours:.1f} hours"
    if hours < 24 * 365:
        return f"{hours / 24:.0f} days"
    return f"{hours / 24 / 365:.0f} years"
