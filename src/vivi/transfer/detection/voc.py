"""A folder in PASCAL VOC's format: which images a list names, and their annotations.

ImageSets/Main/LIST.txt   a name a line, such as trainval.txt and test.txt
Annotations/NAME.xml      the objects, see `annotation`
JPEGImages/NAME.jpg       the image; another ending of an image is taken where there is no .jpg

Source: the folders of the VOC development kit (host.robots.ox.ac.uk/pascal/VOC), e.g. VOCdevkit/VOC2007.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.core.files import read_text
from vivi.data.image_file import image_extensions, printable
from vivi.transfer.detection.annotation import Annotation, read_annotation

MAX_LIST_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class VocImage:
    """An image that a list names."""

    name: str
    file: Path
    annotation_file: Path
    annotation: Annotation


@dataclass(frozen=True, slots=True)
class VocList:
    """The images of one list, in its order."""

    name: str
    """As the list is called, e.g. "trainval"."""
    images: tuple[VocImage, ...]

    @property
    def objects(self) -> int:
        """Objects in all images, the difficult ones too."""
        return sum(len(each.annotation.names) for each in self.images)

    @property
    def difficult(self) -> int:
        """Objects marked as difficult."""
        return sum(int(each.annotation.difficult_O.sum()) for each in self.images)

    @property
    def clipped(self) -> int:
        """Boxes that reached a pixel outside their image."""
        return sum(each.annotation.clipped for each in self.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the objects' classes, sorted."""
        return tuple(sorted({name for each in self.images for name in each.annotation.names}))


def read_list(folder: Path, name: str) -> VocList:
    """Read a list and the annotations of its images; the images themselves are only looked for.

    Args:
        folder: holds Annotations, ImageSets and JPEGImages.
        name: of the list, e.g. "trainval" for ImageSets/Main/trainval.txt.

    Raises:
        ViviError: a file is missing or not what it should be; the text names the file and the line or object.
    """
    main = folder / "ImageSets" / "Main"
    for each in (folder, main, folder / "Annotations", folder / "JPEGImages"):
        if not each.is_dir():
            raise ViviError(
                f"{each} is no folder: give a folder in VOC's format, with Annotations, ImageSets/Main and JPEGImages, "
                "for example VOCdevkit/VOC2007"
            )
    return VocList(name=name, images=tuple(_image(folder, each) for each in _names(main, name)))


def _names(main: Path, name: str) -> list[str]:
    if "/" in name or "\\" in name or not name:
        raise ViviError(f"{name!r} is not the name of a list: name a file of {main} without its ending")
    path = main / f"{name}.txt"
    if not path.is_file():
        there = sorted(each.stem for each in main.glob("*.txt") if "_" not in each.stem)
        raise ViviError(f"there is no list {path}; in its folder are: {', '.join(there[:10]) or 'none'}")
    if path.stat().st_size > MAX_LIST_BYTES:
        raise ViviError(f"{path} is too large for a list: at most {MAX_LIST_BYTES} bytes are read")
    found: dict[str, int] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if words := line.split():
            found[_checked(words, seen=found, where=f"{path}, line {number}")] = number
    if not found:
        raise ViviError(f"{path} names no image")
    return list(found)


def _checked(words: Sequence[str], *, seen: dict[str, int], where: str) -> str:
    if len(words) != 1:
        raise ViviError(f"{where} has {len(words)} words, as in a list of one class: take a list of bare names")
    name = words[0]
    if "/" in name or "\\" in name or name in (".", "..") or not name.isprintable():
        raise ViviError(f"{where}: {name!r} is not a name of an image: write it without folder and ending")
    if name in seen:
        raise ViviError(f"{where}: {name!r} is already in line {seen[name]}: remove one of them")
    return name


def _image(folder: Path, name: str) -> VocImage:
    annotation_file = folder / "Annotations" / f"{name}.xml"
    return VocImage(
        name=name,
        file=_picture(folder / "JPEGImages", name),
        annotation_file=annotation_file,
        annotation=read_annotation(annotation_file),
    )


def _picture(images: Path, name: str) -> Path:
    for ending in (".jpg", *sorted(image_extensions() - {".jpg"})):
        if (path := images / f"{name}{ending}").is_file():
            return path
    raise ViviError(f"{images} has no image {name}.jpg, nor one of this name with another ending of images")


def check_known(found: VocList, *, classes: Sequence[str]) -> None:
    """See that all objects of a list are of known classes.

    Raises:
        ViviError: one is not; the text names its file.
    """
    known = set(classes)
    for image in found.images:
        for number, name in enumerate(image.annotation.names, start=1):
            if name not in known:
                raise ViviError(
                    f"{printable(str(image.annotation_file))}: object {number} is of class {name!r}, which no object "
                    f"of the training list has; it has {', '.join(classes[:20])}"
                )


def fingerprint(lists: Sequence[VocList]) -> str:
    """Twelve hexadecimal digits that change with names, boxes, classes and flags, not with pixels."""
    digest = hashlib.sha256()
    for each in lists:
        for image in each.images:
            found = image.annotation
            row = (image.name, found.width, found.height, found.boxes_O4.tolist(), found.names)
            digest.update(json.dumps([*row, found.difficult_O.tolist()]).encode() + b"\n")
        digest.update(b"\n")
    return digest.hexdigest()[:12]
