"""What `vivi env` shows."""

import json as json_library
from dataclasses import asdict
from typing import TYPE_CHECKING

from vivi.console.base import plain

if TYPE_CHECKING:
    from vivi.api.environment import Environment


def show_environment(found: "Environment", *, json: bool) -> None:
    """A line for each fact, or all of them as JSON."""
    if json:
        print(json_library.dumps(asdict(found), indent=1))
        return
    memory = "" if found.memory_gib is None else f", {found.memory_gib:.0f} GiB of memory"
    plain(f"vivi {found.vivi}, {found.python}, {found.system}, {found.cores} cores{memory}")
    plain(f"torch: {', '.join(f'{name} {value}' for name, value in found.torch.items())}")
    plain(f"GPUs: {'; '.join(found.gpus) or 'none'}")
    plain(f"packages: {', '.join(f'{name} {version}' for name, version in found.packages.items())}")
    plain(f"FFmpeg: {', '.join(f'{name} {version}' for name, version in found.ffmpeg.items())}")
    for name, state in found.extras.items():
        plain(f"extra {name}: {state}")
