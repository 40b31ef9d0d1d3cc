"""The program, and how it ends; its verbs stand in the files beside this one."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from vivi import __version__
from vivi.cli.screen import EVERYTHING, Screen
from vivi.cli.wrong_words import told
from vivi.core.errors import InterruptedRunError, ViviError
from vivi.core.visible import visible

FAILED = 2
INTERRUPTED = 75

_HELP = """Image encoders learned from raw videos.

vivi demo --out demo
vivi ingest my_videos --out store
vivi pretrain "VIVI-Ex(4)" --data store --out run --tiny
vivi evaluate run/encoder --data my_images --out scores.json
vivi report run scores.json --store store --out report.html
"""

_SCREEN = Screen()

app = App(
    name="vivi",
    help=_HELP,
    help_format="plaintext",
    help_formatter=_SCREEN,
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never shows a traceback for what the user can mend."""
    # torch's idle threads are to sleep, and leave their core to the loader
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = list(sys.argv[1:] if arguments is None else arguments)
    _SCREEN.shows_everything = EVERYTHING in words
    words = ["--help" if word == EVERYTHING else _from_home(word) for word in words]
    try:
        app(words, exit_on_error=False, print_error=False, result_action="return_none")
    except InterruptedRunError as error:
        return _say(str(error), INTERRUPTED)
    except BrokenPipeError:
        return FAILED
    except CycloptsError as error:
        return _say(f"error: {told(error, app)}", FAILED)
    except ViviError as error:
        return _say("error: " + " ".join(str(error).split()), FAILED)
    except OSError as error:
        return _say(f"error: {error.strerror or error}: {error.filename or ''}".rstrip(": "), FAILED)
    except KeyboardInterrupt:
        return _say(
            "interrupted: ingest, pretrain, sweep, demo, embed, vtab, robust, detect, store merge and store split go "
            "on with the same command",
            INTERRUPTED,
        )
    return 0


def _from_home(word: str) -> str:
    """A word with the home folder in the place of its ~/, which shells leave alone in --flag=~/x and in quotes."""
    flag, _, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if not value.startswith("~/"):
        return word
    path = os.path.expanduser(value)  # noqa: PTH111 (Path raises where there is no home)
    return f"{flag}={path}" if flag else path


def _say(text: str, code: int) -> int:
    print(visible(f"vivi: {text}"), file=sys.stderr)
    return code
