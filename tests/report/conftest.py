"""Made-up runs, scores and stores: the report is tested on what it reads, not on how that came about."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import simplejpeg

from vivi.data.store import ShotStore
from vivi.data.store.format import Skip, VideoRecord, video_key
from vivi.data.store.writer import Packer, Parts, finish

Result = tuple[str, str, int, int, tuple[float, float]]
"""probe, weights, correct, total, interval"""


def result(task: str, entry: Result, *, guessing: dict[str, float]) -> dict[str, Any]:
    probe, weights, correct, total, interval = entry
    details = {"seed": 0} | ({"guessing": guessing[probe]} if probe in guessing else {})
    return {
        "task": task, "probe": probe, "weights": weights, "correct": correct, "total": total,
        "accuracy": correct / total, "interval": list(interval), "details": details,
    }  # fmt: skip


@pytest.fixture
def make_scores(tmp_path: Path) -> Callable[..., Path]:
    """Write a scores.json and return its path."""

    def make(
        encoder: str,
        results: Sequence[Result],
        *,
        task: str = "what",
        data: Path = Path("/nowhere"),
        neighbours: Sequence[dict[str, Any]] = (),
        encoder_path: str | None = None,
        classes: Sequence[str] = ("arrow", "star", "ring", "fish"),
        guessing: Mapping[str, float] = MappingProxyType({}),
        remarks: Sequence[str] | None = None,
        name: str | None = None,
        changes: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> Path:
        """changes: to the records "data" and "encoder", and to the "details" of every result."""
        path = tmp_path / "scores" / (name or f"{len(list(tmp_path.glob('scores/*')))}-scores.json")
        path.parent.mkdir(exist_ok=True)
        record: dict[str, Any] = {
            "format": "vivi-scores",
            "version": 1,
            "encoder": {"name": encoder, "path": encoder_path or f"/runs/{encoder}/encoder", "fingerprint": "0" * 12},
            "data": {
                "path": str(data), "classes": list(classes), "train": 40, "test": 100,
                "split": "given: train, test", "majority": 0.25,
            },
            "results": [result(task, entry, guessing=dict(guessing)) for entry in results],
            "neighbours": list(neighbours),
            "skipped": [],
        } | ({} if remarks is None else {"remarks": list(remarks)})  # fmt: skip
        for part in ("data", "encoder"):
            record[part].update(changes.get(part, {}))
        for each in record["results"]:
            each["details"].update(changes.get("details", {}))
        path.write_text(json.dumps(record))
        return path

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run folder with a log and return its path."""

    def make(name: str, *, parts: Sequence[str] = ("frame/exemplar",), steps: int = 5, folder: str = "") -> Path:
        path = tmp_path / "runs" / (folder or name)
        path.mkdir(parents=True)
        experiment = {
            "format": "vivi-run",
            "version": 1,
            "experiment": {"name": name, "seed": 0},
            "chance": dict.fromkeys(parts, 0.5),
        }
        (path / "experiment.json").write_text(json.dumps(experiment))
        lines = [
            {"step": 10 * step, "loss": 1 / step, **dict.fromkeys(parts, 1 / step), "frames_per_second": 900.0,
             "data_wait": 0.1, "feature_std": 0.2, "effective_rank": 20.0 + step}
            for step in range(1, steps + 1)
        ]  # fmt: skip
        (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (path / "done.json").write_text("{}")
        return path

    return make


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., Path]:
    """Write a finished store from {path: frames of each shot} and return its path."""

    def make(videos: dict[str, Sequence[int]], *, fps: float = 2.0, skipped: Sequence[Skip] = ()) -> Path:
        path = tmp_path / "store"
        parts, packer = Parts(path), Packer(path, shard_bytes=1 << 20)
        for name, lengths in videos.items():
            record = _record(parts, name, lengths=lengths)
            parts.write_record(record.key, record)
            packer.add(record)
        packer.flush()
        finish(packer, skipped=list(skipped), fps=fps, short_side=24, settings={})
        ShotStore.open(path).close()
        return path

    return make


def _record(parts: Parts, name: str, *, lengths: Sequence[int]) -> VideoRecord:
    key, frames = video_key(name), sum(lengths)
    jpegs = [simplejpeg.encode_jpeg(np.full((24, 32, 3), 9 * number % 255, np.uint8)) for number in range(frames)]
    sizes, checksums = parts.write_frames(key, jpegs)
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    return VideoRecord(
        path=name, key=key, bytes=1000, container="mp4", codec="h264", seconds=frames / 2, source_fps=12.0,
        source_width=64, source_height=48, width=32, height=24, shots=tuple(zip(starts, lengths, strict=True)),
        frame_bytes=sizes, frame_crc32=checksums,
    )  # fmt: skip
