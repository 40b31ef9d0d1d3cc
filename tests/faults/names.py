"""Good videos with names that mean something to somebody: a shell, a terminal, FFmpeg, a spreadsheet, a browser."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.cases import STORED, Case, Materials

NAMES = {
    "newline": "new\nline.mp4",
    "carriage return": "car\rriage.mp4",
    "tab": "ta\tb.mp4",
    "escape sequence": "\x1b[31mred\x1b[0m.mp4",
    "sets the window's title": "\x1b]0;title\x07.mp4",
    "backspaces": "good\x08\x08\x08\x08bad.mp4",
    "quotes": "qu'o\"te`.mp4",
    "an option": "-rf.mp4",
    "a long option": "--out",
    "FFmpeg's input": "-i",
    "percent s": "%s%n%d.mp4",
    "picture numbers": "a%03d.mp4",
    "braces": "{0}{path}.mp4",
    "shell": "$(touch outside);touch outside;`touch outside`|touch outside&.mp4",
    "glob": "*?[a-z].mp4",
    "home": "~",
    "emoji": "\N{CLAPPER BOARD}\N{FAMILY}\u200d.mp4",
    "right to left": "\u202egpm.4pm",
    "Hebrew": "\u05d0\u05d1\u05d2.mp4",
    "zero width": "a\u200b\u2060\ufeff.mp4",
    "composed": "\u00e9.mp4",
    "decomposed": "e\u0301.mp4",
    "255 bytes": "x" * 251 + ".mp4",
    "255 bytes of UTF-8": "\u00e9" * 125 + "x.mp4",
    "not UTF-8": os.fsdecode(b"\xff\xfe\x80.mp4"),
    "cut UTF-8": os.fsdecode(b"caf\xc3.mp4"),
    "dots": "..mp4",
    "more dots": "...",
    "backslashes": "..\\..\\outside.mp4",
    "percent dots": "%2e%2e%2foutside.mp4",
    "a drive": "C:outside.mp4",
    "a protocol": "http:",
    "a pipe": "pipe:0",
    "concat": "concat:a|b.mp4",
    "file": "file:outside.mp4",
    "a device": "video=x",
    "a formula": "=HYPERLINK(outside),+1-2@.mp4",
    "a script": "<script>alert(1)<&amp;>.mp4",
    "comma and semicolon": 'a,b;c"",d.mp4',
    "spaces": "  .mp4 ",
    "hidden": ".mp4",
    "no ending": "none",
    "like a shard": "shard-000000.tar.mp4",
    "like the manifest": "store.json.mp4",
    "like a temporary file": ".tmp-1-a.mp4",
}
QUICK = {"newline", "escape sequence", "an option", "right to left", "not UTF-8", "255 bytes", "backslashes"}


def cases() -> Iterator[Case]:
    """A file each, and two in folders with such names."""
    for name, file in NAMES.items():
        yield Case(f"name: {name}", _film(file), ends=STORED, is_quick=name in QUICK)
    yield Case("folders with such names", _film("-rf/\u202e\n/%s/a.mp4"), ends=STORED)
    yield Case("forty folders deep", _film("/".join(["folder"] * 40) + "/a.mp4"), ends=STORED)


def _film(file: str) -> Callable[[Path, Materials], None]:
    def make(folder: Path, materials: Materials) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(materials.film("early.mp4"))

    return make
