"""Which files an ingest tries: every file below the sources is either a candidate or skipped with its reason.

A file is tried if its name could be that of a video: extensions of pictures, text, sound and the like are left out, all
others, and files without an extension, are opened. A file that is named as a source is always tried. Folders are
searched through; links in them are not followed, and nothing but regular files is ever opened.
"""

import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.core.errors import ConfigError, ViviError
from vivi.data.store.format import Skip, printable, video_key

_OTHER_KINDS = """
    jpg jpeg jpe jfif png bmp dib tif tiff ico psd svg eps heic heif raw cr2 cr3 nef arw dng ppm pgm pbm exr hdr tga
    mp3 wav flac aac m4a m4b opus oga wma aif aiff mid midi ac3 amr
    txt md rst csv tsv json jsonl ndjson xml html htm yaml yml toml ini cfg conf log nfo pdf doc docx xls xlsx ppt pptx
    srt vtt ass ssa sub sbv lrc m3u m3u8 pls cue py c h cpp hpp js css sh bat rs go java ipynb
    zip tar gz tgz bz2 xz zst 7z rar npy npz pt pth safetensors parquet h5 hdf5 pkl pickle db sqlite tfrecord mat
    exe dll so dmg md5 sha1 sha256 torrent ytdl lock
"""
_NOT_TRIED = frozenset(_OTHER_KINDS.split())


@dataclass(frozen=True, slots=True)
class Candidate:
    """A regular file that may be a video."""

    path: str
    """Relative to its source, with `/`; what the store knows it by."""
    file: Path
    bytes: int
    changed: int
    """Time of the last change, in nanoseconds."""

    @property
    def key(self) -> str:
        """Its name inside the shards."""
        return video_key(self.path)


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that lies in the sources, sorted by relative path."""

    candidates: tuple[Candidate, ...]
    skipped: tuple[Skip, ...]


def list_sources(sources: Sequence[Path], *, without: Path) -> Listing:
    """Search files and folders.

    With one source, a file's relative path is its path in that folder, or its name. With several, it begins with the
    name of the source, and with as many of the folders above as it takes to tell the sources apart.

    Args:
        sources: files and folders; they may be links.
        without: a folder that is not searched (the output).

    Raises:
        ViviError: a source is missing or cannot be read.
        ConfigError: no source, or one lies inside another.
    """
    if not sources:
        raise ConfigError("no source given: name at least one video file or folder")
    roots = [_resolve(source) for source in sources]
    _refuse_overlaps(roots)
    found: list[Candidate | Skip] = []
    for root, label in zip(roots, _labels(roots), strict=True):
        found.extend(_search(root, label, without.resolve()))
    found.sort(key=lambda each: each.path)
    listing = Listing(
        candidates=tuple(each for each in found if isinstance(each, Candidate)),
        skipped=tuple(each for each in found if isinstance(each, Skip)),
    )
    if len({each.key for each in listing.candidates}) < len(listing.candidates):
        raise ViviError("two relative paths have the same 64-bit key, a chance of one in billions: rename a source")
    return listing


def _resolve(source: Path) -> Path:
    try:
        return source.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ViviError(f"cannot read source {printable(str(source))!r} ({why}): check the path") from error


def _refuse_overlaps(roots: list[Path]) -> None:
    ordered = sorted(roots, key=lambda root: root.parts)
    for outer, inner in itertools.pairwise(ordered):
        if inner.is_relative_to(outer):
            raise ConfigError(f"source {str(inner)!r} lies inside source {str(outer)!r}: give only the outer one")


def _labels(roots: list[Path]) -> list[str]:
    if len(roots) == 1:
        return ["" if roots[0].is_dir() else roots[0].name]
    for length in itertools.count(1):
        labels = ["/".join(root.parts[1:][-length:]) for root in roots]
        if len(set(labels)) == len(labels):
            return labels
    raise AssertionError("paths that differ have different last parts")


def _search(root: Path, label: str, output: Path) -> Iterator[Candidate | Skip]:
    if not root.is_dir():
        yield _judge(label, root)
        return
    folders = [(root, label)]
    while folders:
        folder, prefix = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            yield Skip(printable(prefix), "unreadable", f"folder: {error.strerror}", 0)
            continue
        for entry in entries:
            path = f"{prefix}/{entry.name}" if prefix else entry.name
            file = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                folders += [(file, path)] if file != output else []
            else:
                yield _refuse_link(path, file, root) or _refuse_name(path, file) or _judge(path, file)


def _refuse_link(path: str, file: Path, root: Path) -> Skip | None:
    if not file.is_symlink():
        return None
    try:
        target = file.resolve(strict=True)
    except (OSError, RuntimeError):
        return Skip(printable(path), "broken link", "it points to nothing or to itself", 0)
    if target.is_relative_to(root):
        return Skip(printable(path), "link", "what it points to lies in the same folder and is listed itself", 0)
    return Skip(printable(path), "outside the folder", "a link to elsewhere: name its target as a source", 0)


def _refuse_name(path: str, file: Path) -> Skip | None:
    extension = file.suffix.lower()
    if extension[1:] not in _NOT_TRIED or not file.is_file():
        return None
    advice = f"files with extension {extension} are not tried, unless named as a source"
    return Skip(printable(path), "not a video", advice, file.stat().st_size)


def _judge(path: str, file: Path) -> Candidate | Skip:
    try:
        status = file.lstat()
    except OSError as error:
        return Skip(printable(path), "unreadable", error.strerror or str(error), 0)
    if not stat.S_ISREG(status.st_mode):
        return Skip(printable(path), "not a regular file", "only regular files are opened", 0)
    return Candidate(path=path, file=file, bytes=status.st_size, changed=status.st_mtime_ns)
