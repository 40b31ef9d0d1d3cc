"""A folder of images as a source of frames: each image is a video with one shot of one frame."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from vivi.core.errors import ViviError
from vivi.data.frame_source import RecordName
from vivi.data.image_file import image_extensions, printable
from vivi.data.images import find_images, given_split, names_digest
from vivi.data.picture import Picture, open_picture
from vivi.data.records import ShotTable


class ImageSource:
    """Images below one folder, read only. Any number of threads may read from it at once.

    Args:
        root: the folder.
        paths: the images, relative to it.
    """

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        self.root: Path = root
        self.paths: tuple[str, ...] = tuple(paths)
        count = len(self.paths)
        self.table: ShotTable = ShotTable(
            video_start_V1=np.arange(count + 1), first_S=np.zeros(count, np.int64), length_S=np.ones(count, np.int64)
        )

    @classmethod
    def open(cls, folder: Path) -> "ImageSource":
        """The images of a folder, however deep; of a folder with a given split (see `ImageFolder.open`) its train part.

        Files are taken by the endings of their names; none is opened before it is needed.

        Raises:
            ViviError: no such folder, or no images in it.
        """
        if not folder.is_dir():
            raise ViviError(f"{folder} is not a folder: give one with images")
        split = given_split(folder)
        below = "" if split is None else f"{split.train}/"
        paths = [path for path in find_images(folder) if path.startswith(below)]
        if not paths:
            raise ViviError(
                f"{folder / below} holds no images: their names must end in one of "
                f"{' '.join(sorted(image_extensions()))}"
            )
        return cls(folder, paths)

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with the set of paths, not with what is in a file."""
        return names_digest((path, "") for path in self.paths)

    @property
    def facts(self) -> dict[str, int]:
        """How much there is to learn from, by name."""
        return {"images": len(self.paths)}

    def video(self, number: int) -> Picture:
        """The image of that number, 0 <= number < V, as a video.

        Raises:
            ImageError: its file gives no image; the text names it and says why.
        """
        return open_picture(self.root / self.paths[number])

    def record_name(self, video: int, frame: int) -> RecordName:  # noqa: ARG002 (an image has one frame)
        """The file of the image of that number."""
        return RecordName(printable(self.paths[video]))
