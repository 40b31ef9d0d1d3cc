"""Labelled stills of the demo world for four questions: what is it, how many, on what ground, where in the picture.

Stills are drawn apart from the films: same rules, other draws of colours, backgrounds, positions and light.
Each question is an image folder `QUESTION/{train,test}/CLASS/NUMBER.jpg` with equally many images in every class.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vivi.core.files import TEMPORARY, disk_full_named
from vivi.core.seeds import rng
from vivi.demo.film import LARGEST, MOST_THINGS
from vivi.demo.motion import draw_centres, draw_light, draw_paths
from vivi.demo.scenes import draw_scene
from vivi.demo.shapes import KINDS
from vivi.demo.surfaces import GROUNDS

SIZE = 64
CELLS = tuple(f"{row}-{column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right"))
_EDGE = 0.12
"""No centre is nearer than this to the edge of the picture."""


@dataclass(frozen=True, slots=True)
class Content:
    """What decides the answer to a question."""

    kind: str
    ground: str
    centres_T2: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answers, and how content with a given answer is drawn."""

    name: str
    answers: tuple[str, ...]
    content: Callable[[np.random.Generator, int], Content]


def _any(draw: np.random.Generator, names: Sequence[str]) -> str:
    return names[int(draw.integers(len(names)))]


def _what(draw: np.random.Generator, answer: int) -> Content:
    return Content(kind=KINDS[answer], ground=_any(draw, GROUNDS), centres_T2=draw_centres(draw, count=1))


def _where(draw: np.random.Generator, answer: int) -> Content:
    cell = np.array([answer % 3, answer // 3])
    centre = np.clip((cell + draw.uniform(0.1, 0.9, 2)) / 3, _EDGE, 1 - _EDGE)
    return Content(kind=_any(draw, KINDS), ground=_any(draw, GROUNDS), centres_T2=centre[None])


def _place(draw: np.random.Generator, answer: int) -> Content:
    return Content(kind=_any(draw, KINDS), ground=GROUNDS[answer], centres_T2=draw_centres(draw, count=1))


def _how_many(draw: np.random.Generator, answer: int) -> Content:
    return Content(kind=_any(draw, KINDS), ground=_any(draw, GROUNDS), centres_T2=draw_centres(draw, count=answer + 1))


QUESTIONS = (
    Question(name="what", answers=KINDS, content=_what),
    Question(name="how_many", answers=tuple(str(count + 1) for count in range(MOST_THINGS)), content=_how_many),
    Question(name="place", answers=GROUNDS, content=_place),
    Question(name="where", answers=CELLS, content=_where),
)
"""What the shots of a video share: what, how_many, place. What they do not: where."""


def still(question: Question, answer: int, *, number: int, split: str, seed: int) -> NDArray[np.uint8]:
    """One picture_HW3 (uint8, RGB) whose answer is `question.answers[answer]`."""
    draw = rng(seed, step=answer, purpose=f"still/{question.name}/{split}", sample=number)
    content = question.content(draw, answer)
    largest = LARGEST[0] if len(content.centres_T2) == 1 and question.name != "how_many" else LARGEST[-1]
    scene = draw_scene(
        draw,
        kind=content.kind,
        ground=content.ground,
        paths=draw_paths(draw, centres_T2=content.centres_T2, largest=largest, restless=0.0),
        light=draw_light(draw, switches=0.0),
        height=SIZE,
        width=SIZE,
    )
    return scene.frame(0.0)


def stills(out: Path, *, train: int, test: int, seed: int) -> tuple[Path, ...]:
    """Write the image folders of all questions below `out`, which appears when it is whole, and return their paths.

    Args:
        out: the folder; it must not exist.
        train: labelled images of each question, in all; divided equally among the answers, rounded up.
        test: test images of each question, the same.
        seed: the world's seed.

    Raises:
        DiskFullError: the disk is full.
    """
    temporary = out.with_name(f"{TEMPORARY}{os.getpid()}-{out.name}")
    with disk_full_named(out):
        for question in QUESTIONS:
            for split, total in (("train", train), ("test", test)):
                _write_split(temporary, question, split=split, total=total, seed=seed)
        temporary.rename(out)
    return tuple(out / question.name for question in QUESTIONS)


def _write_split(root: Path, question: Question, *, split: str, total: int, seed: int) -> None:
    for answer, name in enumerate(question.answers):
        folder = root / question.name / split / name
        folder.mkdir(parents=True)
        for number in range(-(-total // len(question.answers))):
            picture = still(question, answer, number=number, split=split, seed=seed)
            data = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=95, colorsubsampling="444")
            (folder / f"{number:04d}.jpg").write_bytes(data)
