"""The verb that opens a store in a web browser."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vivi.cli.app import app
from vivi.cli.screen import RARE


@app.command
def browse(
    store: Path,
    *,
    encoder: Path | None = None,
    edit: Path | None = None,
    port: int | None = None,
    open: Annotated[bool, Parameter(negative="--no-open")] = False,
    host: Annotated[str, Parameter(group=RARE)] = "127.0.0.1",
    device: Annotated[str, Parameter(group=RARE)] = "auto",
) -> None:
    """Look at the videos, shots and cuts of a store in a web browser, on this machine alone. Ctrl-C ends it.

    vivi browse store
    vivi browse store --encoder run/encoder
    vivi browse store --edit cuts.csv

    Parameters
    ----------
    store
        A store that `vivi ingest` wrote.
    encoder
        An encoder folder: shows the nearest frames of every frame, and finds videos like a picture. The embeddings of
        all frames are made first and kept in the cache.
    edit
        A CSV file for corrected cuts, read by `vivi ingest --corrections`. Without it nothing can be changed.
    port
        0 for any; the first free one from 8765 on if not given.
    open
        Open the page in the web browser of this machine. Others on the machine may then see its address for a moment.
    host
        Another address of this machine to listen on. The connection is not encrypted.
    device
        Where to embed: auto, cpu, cuda or cuda:N.
    """
    from vivi.api import browse as open_site
    from vivi.console.browse import browse_progress, show_end, show_site

    with browse_progress() as progress:
        site = open_site(store, encoder=encoder, edit=edit, port=port, host=host, device=device, progress=progress)
    show_site(site.url, edit=edit, host=host, is_opened=open)
    site.serve()
    show_end()
