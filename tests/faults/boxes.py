"""Changing the headers of MP4 files: a box is its length in four bytes, its kind in four, and what it holds."""


def patched(data: bytes, *patches: tuple[bytes, int, bytes]) -> bytes:
    """Write bytes into boxes; a patch is the kind of a box, where behind it the bytes go, and the bytes."""
    changed = bytearray(data)
    for kind, offset, new in patches:
        at = data.index(kind) + 4 + offset
        changed[at : at + len(new)] = new
    return bytes(changed)


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """Put `new` for every `old`, which is there."""
    if old not in data:
        raise ValueError(f"{old!r} is not in the file")
    return data.replace(old, new)


def with_box(data: bytes, path: tuple[bytes, ...], box: bytes) -> bytes:
    """Put a whole box for the first one at `path`; the lengths of those around it are corrected."""
    start, end, starts = 0, len(data), []
    for kind in path:
        at = start
        while data[at + 4 : at + 8] != kind:
            at += int.from_bytes(data[at : at + 4], "big")
            if at >= end:
                raise ValueError(f"there is no box {kind!r}")
        starts.append(at)
        start, end = at + 8, at + int.from_bytes(data[at : at + 4], "big")
    changed = bytearray(data)
    growth = len(box) - (end - starts[-1])
    for at in starts[:-1]:
        changed[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + growth).to_bytes(4, "big")
    changed[starts[-1] : end] = box
    return bytes(changed)


def box(kind: bytes, content: bytes) -> bytes:
    """A box."""
    return (8 + len(content)).to_bytes(4, "big") + kind + content
