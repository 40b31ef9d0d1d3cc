"""XML from strangers: no document type, so no entities to expand; a limit on bytes, depth and elements."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from vivi.core.errors import ViviError
from vivi.data.image_file import printable

MAX_BYTES = 2**22
"""A longer file is refused before it is read; an annotation of VOC has about 1 KB."""
MAX_DEPTH = 32
MAX_ELEMENTS = 200_000


class MarkupError(ViviError):
    """An XML file that is missing, too large, not well-formed or of a kind that is not read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{printable(str(path))}: {reason}")


def read_markup(path: Path) -> Element:
    """The root element of an XML file.

    Raises:
        MarkupError: no regular file, too large, not well-formed, or with a document type declaration.
    """
    data = _read(path)
    parser = XMLParser(target=_Judge(path))
    try:
        parser.feed(data)
        root: Element = parser.close()
    except (ParseError, LookupError, ValueError) as error:  # the last two over unknown encodings
        raise MarkupError(path, f"not well-formed XML ({error}): repair this file") from error
    return root


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe or a device would be read for ever
            raise MarkupError(path, "not a regular file" if path.exists() else "no such file")
        if path.stat().st_size > MAX_BYTES:
            raise MarkupError(path, f"too large: {path.stat().st_size} bytes, at most {MAX_BYTES} are read")
        return path.read_bytes()
    except OSError as error:
        raise MarkupError(path, f"unreadable ({error.strerror})") from error


class _Judge(TreeBuilder):
    """Builds the tree and stops at what an annotation never has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._depth, self._elements = path, 0, 0

    def doctype(self, name: str, _public: str | None, _system: str | None) -> None:
        """Called where a document type begins, before any entity in it is declared."""
        raise MarkupError(self._path, f"it declares a document type ({name}), which is not read: remove <!DOCTYPE ...>")

    def start(self, tag: str, attributes: Mapping[str, str], /) -> Element:
        """An element begins."""
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise MarkupError(self._path, f"more than {MAX_DEPTH} levels or {MAX_ELEMENTS} elements: no annotation")
        return super().start(tag, dict(attributes))

    def end(self, tag: str, /) -> Element:
        """An element ends."""
        self._depth -= 1
        return super().end(tag)
