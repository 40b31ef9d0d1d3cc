"""What `vivi browse` shows."""

import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from vivi.console.base import Bar, plain

Told = Callable[[str, int, int], None]
_UNITS = {"names": "videos", "embeddings": "videos", "index": "frames"}
_LOCAL = "127.0.0.1"


@contextmanager
def browse_progress() -> Iterator[Told]:
    """Bars for the names, the embeddings and the index; each appears when it has something to tell."""
    with ExitStack() as stack:
        bars: dict[str, Bar] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                stack.close()
                bars[what] = stack.enter_context(Bar(what.capitalize(), unit=_UNITS[what]))
            bars[what].update(done, total=total)

        yield tell


def show_site(url: str, *, edit: Path | None, host: str, is_opened: bool) -> None:
    """The address, what may be changed, and how to end it; opened where asked for."""
    if host != _LOCAL:
        plain(f"warning: on {host} others of your network can read and change what you send, and see the token")
    plain(url)
    plain("Read only." if edit is None else f"Corrected cuts go to {edit}")
    plain("Whoever has this address may look. Ctrl-C ends.")
    if is_opened and not webbrowser.open(url):
        plain("No web browser was found here: open the address yourself.")


def show_end() -> None:
    """After Ctrl-C."""
    plain("Ended.")
