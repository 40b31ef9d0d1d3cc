"""Published lists of images: which files a fraction of a data set consists of."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vivi.core.errors import ViviError
from vivi.data.image_file import has_image_ending
from vivi.data.images import ImageFolder, LabelledImage, given_split

_SHOWN = 3
_LEGAL = 'legal are a JSON object with the key "values", and a text with one file name or path a line'
_Named = dict[str, list[LabelledImage]]


def images_of_list(folder: ImageFolder, path: Path) -> tuple[LabelledImage, ...]:
    """Exactly the training images that the list at `path` names, in the order of the folder; see `read_names`.

    A name is a file name, or a path relative to the folder or to its train part.

    Raises:
        ViviError: no readable list, or its names are unknown, ambiguous or all of one class.
    """
    names = read_names(path)
    named = _images_named(folder, names, folder.train)
    if missing := [name for name in names if not named[name]]:
        raise _unknown(folder, missing, names=names, path=path)
    if several := [name for name in names if len(named[name]) > 1]:
        first, second, *_ = named[several[0]]
        raise ViviError(
            f"{path}: {len(several)} of {len(names)} names fit several images of {folder.root}, e.g. {several[0]!r} "
            f"fits {first.path} and {second.path}: write paths relative to the folder instead"
        )
    chosen = {named[name][0] for name in names}
    if len({image.label for image in chosen}) < 2:
        raise ViviError(f"{path} names images of a single class of {folder.root}: at least two are needed")
    return tuple(image for image in folder.train if image in chosen)


def read_names(path: Path) -> list[str]:
    """The names in a list file, each once, in its order.

    Two forms are read: a JSON object whose key "values" holds the names (google-research/s4l,
    label_map_count_128000_index_0), and a text with a name a line, perhaps followed by white space and a label, which
    is not looked at. Names are file names or relative paths. Empty lines and a leading "./" are passed over.

    Raises:
        ViviError: no such file, another form, or no names.
    """
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    except OSError as error:
        raise ViviError(f"{path} cannot be read ({error.strerror}): name a list of images") from error
    names = _from_json(text, path) if text.lstrip().startswith(("{", "[")) else _from_lines(text)
    if not names:
        raise ViviError(f"{path} names no images; {_LEGAL}")
    return list(dict.fromkeys(name.removeprefix("./") for name in names))


def _from_json(text: str, path: Path) -> list[str]:
    try:
        data: Any = json.loads(text)
    except ValueError as error:
        raise ViviError(f"{path} is no valid JSON ({error}); {_LEGAL}") from error
    names = data.get("values") if isinstance(data, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ViviError(f'{path} has no list of file names under the key "values"; {_LEGAL}')
    return names


def _from_lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.split("\n"))
    return [_without_label(line) for line in lines if line]


def _without_label(line: str) -> str:
    """The line up to its label; a name may have spaces, so what ends like an image is a name."""
    name, *label = line.rsplit(maxsplit=1)
    return name if label and not has_image_ending(line) and has_image_ending(name) else line


def _images_named(folder: ImageFolder, names: Sequence[str], part: Sequence[LabelledImage]) -> _Named:
    """For each name the images of a part that it fits: by their path, their path below the split, their file name."""
    split = given_split(folder.root)
    named: _Named = {name: [] for name in names}
    for image in part:
        below = image.path if split is None else image.path.partition("/")[2]
        for name in {image.path, below, image.path.rpartition("/")[2]} & named.keys():
            named[name].append(image)
    return named


def _unknown(folder: ImageFolder, missing: Sequence[str], *, names: Sequence[str], path: Path) -> ViviError:
    shown = ", ".join(map(repr, missing[:_SHOWN])) + (", ..." if len(missing) > _SHOWN else "")
    tested = sum(map(bool, _images_named(folder, missing, folder.test).values()))
    advice = ""
    if tested:
        advice = f"; {tested} of them are held out for testing ({folder.split})"
        advice += "" if given_split(folder.root) else ": with train/CLASS/ and test/CLASS/ you say yourself which are"
    return ViviError(
        f"{path}: {len(missing)} of {len(names)} names are no training images of {folder.root}: {shown}; legal are "
        f"file names, and paths relative to the folder such as {folder.train[0].path!r}{advice}"
    )
