"""The two worlds of the table of methods: what is learned from, and what is scored on, with no image in both."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vivi.cli import main as vivi
from vivi.core.errors import ViviError
from vivi.core.files import write_json
from vivi.core.seeds import rng
from vivi.data.clips import num_videos_for
from vivi.data.images import ImageFolder, find_images
from vivi.data.store import ShotStore
from vivi.demo.run import Folders, Size, ingest_line, make_world
from vivi.demo.stills import QUESTIONS, stills

WORLD_SEED, OTHER_SEED = 0, 1_000_003
"""Of the demo's videos and scored stills, and of its stills to learn from."""
DEMO = Size(videos=240, train=640, test=960)
DEMO_LEARN = 1280
"""Labelled stills to learn from; a tenth of them is more than a step of 64."""
REAL_INGEST = ("--fps", "4", "--shots", "1", "--short-side", "128")
"""As scripts/real.py."""
REAL_TASKS = {
    "cifar10": "cifar10",
    "caltech101": "caltech101/101_ObjectCategories",
    "eurosat": "eurosat",
    "resisc45_12classes": "resisc45_12classes",
}
LEARN_SHARE = 0.4
"""Of each class of the main task."""
Parts = dict[str, list[Path]]


@dataclass(frozen=True)
class World:
    """The folders of one world."""

    folder: Path

    @property
    def settings(self) -> Path:
        """What all runs share."""
        return self.folder / "settings.json"

    @property
    def store(self) -> Path:
        """The shot store."""
        return self.folder / "store"

    @property
    def learn(self) -> Path:
        """Labelled images to learn from; the part `train` of them is used."""
        return self.folder / "learn" / "what"

    @property
    def tasks(self) -> tuple[Path, ...]:
        """Labelled images to score on: the first is the task of the images to learn from."""
        names = json.loads((self.folder / "tasks.json").read_text())
        return tuple(self.folder / name for name in names)

    @property
    def classes(self) -> int:
        """Of the images to learn from."""
        return len(ImageFolder.open(self.learn).classes)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the store, with the images that are learned from and with those that are scored on."""
        digest = hashlib.sha256((self.store / "store.json").read_bytes())
        for folder in (self.learn, *self.tasks):
            for path in find_images(folder):
                digest.update(f"{path}\0".encode() + hashlib.sha256((folder / path).read_bytes()).digest())
        return digest.hexdigest()[:12]

    def facts(self) -> dict[str, Any]:
        """How much there is, in numbers."""
        return dict(json.loads((self.folder / "facts.json").read_text()))


def make_demo(folder: Path) -> World:
    """The demo's own videos and stills; the stills to learn from are drawn with another seed."""
    folders, world = Folders(folder), World(folder)
    make_world(folders.world, seed=WORLD_SEED, size=DEMO)
    if not (folder / "learn").exists():
        stills(folder / "learn", train=DEMO_LEARN, test=1, seed=OTHER_SEED)
    return _finish(world, ingest_line(folders), [f"world/stills/{question.name}" for question in QUESTIONS])


def make_real(folder: Path) -> World:
    """The videos and labelled images of VIVI_REAL_DATA; the images are linked to."""
    data, world = real_data(), World(folder)
    if not (folder / "scored").exists():
        making = folder / "making"
        shutil.rmtree(making, ignore_errors=True)
        for task, below in REAL_TASKS.items():
            main = task == "cifar10"
            parts = divided(data / "images" / below, learn=LEARN_SHARE if main else 0.0)
            if main:
                held = {name: files[:1] for name, files in parts["learn"].items()}
                used = {name: files[1:] for name, files in parts["learn"].items()}
                shutil.rmtree(folder / "learn", ignore_errors=True)
                link(folder / "learn" / "what", {"train": used, "test": held})
            link(making / task, {"train": parts["train"], "test": parts["test"]})
        making.rename(folder / "scored")
    ingest = ("ingest", str(data / "videos"), "--out", str(world.store), *REAL_INGEST)
    return _finish(world, ingest, [f"scored/{task}" for task in REAL_TASKS])


WORLDS: dict[str, Callable[[Path], World]] = {"demo": make_demo, "real": make_real}


def divided(source: Path, *, learn: float) -> dict[str, Parts]:
    """Each class in three parts: `learn`, and of the rest equally many for `train` and `test` of the scoring.

    Whatever split the folder has is pooled first; of files with the same bytes one is kept.
    """
    parts: dict[str, Parts] = {"learn": {}, "train": {}, "test": {}}
    for label, (name, files) in enumerate(sorted(_distinct_by_class(source).items())):
        order = rng(WORLD_SEED, step=0, purpose="methods/parts", sample=label).permutation(len(files))
        first = round(learn * len(files))
        second = first + (len(files) - first) // 2
        shuffled = [files[at] for at in order]
        parts["learn"][name] = shuffled[:first]
        parts["train"][name], parts["test"][name] = shuffled[first:second], shuffled[second:]
    return parts


def _distinct_by_class(source: Path) -> Parts:
    folder, seen = ImageFolder.open(source), set()
    classes: Parts = {name: [] for name in folder.classes}
    for image in sorted((*folder.train, *folder.test), key=lambda image: image.path):
        path = source / image.path
        digest = hashlib.sha256(path.read_bytes()).digest()
        if digest not in seen:
            classes[folder.classes[image.label]].append(path)
        seen.add(digest)
    return classes


def link(out: Path, parts: Mapping[str, Mapping[str, Sequence[Path]]]) -> None:
    """Links SPLIT/CLASS/NUMBER.SUFFIX to the files."""
    for split, classes in parts.items():
        for name, files in classes.items():
            (out / split / name).mkdir(parents=True)
            for number, file in enumerate(files):
                (out / split / name / f"{number:04d}{file.suffix}").symlink_to(file.resolve())


def real_data() -> Path:
    """The folder that VIVI_REAL_DATA names.

    Raises:
        ViviError: it names none with videos and the tasks.
    """
    named = Path(os.environ.get("VIVI_REAL_DATA", "missing"))
    wanted = ("videos", *(f"images/{below}" for below in REAL_TASKS.values()))
    if missing := [each for each in wanted if not (named / each).is_dir()]:
        raise ViviError(f"set VIVI_REAL_DATA to a folder with {' and '.join(missing)}, then run the same command")
    return named


def _finish(world: World, ingest: tuple[str, ...], tasks: list[str]) -> World:
    """Ingest, check that no image is both learned from and scored on, count."""
    if (world.folder / "facts.json").exists():
        return world
    if vivi(ingest):
        raise ViviError("ingest failed, see above")
    write_json(world.folder / "tasks.json", tasks)
    learned = _digests(world.learn)
    for task in world.tasks:
        if shared := learned & _digests(task):
            raise ViviError(f"{len(shared)} images of {task} are learned from too")
    write_json(world.folder / "facts.json", _facts(world))
    return world


def _digests(folder: Path) -> set[bytes]:
    return {hashlib.sha256((folder / path).read_bytes()).digest() for path in find_images(folder)}


def _facts(world: World) -> dict[str, Any]:
    store = ShotStore.open(world.store)
    table, learned = store.table, ImageFolder.open(world.learn)
    opened = {task.name: ImageFolder.open(task) for task in world.tasks}
    return {
        **store.facts,
        "videos for K=2, L=4": num_videos_for(table, shots=2, frames=4),
        "videos for K=4, L=4": num_videos_for(table, shots=4, frames=4),
        "images to learn from": len(learned.train),
        "classes of these": len(learned.classes),
        "tasks": {
            name: {"classes": len(each.classes), "train": len(each.train), "test": len(each.test)}
            for name, each in opened.items()
        },
    }
