"""Open everything, take a port, answer until somebody stops it."""

import errno
import gc
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette

from vivi.browse.app import create_app
from vivi.browse.library import Library
from vivi.core.errors import InterruptedRunError, ViviError
from vivi.core.signals import stop_on_signals

if TYPE_CHECKING:
    from vivi.browse.opinion import Opinion

LOCAL = "127.0.0.1"
PORT = 8765
_TRIED = 20
"""Ports that are tried, from PORT on, where none was asked for."""
_EVERYWHERE = ("", "0.0.0.0", "::", "*")
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Site:
    """An app with the socket that it will answer on, once: the socket is closed in the end."""

    app: Starlette
    listening: socket.socket
    url: str
    """With the token: whoever has it may look, and where it was asked for, write the file of cuts."""

    def serve(self) -> None:
        """Answer requests until Ctrl-C or SIGTERM; both are a good end.

        Raises:
            ViviError: it has answered before.
        """
        gc.collect()
        gc.freeze()  # all that was loaded stays: looking through it again would hold up a request for half a second
        with stop_on_signals(), self.listening:
            self._server().run(sockets=[self.listening])

    @contextmanager
    def answering(self) -> Iterator[str]:
        """Answer requests from a thread until the block ends, as a notebook needs it; gives the address.

        Raises:
            ViviError: it has answered before.
        """
        server = self._server()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [self.listening]}, name="vivi browse")
        thread.start()
        try:
            yield self.url
        finally:
            server.should_exit = True
            thread.join()
            self.listening.close()

    def _server(self) -> uvicorn.Server:
        if self.listening.fileno() < 0:
            raise ViviError("this site has answered and is closed: open the store again")
        return uvicorn.Server(
            uvicorn.Config(
                self.app, http="h11", ws="none", lifespan="off", log_level="warning", access_log=False,
                server_header=False, timeout_graceful_shutdown=2,
            )
        )  # fmt: skip


def open_site(
    store: Path,
    *,
    encoder: Path | None = None,
    edit: Path | None = None,
    host: str = LOCAL,
    port: int | None = None,
    device: str = "cpu",
    names_progress: Told = lambda _done, _total: None,
    vectors_progress: Told = lambda _done, _total: None,
    index_progress: Told = lambda _done, _total: None,
) -> Site:
    """Open a store for looking at, and with an encoder for searching.

    Args:
        store: its folder.
        encoder: an encoder folder; the embeddings of all frames are made, or taken from the cache.
        edit: the CSV file of corrected cuts that may be written; without it nothing is.
        host: the address to listen on.
        port: a port; 0 takes any that is free; None the first free one from 8765 on.
        device: where to encode: auto, cpu, cuda or cuda:N.
        names_progress: called with videos whose names were read, and all.
        vectors_progress: called with videos whose frames were embedded, and all.
        index_progress: called with frames that are in the index of a large store, and all.

    Raises:
        ViviError: the store, the encoder, the file or the port cannot be used, or an extra is missing.
        InterruptedRunError: stopped while embedding; the embeddings so far are kept.
    """
    listening = _listen(host, port)
    try:
        library = Library.open(store, edit=edit, progress=names_progress)
        told = (vectors_progress, index_progress)
        opinion = None if encoder is None else _opinion(library, encoder, device=device, told=told)
        number = listening.getsockname()[1]
        names = {host.lower(), LOCAL, "localhost"} if host == LOCAL else {_in_url(host).lower()}
        token = secrets.token_urlsafe(32)
        app = create_app(
            library,
            opinion=opinion,
            token=token,
            hosts=frozenset(f"{name}:{number}" for name in names),
            cookie=f"vivi-{number}",
        )
    except BaseException:
        listening.close()
        raise
    return Site(app=app, listening=listening, url=f"http://{_in_url(host)}:{number}/?token={token}")


def _opinion(library: Library, folder: Path, *, device: str, told: tuple[Told, Told]) -> "Opinion":
    import torch

    from vivi.browse.nearest import open_search
    from vivi.browse.opinion import Opinion
    from vivi.browse.vectors import open_vectors
    from vivi.core.world import find_device
    from vivi.nn.export import load_encoder

    place = find_device(device)
    encoder = load_encoder(folder)
    encoder.to(device=place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        vectors = open_vectors(library.store, encoder, device=place, progress=told[0])
        search = open_search(vectors, progress=told[1])
    except KeyboardInterrupt:
        raise InterruptedRunError("interrupted: the embeddings so far are kept, the same command goes on") from None
    return Opinion(encoder, vectors=vectors, search=search, device=place)


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Raises:
        ViviError: the port is taken, or the host is none of this machine.
    """
    if host in _EVERYWHERE:
        raise ViviError(f"--host {host}: name one address of this machine, for its name is checked in every request")
    ports = range(PORT, PORT + _TRIED) if port is None else [port]
    fault: OSError | None = None
    for each in ports:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, each))
            listening.listen()
        except (OSError, OverflowError) as error:
            listening.close()
            fault = error if isinstance(error, OSError) else OSError(0, str(error))
            continue
        return listening
    tried = f"--port {port}" if port is not None else f"ports {ports[0]} to {ports[-1]}"
    why = None if fault is None else fault.strerror
    if isinstance(fault, socket.gaierror) or (fault is not None and fault.errno == errno.EADDRNOTAVAIL):
        raise ViviError(f"--host {host} is no address of this machine ({why}): leave it out for 127.0.0.1")
    raise ViviError(f"{tried} of {host} cannot be used ({why}): choose another --port, or 0 for any")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
