"""Which labelled images choose among encoders: a part of the training images, so that the test images stay unseen."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vivi.core.errors import ConfigError
from vivi.core.files import atomic_folder
from vivi.data.images import ImageFolder, LabelledImage, files_digest, given_split, held_out
from vivi.data.labelled import SPLIT_SEED, LabelledSet

SHARE = 0.25
"""Share of each class's training images that decides."""
FIT, VALIDATION = "train", "val"
"""The parts of the folder of links, under the names that a given split has."""
SUFFIX = "-selection"
"""Ends the name of a folder of links."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The training images of a folder, split once more: probes are fitted on one part and compared on the other."""

    root: Path
    classes: tuple[str, ...]
    fit: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...]
    learned: int
    """Images that labels were learned from: they are in `fit`."""
    split: str
    """How the folder itself is split, in words."""
    digest: str
    """Twelve hexadecimal digits that change with the two parts and the sizes of their files."""

    @classmethod
    def open(cls, folder: Path, *, learned: LabelledSet | None) -> "Selection":
        """Split the training part that `vivi evaluate` would use, by a seed that never changes.

        A quarter of each class validates. Images whose labels are learned from do not, the same file under another
        path included; what was seen without labels may.

        Args:
            folder: labelled images, see `ImageFolder.open`.
            learned: the labelled images of the experiment.

        Raises:
            ConfigError: no image is left to validate on.
            ViviError: not such a folder.
        """
        found = ImageFolder.open(folder, seed=SPLIT_SEED)
        known = _files(learned)
        free = [image for image in found.train if not known or _file(folder, image) not in known]
        labels_N = np.array([image.label for image in free], dtype=np.int64)
        held_N = held_out(labels_N, share=SHARE, seed=SPLIT_SEED, purpose="selection")
        validation = tuple(image for image, held in zip(free, held_N.tolist(), strict=True) if held)
        if not validation:
            raise ConfigError(
                f"--score {folder}: {len(found.train) - len(free)} of its {len(found.train)} training images are "
                "learned from with their labels, and no class has two others to choose by: give other labelled images"
            )
        chosen = set(validation)
        fit = tuple(image for image in found.train if image not in chosen)
        marked = [(image.path, f"{part} {found.classes[image.label]}")
                  for part, images in ((FIT, fit), (VALIDATION, validation)) for image in images]  # fmt: skip
        return cls(
            root=folder, classes=found.classes, fit=fit, validation=validation,
            learned=len(found.train) - len(free), split=found.split, digest=files_digest(folder, marked),
        )  # fmt: skip

    @property
    def name(self) -> str:
        """What to call the folder of links; scores carry it as the name of their task."""
        return self.root.resolve().name + SUFFIX

    def link(self, folder: Path) -> Path:
        """Make `folder` anew, with links to the images in train/CLASS and val/CLASS, and return it."""
        given = given_split(self.root)
        above = "" if given is None else f"{given.train}/"
        root = self.root.resolve()
        with atomic_folder(folder) as made:
            for part, images in ((FIT, self.fit), (VALIDATION, self.validation)):
                for image in images:
                    link = made / part / image.path.removeprefix(above)
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(root / image.path)
        return folder

    def described(self) -> dict[str, Any]:
        """What was split, and into how many images."""
        return {
            "path": str(self.root.resolve()),
            "split": f"{self.split}; of its training part {SHARE:.0%} of each class validate",
            "fit": len(self.fit),
            "validation": len(self.validation),
            "learned with labels": self.learned,
            "digest": self.digest,
        }


def _files(learned: LabelledSet | None) -> set[str]:
    return set() if learned is None else {_file(learned.root, image) for image in learned.images}


def _file(root: Path, image: LabelledImage) -> str:
    """The file itself, whatever links lead to it."""
    return os.path.realpath(root / image.path)
