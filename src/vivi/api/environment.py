"""What a report of a bug needs to say about the place where it happened; no paths, no names of users or machines."""

import os
import platform
import re
from dataclasses import dataclass
from importlib import metadata

from vivi import __version__

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*[\"']([^\"']+)[\"'])?")
_FOR_WORK_ON_IT = {"dev", "docs"}
"""Extras that users do not need."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Versions and size of this machine."""

    vivi: str
    python: str
    system: str
    """Kind, release and processor, such as "Linux 6.1 x86_64"."""
    cores: int
    """That this process may use."""
    memory_gib: float | None
    """Of the machine; None where it does not say."""
    torch: dict[str, str]
    """Version, the CUDA that it was built for, cuDNN, threads."""
    gpus: tuple[str, ...]
    """Name, memory and compute capability of each GPU."""
    packages: dict[str, str]
    """Versions of what vivi always needs."""
    ffmpeg: dict[str, str]
    """Versions of FFmpeg's libraries."""
    extras: dict[str, str]
    """By extra: "installed", or what it lacks."""


def environment() -> Environment:
    """Look at what is installed here."""
    from vivi.core.work import usable_cores
    from vivi.video.libraries import ffmpeg_libraries

    needed, extras = _requirements()
    return Environment(
        vivi=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cores=usable_cores(),
        memory_gib=_memory(),
        torch=_torch(),
        gpus=_gpus(),
        packages={name: _version(name) or "missing" for name in needed},
        ffmpeg=ffmpeg_libraries(),
        extras={name: _state(names) for name, names in extras.items() if name not in _FOR_WORK_ON_IT},
    )


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """What vivi needs always, and for each extra."""
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    for line in metadata.requires("vivi") or ():
        if (found := _REQUIREMENT.match(line)) is not None:
            name, extra = found.groups()
            (needed if extra is None else extras.setdefault(extra, [])).append(name)
    return sorted(needed), dict(sorted(extras.items()))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _state(names: list[str]) -> str:
    missing = [name for name in names if _version(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    return "installed: " + ", ".join(f"{name} {_version(name)}" for name in names)


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _torch() -> dict[str, str]:
    import torch

    found = {"version": torch.__version__, "cuda": torch.version.cuda or "none: a CPU build"}
    if torch.backends.cudnn.is_available():
        found["cudnn"] = str(torch.backends.cudnn.version())
    return {**found, "threads": str(torch.get_num_threads())}


def _gpus() -> tuple[str, ...]:
    import torch

    if not torch.cuda.is_available():
        return ()
    facts = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return tuple(f"{each.name}, {each.total_memory / 2**30:.0f} GiB, sm_{each.major}{each.minor}" for each in facts)
