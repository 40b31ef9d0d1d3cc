"""Files that ask for other files or addresses. None of them may get any, and none is a video."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.faults.boxes import box, with_box
from tests.faults.cases import Case, Materials, of_bytes

ENDS = frozenset({"not a video", "corrupt", "no video stream", "no frames"})
_DREF = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")


def places(materials: Materials) -> list[str]:
    """Ways to name what must not be opened."""
    canary = materials.canary
    return [
        f"http://127.0.0.1:{materials.port}/a.ts",
        str(canary),
        f"file://{canary}",
        f"file:{canary}",
        canary.name,
        f"../{canary.name}",
        f"concat:{canary}|{canary}",
        f"subfile,,start,0,end,0,,:{canary}",
        f"crypto+file://{canary}",
        f"tcp://127.0.0.1:{materials.port}",
    ]


_HLS = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:5\n#EXTINF:4,\n{}\n#EXT-X-ENDLIST\n"
_HLS_MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=64x48\n{}\n"
_HLS_KEY = '#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-KEY:METHOD=AES-128,URI="{0}"\n#EXTINF:4,\n{0}\n#EXT-X-ENDLIST\n'
_HLS_MAP = '#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-MAP:URI="{0}"\n#EXTINF:4,\n{0}\n#EXT-X-ENDLIST\n'
_CONCAT = "ffconcat version 1.0\nfile '{}'\nduration 4\n"
_DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT4S" '
    'profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet contentType="video"><Representation '
    'id="1" bandwidth="1000" mimeType="video/mp4"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
_SMIL = '<smil><body><video src="{}"/></body></smil>'
_ASX = '<asx version="3.0"><entry><ref href="{}"/></entry></asx>'
_PLS = "[playlist]\nFile1={}\nNumberOfEntries=1\nVersion=2\n"
_SHORTCUT = "[InternetShortcut]\nURL={}\n"
_VOBSUB = (
    "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 0\n# {}"
)
_XSPF = '<playlist version="1"><trackList><track><location>{}</location></track></trackList></playlist>'
TEXTS = {
    "HLS": (_HLS, "list.m3u8x"),
    "HLS named MP4": (_HLS, "list.mp4"),
    "HLS of lists": (_HLS_MASTER, "list.mp4"),
    "HLS with a key": (_HLS_KEY, "list.ts"),
    "HLS with a map": (_HLS_MAP, "list.mp4"),
    "concat": (_CONCAT, "list.ffconcat"),
    "concat named MP4": (_CONCAT, "list.mp4"),
    "DASH": (_DASH, "list.mpd"),
    "DASH named MP4": (_DASH, "list.mp4"),
    "SMIL": (_SMIL, "list.smil"),
    "ASX": (_ASX, "list.wmv"),
    "PLS": (_PLS, "list.mp4"),
    "a shortcut": (_SHORTCUT, "list.url"),
    "VobSub": (_VOBSUB, "canary.idx"),
    "XSPF": (_XSPF, "list.mp4"),
    "an address alone": ("{}", "list.strm"),
}
QUICK = {"HLS named MP4", "concat named MP4", "DASH named MP4"}


def cases() -> Iterator[Case]:
    """Each kind of list, with every way of naming a place in a file of its own."""
    for name, (text, file) in TEXTS.items():
        yield Case(name, partial(_each_place, text=text, file=file), ends=ENDS, is_quick=name in QUICK)
    yield of_bytes("SDP", _sdp, file="list.sdp", ends=ENDS, quick=True)
    yield of_bytes("SDP named MP4", _sdp, file="list.mp4", ends=ENDS)
    yield of_bytes("RTSP", lambda m: b"rtsp://127.0.0.1:%d/a\n" % m.port, file="list.mp4", ends=ENDS)
    for kind in (b"alis", b"url ", b"urn "):
        yield of_bytes(
            f"an MP4 whose pictures lie elsewhere, {kind.decode().strip()}",
            partial(_with_reference, kind=kind),
            file="a.mov",
            ends=ENDS | {"stored", "truncated"},
            quick=kind == b"alis",
        )
    yield of_bytes("a reference movie", _reference, file="a.mov", ends=ENDS)


def _each_place(folder: Path, materials: Materials, *, text: str, file: str) -> None:
    for number, place in enumerate(places(materials)):
        stem, _, ending = file.rpartition(".")
        (folder / f"{stem}{number}.{ending}").write_text(text.format(place))


def _sdp(materials: Materials) -> bytes:
    return (
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=a\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        b"m=video %d RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" % materials.port
    )


def _with_reference(materials: Materials, *, kind: bytes) -> bytes:
    return with_box(materials.film("late.mp4"), _DREF, _elsewhere(kind, materials))


def _elsewhere(kind: bytes, materials: Materials) -> bytes:
    """A data reference to another file: an address, or a record as old Macintosh programs wrote."""
    path = str(materials.canary).encode()
    place = f"file://{materials.canary}".encode() + b"\x00"
    if kind == b"alis":
        volume, name = b"\x00".ljust(28, b"\x00"), materials.canary.name.encode()
        start = b"\x00\x00\x00\x00" + bytes(6) + volume + bytes(12)
        mac = bytes([len(name)]) + name.ljust(63, b"\x00") + bytes(16) + b"\x00\x01\x00\x01" + bytes(16)
        place = (start + mac).ljust(150, b"\x00") + b"\x00\x12" + len(path).to_bytes(2, "big") + path
        place += b"\x00" * (len(path) % 2) + b"\xff\xff\x00\x00"
    return box(b"dref", bytes(4) + (1).to_bytes(4, "big") + box(kind, bytes(4) + place))


def _reference(materials: Materials) -> bytes:
    """A movie that is nothing but the address of another."""
    place = f"http://127.0.0.1:{materials.port}/a.mov".encode() + b"\x00"
    rdrf = box(b"rdrf", bytes(4) + b"url " + len(place).to_bytes(4, "big") + place)
    return box(b"ftyp", b"qt  " + bytes(4)) + box(b"moov", box(b"rmra", box(b"rmda", rdrf)))
