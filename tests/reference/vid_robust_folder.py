"""Small folders of ImageNet-Vid-Robust, in the form of the benchmark's archive or of the testbed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path


def frame(video: int, number: int) -> str:
    return f"val/ILSVRC2015_val_{video:08}/{number:06}.JPEG"


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def make(
    root: Path,
    *,
    neighbours: Mapping[str, Sequence[str]],
    labels: Mapping[str, Sequence[int]],
    groups: Sequence[Sequence[int]],
) -> Path:
    """Metadata as in the archive, groups by numbers as in the testbed."""
    write(root / "metadata" / "pmsets.json", neighbours)
    write(root / "metadata" / "labels.json", labels)
    write(root / "misc" / "class_idx_map.json", {number: of for of, members in enumerate(groups) for number in members})
    return root


def name_groups(root: Path, groups: Sequence[Sequence[int]], *, ids: Sequence[str]) -> None:
    """Groups by WordNet ids, as in the archive, in the place of those by numbers."""
    (root / "misc" / "class_idx_map.json").unlink(missing_ok=True)
    videos = [f"n9{of:07}" for of in range(len(groups))]
    write(root / "misc" / "wnid_map.json", {ids[at]: videos[of] for of, each in enumerate(groups) for at in each})
    write(root / "misc" / "imagenet_class_index.json", {str(at): [each, f"name {at}"] for at, each in enumerate(ids)})
    write(root / "misc" / "imagenet_vid_class_index.json", {str(of): [each, "x"] for of, each in enumerate(videos)})


def slow_scores(
    predictions: Mapping[str, int], *, neighbours: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[int]]
) -> tuple[int, int]:
    """Anchors right by themselves, and together with all their neighbours."""
    alone = together = 0
    for anchor, near in neighbours.items():
        wrong = 0
        for each in near:
            if each not in predictions or predictions[each] not in labels[each]:
                wrong += 1
        if anchor in predictions and predictions[anchor] in labels[anchor]:
            alone += 1
            if wrong == 0:
                together += 1
    return alone, together
