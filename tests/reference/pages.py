"""Code of the documents: the blocks of a page, and the command lines in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"(?:^|\s)(?:-m )?vivi ([a-z].*)$")
_INLINE = re.compile(r"`vivi ([a-z][^`]*)`")
_ENDS = {"&", "|", "||", "&&", ";", ">", "2>", "<"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `vivi` in a document."""

    text: str
    """As it is written behind `vivi`, with its comment."""

    @property
    def is_whole(self) -> bool:
        """Whether a shell would take it as it stands: nothing is optional, left out, or a variable."""
        return not re.search(r"[\[$*|]|\.\.\.", self.text.partition(" #")[0])

    @property
    def words(self) -> list[str]:
        """What the program is given; for whole calls."""
        words = shlex.split(self.text, comments=True)
        ends = [at for at, word in enumerate(words) if word in _ENDS]
        return words[: ends[0]] if ends else words

    @property
    def flags(self) -> set[str]:
        """Every `--flag`."""
        return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", self.text.partition(" #")[0]))


def blocks(page: Path, *, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [body for named, body in _FENCE.findall(page.read_text()) if named == language]


def calls(page: Path) -> list[Call]:
    """The calls in blocks for a shell, fenced or indented, in their order."""
    lines = "\n".join(_shell_lines(page)).replace("\\\n", " ").splitlines()
    return [Call(" ".join(found[1].split())) for line in lines if (found := _CALL.search(line))]


def inline_calls(page: Path) -> list[Call]:
    """The calls in running text."""
    return [Call(" ".join(text.split())) for text in _INLINE.findall(_FENCE.sub("", page.read_text()))]


def _shell_lines(page: Path) -> Iterator[str]:
    """Lines of blocks that are not in another language; a fenced block without one is shown output."""
    text = _FENCE.sub(lambda fence: _indented(fence[2]) if fence[1] in ("sh", "bash") else "", page.read_text())
    return (line[4:] for line in text.splitlines() if line.startswith("    "))


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
