"""Miniatures of VTAB's natural data sets in their official layouts, made from nothing, and TFDS's order written out.

Images are PNG under the official names, which end in .jpg: what is in a file decides, so pixels come back exactly.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

TREES = ("BACKGROUND_Google", "Faces", "Faces_easy", "accordion", "yin_yang")
"""Class folders of Caltech101, as they are written."""
PLACES = ("/a/abbey", "/b/bar", "/c/church/outdoor", "/t/track/outdoor")
BAD_PLACE = "/t/track/outdoor/sun_aophkoiosslinihb.jpg"


def slow_order(keys: Iterable[str | int], *, split: str) -> list[str | int]:
    """The keys by the hexadecimal md5 of the split's name and the key."""
    return sorted(keys, key=lambda key: hashlib.md5(f"{split}{key}".encode()).hexdigest())


def pixels(number: int, *, height: int = 5, width: int = 6) -> np.ndarray:
    """uint8 pixels_HWC that no other number has."""
    return np.random.default_rng(number).integers(0, 256, size=(height, width, 3), dtype=np.uint8)


def write_image(file: Path, number: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(number)).save(file, format="PNG")


def write_images(folder: Path, numbers: Mapping[str, int]) -> None:
    """An image for each name, the one of its number."""
    for name, number in numbers.items():
        write_image(folder / name, number)


def write_lines(file: Path, lines: Iterable[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))


def write_cifar100(root: Path, *, train: int = 50, test: int = 20) -> None:
    """Record i of a file has the coarse label i % 20, the fine label 3 i % 100 and the pixels of number i."""
    folder = root / "cifar-100-binary"
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train.bin", train), ("test.bin", test)):
        records = [
            bytes([at % 20, 3 * at % 100]) + pixels(at, height=32, width=32).transpose(2, 0, 1).tobytes()
            for at in range(count)
        ]
        (folder / name).write_bytes(b"".join(records))


def write_svhn(root: Path, *, train: int = 40, test: int = 15, labels: tuple[int, ...] = tuple(range(1, 11))) -> None:
    """Digit i of a file has the raw label labels[i % 10] and the pixels of number i."""
    folder = root / "svhn"
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train_32x32.mat", train), ("test_32x32.mat", test)):
        stack = np.stack([pixels(at, height=32, width=32) for at in range(count)], axis=-1)
        raw = np.array([[labels[at % len(labels)]] for at in range(count)], dtype=np.uint8)
        savemat(folder / name, {"X": stack, "y": raw}, do_compression=True)


def write_dtd(root: Path) -> dict[str, list[str]]:
    """Three classes, 4 + 3 + 2 images of each; returns the lists."""
    lists: dict[str, list[str]] = {"train1": [], "val1": [], "test1": []}
    for name in ("banded", "polka-dotted", "zigzagged"):
        for number in range(9):
            part = "train1" if number < 4 else "val1" if number < 7 else "test1"
            lists[part].append(f"{name}/{name}_{number:04d}.jpg")
    every = [key for keys in lists.values() for key in keys]
    write_images(root / "dtd" / "images", {key: at for at, key in enumerate(every)})
    for part, keys in lists.items():
        write_lines(root / "dtd" / "labels" / f"{part}.txt", keys)
    return lists


def write_flowers(root: Path) -> dict[str, list[int]]:
    """Twelve flowers of three species: number n has the label (n - 1) % 3 + 1; returns the sets."""
    folder = root / "flowers-102"
    sets = {"trnid": [3, 7, 1, 12], "valid": [2, 5, 6], "tstid": [4, 8, 9, 10, 11]}
    write_images(folder / "jpg", {f"image_{number:05d}.jpg": number for number in range(1, 13)})
    savemat(folder / "imagelabels.mat", {"labels": np.array([[at % 3 + 1 for at in range(12)]], dtype=np.uint8)})
    savemat(folder / "setid.mat", {name: np.array([ids], dtype=np.uint16) for name, ids in sets.items()})
    return sets


def write_pets(root: Path, *, trainval: int = 20, test: int = 6) -> dict[str, list[str]]:
    """Breeds 1 to 3 in turn; returns the names in each list."""
    breeds = ("Abyssinian", "american_bulldog", "Bengal")
    names = [f"{breeds[at % 3]}_{at}" for at in range(trainval + test)]
    folder = root / "oxford-iiit-pet"
    write_images(folder / "images", {f"{name}.jpg": at for at, name in enumerate(names)})
    lists = {"trainval": names[:trainval], "test": names[trainval:]}
    for part, members in lists.items():
        write_lines(
            folder / "annotations" / f"{part}.txt",
            (f"{name} {breeds.index(name.rpartition('_')[0]) + 1} 1 1" for name in members),
        )
    return lists


def write_caltech101(root: Path, *, images: int = 34) -> None:
    """Five classes of so many images, and the stray file of the real archive."""
    folder = root / "101_ObjectCategories"
    for label, tree in enumerate(TREES):
        write_images(folder / tree, {f"image_{at:04d}.jpg": 100 * label + at for at in range(1, images + 1)})
    (folder / "BACKGROUND_Google" / "tmp").write_bytes(b"no image")


def write_sun397(root: Path) -> dict[str, list[str]]:
    """Four places, 5 + 2 + 3 images of each, and the listed image that cannot be decoded; returns the lists."""
    lists: dict[str, list[str]] = {"tr": [], "va": [], "te": []}
    for place in PLACES:
        for number in range(10):
            part = "tr" if number < 5 else "va" if number < 7 else "te"
            lists[part].append(f"{place}/sun_{number:04d}.jpg")
    every = [key for keys in lists.values() for key in keys]
    folder = root / "SUN397"
    write_images(folder, {key.lstrip("/"): at for at, key in enumerate(every)})
    (folder / BAD_PLACE.lstrip("/")).write_bytes(b"no image")
    lists["tr"].append(BAD_PLACE)
    for part, keys in lists.items():
        write_lines(folder / f"sun397_tfds_{part}.txt", keys)
    return lists


def write_lists(root: Path, name: str, *, classes: int, counts: Mapping[str, int], ending: str = "png") -> None:
    """A task of the vtab-1k folder: each list has images of its own, those of train800val200 equal to its parts'."""
    numbers: dict[str, list[int]] = {}
    first = 0
    for split, count in counts.items():
        numbers[split] = list(range(first, first + count))
        first += count
    numbers["train800val200"] = numbers["train800"] + numbers["val200"]
    for split, members in numbers.items():
        lines = []
        for at, number in enumerate(members):
            path = f"images/{split}/{at:06d}.{ending}"
            file = root / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels(number)).save(file, format="JPEG" if ending == "jpg" else "PNG")
            lines.append(f"{path} {number % classes}")
        write_lines(root / name / f"{split}.txt", lines)
