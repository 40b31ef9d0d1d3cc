"""Made-up results of the 19 tasks and of ImageNet-Vid-Robust, in the form of their files."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

GROUPS = {
    "natural": ("caltech101", "cifar", "dtd", "oxford_flowers102", "oxford_iiit_pet", "sun397", "svhn"),
    "specialized": ("patch_camelyon", "eurosat", "resisc45", "diabetic_retinopathy"),
    "structured": (
        "clevr_count", "clevr_dist", "dmlab", "dsprites_loc", "dsprites_ori", "kitti", "smallnorb_azi", "smallnorb_ele",
    ),
}  # fmt: skip
NAMES = tuple(name for names in GROUPS.values() for name in names)


def task(name: str, repeats: Sequence[float], **changes: Any) -> dict[str, Any]:
    group = next((group for group, names in GROUPS.items() if name in names), "other")
    return {
        "title": name.upper(), "group": group, "accuracy": statistics.median(repeats), "repeats": list(repeats),
        "total": 1000, "setting": {"learning_rate": 0.1, "steps": 2500}, "selected_on": "val", "origin": "lists",
        "is_official": True, "remarks": [],
    } | changes  # fmt: skip


def results(
    encoder: str,
    accuracies: Mapping[str, Sequence[float]],
    *,
    version: int = 1,
    examples: int | str = 1000,
    mode: str = "finetune",
    fingerprint: str | None = None,
    unofficial: Iterable[str] = (),
    protocol: Mapping[str, Any] | None = None,
    departures: Sequence[str] = (),
) -> dict[str, Any]:
    tasks = {name: task(name, repeats) for name, repeats in accuracies.items()}
    for name in unofficial:
        tasks[name]["is_official"] = False
    return {
        "format": "vivi-vtab", "version": 1,
        "encoder": {"name": encoder, "fingerprint": fingerprint or f"{abs(sum(map(ord, encoder))):012x}"},
        "protocol": {"version": version, "examples": examples, "seed": 0, **(protocol or {})},
        "departures": list(departures), "mode": mode, "tasks": tasks, "groups": {}, "mean": None, "missing": [],
    }  # fmt: skip


def around(middle: float, *, step: float = 0.01) -> dict[str, tuple[float, float, float]]:
    """All 19 tasks with three repeats each; task number n has the median `middle` + n / 1000."""
    found = {}
    for number, name in enumerate(NAMES):
        centre = middle + number / 1000
        found[name] = (centre - step, centre, centre + step)
    return found


def wide(share: float) -> list[float]:
    return [share - 0.03, share + 0.03]


def robust(encoder: str, *, pm0: int, pm10: int, total: int = 1109, **changes: Any) -> dict[str, Any]:
    """Intervals are wide on purpose; they are only read."""
    shares = {
        name: {"correct": each, "total": total, "accuracy": each / total, "interval": wide(each / total)}
        for name, each in (("pm0", pm0), ("pm10", pm10))
    }
    return {
        "format": "vivi-robustness", "version": 1,
        "encoder": {"name": encoder, "fingerprint": "0" * 12, "preprocessing": "centre crop"},
        "data": {"path": "", "fingerprint": "a" * 12, "anchors": total, "frames": 9, "is_official": True},
        **shares, "delta": (pm0 - pm10) / total,
        "unanswered": {"frames": 0, "anchors": 0, "sets": 0, "each": []}, "remarks": [],
    } | changes  # fmt: skip


def write(path: Path, record: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path
