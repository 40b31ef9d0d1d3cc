"""A small world in PASCAL VOC's format: coloured discs, squares and triangles on noise, with their boxes.

    python tests/reference/voc_world.py FOLDER [TRAIN_IMAGES TEST_IMAGES]

A class is a shape, colours say nothing. Boxes are written as VOC's, counted from 1 with both borders inside; the last
of several objects of an image is sometimes marked as difficult.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

SHAPES = ("disc", "square", "triangle")
SIDE_LOW, SIDE_HIGH = 80, 112
LARGEST = 40


def draw_world(folder: Path, *, train: int, test: int, seed: int = 0) -> Path:
    """Write `train` and `test` images and their annotations; gives the folder."""
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    names = [f"{number:06}" for number in range(train + test)]
    for number, name in enumerate(names):
        draw_image(folder, name, np.random.default_rng([seed, number]))
    for split, part in (("trainval", names[:train]), ("test", names[train:])):
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text("".join(f"{name}\n" for name in part))
    return folder


def draw_image(folder: Path, name: str, random: np.random.Generator) -> None:
    """One to three shapes that do not overlap."""
    height, width = random.integers(SIDE_LOW, SIDE_HIGH + 1, size=2).tolist()
    pixels = np.full((height, width, 3), random.integers(60, 196, size=3), dtype=np.float64)
    boxes: list[tuple[str, tuple[int, int, int, int]]] = []
    for _ in range(random.integers(1, 4)):
        side = int(random.integers(16, LARGEST + 1))
        x, y = int(random.integers(0, width - side + 1)), int(random.integers(0, height - side + 1))
        if all(x + side < a or c < x or y + side < b or d < y for _, (a, b, c, d) in boxes):
            shape = SHAPES[int(random.integers(len(SHAPES)))]
            mask = silhouette(shape, side)
            colour = random.choice([15.0, 240.0], size=3)
            pixels[y : y + side, x : x + side][mask] = colour
            boxes.append((shape, (x, y, x + side, y + side)))
    pixels += random.normal(0, 8, size=pixels.shape)
    cv2.imwrite(str(folder / "JPEGImages" / f"{name}.jpg"), np.clip(pixels, 0, 255).astype(np.uint8)[..., ::-1])
    hard = len(boxes) > 1 and random.random() < 0.2
    objects = "".join(
        markup(shape, box, difficult=hard and at == len(boxes) - 1) for at, (shape, box) in enumerate(boxes)
    )
    (folder / "Annotations" / f"{name}.xml").write_text(annotation(name, width, height, objects))


def silhouette(shape: str, side: int) -> np.ndarray:
    """mask_HW that touches all four borders of a square."""
    y, x = np.mgrid[:side, :side] + 0.5
    if shape == "disc":
        return (x - side / 2) ** 2 + (y - side / 2) ** 2 <= (side / 2) ** 2
    if shape == "triangle":
        return np.abs(x - side / 2) <= y / 2
    return np.ones((side, side), dtype=bool)


def annotation(name: str, width: int, height: int, objects: str) -> str:
    """The text of an annotation file."""
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return (
        f"<annotation>\n<folder>VOC</folder>\n<filename>{name}.jpg</filename>\n{size}\n"
        f"<segmented>0</segmented>\n{objects}</annotation>\n"
    )


def markup(shape: str, box: tuple[int, int, int, int], *, difficult: bool = False) -> str:
    """One object, from its box x0, y0, x1, y1 counted from 0 without its far borders."""
    x0, y0, x1, y1 = box
    borders = f"<xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
    return (
        f"<object><name>{shape}</name><pose>Unspecified</pose><truncated>0</truncated>"
        f"<difficult>{int(difficult)}</difficult><bndbox>{borders}</bndbox></object>\n"
    )


if __name__ == "__main__":
    counts = [int(word) for word in sys.argv[2:4]] or [400, 100]
    draw_world(Path(sys.argv[1]), train=counts[0], test=counts[1])
