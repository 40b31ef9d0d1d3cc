"""What `vivi pretrain --dry-run` shows."""

import json as json_library
from typing import TYPE_CHECKING

from vivi.console.base import plain

if TYPE_CHECKING:
    from vivi.training.estimate import Estimate

_GB = 1e9


def show_cost(found: "Estimate", *, json: bool = False) -> None:
    """Sizes, memory and hours, a line each, or all of them as JSON."""
    if json:
        print(json_library.dumps(found.as_json(), indent=1))
        return
    plain(f"{found.name}: {found.steps:,} steps of {found.pictures_per_step:,} pictures, {found.pictures:,} in all")
    plain(f"encoder: {found.parameters:,} parameters; pooling and heads: {found.head_parameters:,}")
    again = "" if found.encoded_per_step == found.pictures_per_step else f", encoded {found.encoded_per_step:,} a step"
    plain(f"on one process, {found.device}{again}")
    fits = "" if found.fits else ": more than there is, see --chunks auto and --recompute"
    chunks = "one piece" if found.chunks == 1 else f"{found.chunks} chunks"
    plain(
        f"memory of a step in {chunks}: about {found.memory / _GB:.1f} GB, "
        f"{found.available / _GB:.1f} GB are free{fits}"
    )
    plain(
        f"time: about {found.seconds_per_step:.3g} s a step, {_span(found.hours)} in all, for the encoder alone "
        f"({found.basis}; decoding, colour and losses come on top)"
    )
    plain("Nothing was read or written.")


def _span(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.1f} minutes"
    return f"{hours:.1f} hours" if hours < 100 else f"{hours / 24:,.0f} days"
