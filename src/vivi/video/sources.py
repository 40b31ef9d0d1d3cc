"""Everything that an ingest is given, as one stream of candidates and refusals.

A source is a file, a folder, which is searched through, a tar file, or an address of an object store or web server.
With one source, a file's relative path is its path in that folder, or its name. With several, it begins with the name
of the source, and with as many of the folders above as it takes to tell the sources apart. The members of a tar file
lie below its name. What is named as a source is always tried.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vivi.core.errors import ConfigError, ViviError
from vivi.core.remote import address
from vivi.data.store.format import Skip, printable
from vivi.video.archives import search_archive, search_remote_archive
from vivi.video.folders import judge_file, search_folder
from vivi.video.holdout import Holdout
from vivi.video.listing import Candidate
from vivi.video.lists import search_list
from vivi.video.names import ARCHIVE
from vivi.video.objects import check_address, find_object, known_object, search_objects, without_query
from vivi.video.youtube import only_ids

Found = Iterator[Candidate | Skip]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What else is named beside the sources, and what of all of it is taken."""

    lists: tuple[Path, ...] = ()
    """Lists of videos, see `vivi.video.lists`."""
    ids: Path | None = None
    """A list of YouTube-8M or YouTube ids: only files named by them are taken, see `vivi.video.youtube`."""
    holdout: Holdout | None = None
    """Which part for training or testing; None: all."""


@dataclass(frozen=True, slots=True)
class _Root:
    """A source."""

    text: str
    """As it was given."""
    parts: tuple[str, ...]
    """Its name and those of what it lies in, the outermost first."""
    has_paths: bool
    """Whether what it holds has names of its own that need none of its."""
    search: Callable[..., Found]
    """Takes the label."""


def find_inputs(sources: Sequence[Path | str], *, selection: Selection, without: Path) -> Found:
    """Search sources and lists; sources are looked at here, what they hold when it is asked for.

    Args:
        sources: files, folders, tar files, addresses; local ones may be links.
        selection: lists, and what is taken.
        without: a folder that is not searched (the output).

    Raises:
        ViviError: a source is missing or cannot be read; see also `vivi.video.lists` and `vivi.video.youtube`.
        ConfigError: no source, or one lies inside another.
    """
    if not sources and not selection.lists:
        raise ConfigError("no source given: name at least one video file or folder, or a --list")
    urls = [address(each) for each in sources]
    remote = [_remote_root(url) for url in urls if url is not None]
    local = [_local_root(Path(each), without) for each, url in zip(sources, urls, strict=True) if url is None]
    lists = [_list_root(each) for each in selection.lists]
    for kind in (local, remote, lists):
        _refuse_overlaps(kind)
    roots = local + remote + lists
    found: Found = itertools.chain.from_iterable(
        root.search(label=label) for root, label in zip(roots, _labels(roots), strict=True)
    )
    if selection.ids is not None:
        found = only_ids(found, ids=selection.ids)
    return selection.holdout.of(found) if selection.holdout is not None else found


def _local_root(source: Path, without: Path) -> _Root:
    root = _resolve(source)
    parts, text = root.parts[1:], str(root)
    if root.is_dir():
        return _Root(text, parts, True, partial(search_folder, root, without=without.resolve()))
    if root.suffix.lower() == ARCHIVE and root.is_file():
        return _Root(text, parts, False, partial(search_archive, root))
    return _Root(text, parts, False, lambda *, label: iter([judge_file(label, root)]))


def _list_root(file: Path) -> _Root:
    root = _resolve(file)
    return _Root(str(root), root.parts[1:], True, partial(search_list, root))


def _remote_root(url: str) -> _Root:
    check_address(url)
    parts = urlsplit(url)
    names = (parts.netloc.rpartition("@")[2], *filter(None, unquote(parts.path).split("/")))
    about, text = find_object(url), without_query(url)
    if about is None:
        return _Root(text, names, True, partial(search_objects, url))
    if names[-1].lower().endswith(ARCHIVE):
        return _Root(text, names, False, partial(search_remote_archive, url))
    return _Root(text, names, False, lambda *, label: iter([known_object(url, about, path=label)]))


def _resolve(source: Path) -> Path:
    try:
        return source.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ViviError(f"cannot read source {printable(str(source))!r} ({why}): check the path") from error


def _refuse_overlaps(roots: list[_Root]) -> None:
    ordered = sorted(roots, key=lambda root: root.parts)
    for outer, inner in itertools.pairwise(ordered):
        if inner.parts[: len(outer.parts)] == outer.parts:
            names = [printable(each.text) for each in (inner, outer)]
            raise ConfigError(f"source {names[0]!r} lies inside source {names[1]!r}: give only the outer one")


def _labels(roots: list[_Root]) -> list[str]:
    if len(roots) == 1:
        return ["" if roots[0].has_paths else roots[0].parts[-1]]
    for length in range(1, 1 + max(len(root.parts) for root in roots)):
        labels = ["/".join(root.parts[-length:]) for root in roots]
        if len(set(labels)) == len(labels):
            return labels
    raise ConfigError("two sources have the same name on different kinds of places: ingest them into two stores")
