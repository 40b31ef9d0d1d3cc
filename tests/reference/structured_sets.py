"""Miniatures of VTAB's specialized and structured data sets in their official layouts, made from nothing.

Images are PNG under the official names, as those of `natural_sets`. Numbers of images are tiny, names are official.
"""

import gzip
import io
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image
from tests.reference.natural_sets import pixels, write_images, write_lines
from tests.reference.tfrecord_files import example, write_records

SPRITES = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
NORB = {"training": "smallnorb-5x46789x9x18x6x2x96x96-training", "testing": "smallnorb-5x01235x9x18x6x2x96x96-testing"}


def encoded(pixels_HWC: np.ndarray) -> bytes:
    """The bytes of a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels_HWC).save(file, format="PNG")
    return file.getvalue()


def write_pcam(root: Path, *, counts: Mapping[str, int], side: int = 4, **settings: Any) -> None:
    """Patch i of a part has the label i % 2 and, where `side` is 4, the pixels of number i + the part's length."""
    folder = root / "patch_camelyon"
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in counts.items():
        stack = np.zeros((count, side, side, 3), np.uint8)
        if side > 1:
            stack[:] = np.stack([pixels(at + len(part), height=side, width=side) for at in range(count)])
        with h5py.File(folder / f"camelyonpatch_level_2_split_{part}_x.h5", "w") as file:
            file.create_dataset("x", data=stack, **settings)
        with h5py.File(folder / f"camelyonpatch_level_2_split_{part}_y.h5", "w") as file:
            file["y"] = (np.arange(count, dtype=np.uint8) % 2).reshape(count, 1, 1, 1)


def write_by_class(folder: Path, *, classes: Sequence[str], images: int) -> list[str]:
    """Images CLASS/CLASS_1.jpg and so on, numbered through; returns their paths."""
    paths = [f"{name}/{name}_{number}.jpg" for name in classes for number in range(1, images + 1)]
    write_images(folder, {path: at for at, path in enumerate(paths)})
    return paths


def write_retinopathy(root: Path) -> tuple[list[str], list[str]]:
    """Twelve eyes for training, level i % 5; twenty for testing, level i % 4, level 0 public. Returns the names."""
    folder = root / "diabetic_retinopathy"
    sides = ("left", "right")
    train = [f"{person}_{side}" for person in range(10, 16) for side in sides]
    test = [f"{person}_{side}" for person in range(1, 11) for side in sides]
    write_images(folder / "train", {f"{name}.jpeg": at for at, name in enumerate(train)})
    write_images(folder / "test", {f"{name}.jpeg": at + 100 for at, name in enumerate(test)})
    write_lines(folder / "trainLabels.csv", ["image,level", *(f"{name},{at % 5}" for at, name in enumerate(train))])
    rows = (f"{name},{at % 4},{'Private' if at % 4 else 'Public'}" for at, name in enumerate(test))
    write_lines(folder / "retinopathy_solution.csv", ["image,level,Usage", *rows])
    return train, test


def write_clevr(root: Path, scenes: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """For each part, the depths of the objects of each scene; scene i has the image of number i."""
    folder = root / "CLEVR_v1.0"
    (folder / "scenes").mkdir(parents=True, exist_ok=True)
    for part, depths in scenes.items():
        names = [f"CLEVR_{part}_{at:06d}.png" for at in range(len(depths))]
        write_images(folder / "images" / part, {name: at for at, name in enumerate(names)})
        written = [
            {
                "image_filename": name,
                "objects": [{"shape": "cube", "pixel_coords": [1, 2, depth], "3d_coords": [0, 0, 0]} for depth in each],
                "relationships": {"left": [[0]]},
            }
            for name, each in zip(names, depths, strict=True)
        ]
        (folder / "scenes" / f"CLEVR_{part}_scenes.json").write_text(json.dumps({"info": {}, "scenes": written}))


def dmlab_example(at: int) -> dict[str, Any]:
    """A record: label i % 6, the pixels of number i."""
    return {"image": encoded(pixels(at)), "filename": f"frame_{at}.jpg".encode(), "label": at % 6}


def write_dmlab(root: Path, shards: Mapping[str, Sequence[Sequence[int]]]) -> None:
    """For each part, the numbers of the records of each of its files."""
    for part, files in shards.items():
        for shard, numbers in enumerate(files):
            path = root / "dmlab" / f"dmlab-{part}.tfrecord-{shard:05d}-of-{len(files):05d}"
            write_records(path, [example(dmlab_example(at)) for at in numbers])


def sprite_labels(count: int) -> np.ndarray:
    """Colour, shape, scale, orientation, x, y of the first rows: all combinations, the last varying fastest."""
    return np.stack(np.unravel_index(np.arange(count), (1, 3, 6, 40, 32, 32)), axis=1).astype(np.int64)


def sprites(count: int, *, side: int) -> np.ndarray:
    """Images of zeros and ones."""
    return np.random.default_rng(4).integers(0, 2, (count, side, side), dtype=np.uint8)


class Trap:
    """Cannot be unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("a member that must not be read",)


def write_sprites(root: Path, images: np.ndarray, labels: np.ndarray, *, ending: str = "npz") -> Path:
    path = root / "dsprites" / f"{SPRITES}.{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if ending == "npz":
        metadata = np.array([Trap()], dtype=object)
        np.savez_compressed(path, metadata=metadata, imgs=images, latents_classes=labels, latents_values=labels * 0.5)
        return path
    with h5py.File(path, "w") as file:
        file.create_dataset("imgs", data=images, chunks=(64, *images.shape[1:]), compression="gzip")
        file["latents/classes"] = labels
    return path


def matrix(values: np.ndarray) -> bytes:
    """NORB's own format; unused lengths are 1."""
    magic = {np.dtype(np.uint8): 507333717, np.dtype(np.int32): 507333716}[values.dtype]
    lengths = [*values.shape, 1, 1][: max(3, values.ndim)]
    return struct.pack(f"<{2 + len(lengths)}i", magic, values.ndim, *lengths) + values.tobytes()


def write_norb(root: Path, *, counts: Mapping[str, int], side: int = 4, packed: bool = False) -> None:
    """Pair i of a part: both images random, instance 4, elevation i % 9, azimuth 2 (i % 18), lighting 5."""
    folder = root / "smallnorb"
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in counts.items():
        row = np.arange(count, dtype=np.int32)
        facts = np.stack([0 * row + 4, row % 9, 2 * (row % 18), 0 * row + 5], axis=1)
        files = {"dat": norb_pairs(part, count=count, side=side), "cat": row % 5, "info": facts}
        for kind, values in files.items():
            content = matrix(values)
            name = f"{NORB[part]}-{kind}.mat{'.gz' if packed else ''}"
            (folder / name).write_bytes(gzip.compress(content, 1) if packed else content)


def norb_pairs(part: str, *, count: int, side: int) -> np.ndarray:
    return np.random.default_rng(len(part)).integers(0, 256, (count, 2, side, side), dtype=np.uint8)


def write_kitti(root: Path, videos: Sequence[str], objects: Sequence[Sequence[str]]) -> list[int]:
    """Image i is of video videos[i] and has objects[i], whole lines; returns the shuffled lines of the mapping."""
    folder = root / "kitti"
    write_images(folder / "training" / "image_2", {f"{at:06d}.png": at for at in range(len(videos))})
    for at, lines in enumerate(objects):
        write_lines(folder / "training" / "label_2" / f"{at:06d}.txt", lines)
    lines = np.random.default_rng(0).permutation(len(videos))
    mapping = [""] * len(videos)
    for image, line in enumerate(lines):
        mapping[line] = f"2011_09_26 {videos[image]} {image:010d}"
    write_lines(folder / "mapping" / "train_mapping.txt", mapping)
    (folder / "mapping" / "train_rand.txt").write_text(",".join(str(line + 1) for line in lines))
    return lines.tolist()


def kitti_line(kind: str, z: float) -> str:
    return f"{kind} 0.00 0 -1.57 10.0 20.0 30.0 40.0 1.5 1.6 3.9 1.25 1.65 {z:.2f} -1.59"
