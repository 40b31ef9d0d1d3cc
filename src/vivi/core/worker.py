"""What a worker process of `vivi.core.work` does: read a request, call the function, write the reply.

It imports as little as it can, and ends as soon as its parent closes the pipe or dies.
"""

import json
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

_DIE_BEFORE_THE_PARENT = "500"
"""Where the machine's memory ends, Linux kills the process with the highest score: one that costs only its unit."""


def serve(reference: str, *, memory: int) -> None:
    """Answer requests for ever.

    Args:
        reference: the function, as `module:name`.
        memory: limit of the address space in bytes, 0 for none.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_DIE_BEFORE_THE_PARENT)
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    replies, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    module, _, name = reference.partition(":")
    function = getattr(import_module(module), name)
    _reply(replies, {"ready": True})
    os.dup2(nowhere, 2)
    while True:
        _reply(replies, _answer(function, json.loads(requests.get())))


def _listen(requests: "queue.SimpleQueue[bytes]") -> None:
    """Pass requests on; a thread of its own, so that the end of the parent is noticed while a unit is at work."""
    received = b""
    while data := os.read(0, 1 << 16):
        *lines, received = (received + data).split(b"\n")
        for line in lines:
            requests.put(line)
    os._exit(0)


def _answer(function: Callable[[Any], Any], argument: Any) -> dict[str, Any]:
    try:
        return {"end": "DONE", "value": function(argument), "detail": ""}
    except Exception as error:
        return {"end": "FAILED", "value": None, "detail": f"{type(error).__name__}: {error}"}


def _reply(replies: int, message: dict[str, Any]) -> None:
    os.write(replies, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    serve(sys.argv[1], memory=int(sys.argv[2]))
