"""A long video in pieces that different processes decode, with the same frames as decoding it in one go.

A piece is a run of the sampled frames. Its plan is that of the whole video without the frames of the others: it begins
at a key frame, just as decoding takes up again behind packets that no frame needs. Where anything is met that the plan
did not foresee, or the size of the pictures changes, no piece is used and the video is done in one go.

.work/pieces/<key>/<first>-<end>.frames    the JPEG files of the frames first to end - 1, one behind the other
.work/pieces/<key>/<first>-<end>.npz       what is remembered of them; a piece exists when this file does
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vivi.core.files import atomic_file
from vivi.data.store import format as layout
from vivi.video.container import DecodeError, check_unchanged, open_video
from vivi.video.decode import MAX_FRAMES, MAX_OUTPUT_PIXELS, TimedFrame, VideoFrames
from vivi.video.encoding import Seen
from vivi.video.passes import UnforeseenError, decode_planned
from vivi.video.pictures import Pictures
from vivi.video.plan import Clock, plan_decoding
from vivi.video.shots import Colours, Signature

PIECE_SECONDS = 300.0
"""Of video in a piece, at least: half of the shortest video that is divided."""
Span = tuple[int, int]
"""Number of the first sampled frame of a piece, and of the one behind its last."""


class IndivisibleError(Exception):
    """The video has to be done in one go."""


def spans_of(frames: object, *, most: int, seconds: float = PIECE_SECONDS) -> list[Span]:
    """The pieces of a video; none if it is short or can only be decoded whole.

    Args:
        frames: those that are stored.
        most: pieces.
        seconds: of video in a piece, at least.
    """
    if not isinstance(frames, VideoFrames) or frames.whole:
        return []
    pieces = min(most, int(frames.info.seconds // seconds))
    count = len(plan_decoding(frames.timeline, frames.clock).times)
    may_be = 1 < pieces <= count <= MAX_FRAMES
    return [(count * n // pieces, count * (n + 1) // pieces) for n in range(pieces)] if may_be else []


@dataclass(frozen=True)
class _ClockOfPiece(Clock):
    span: Span

    def chosen(self, shown: Any) -> list[int]:
        """Those of the frames chosen by the whole video's clock that belong to the piece."""
        return Clock.chosen(self, shown)[slice(*self.span)]


class PieceFrames:
    """The frames of one piece; iterate once to decode them."""

    def __init__(self, frames: VideoFrames, span: Span) -> None:
        self._frames, self._span = frames, span
        self.coded_size = (0, 0)
        """Width and height of the first picture as it is coded, which decides the size of all; known when decoded."""
        self.state = _state(frames)

    def __iter__(self) -> Iterator[TimedFrame]:
        """Decode.

        Raises:
            IndivisibleError: the plan does not hold.
        """
        frames, clock = self._frames, self._frames.clock
        plan = plan_decoding(
            frames.timeline, _ClockOfPiece(time_base=clock.time_base, rate=clock.rate, span=self._span)
        )
        hidden = zip(frames.timeline.times, frames.timeline.hidden, strict=True)
        first = min(time for time, is_hidden in hidden if not is_hidden)
        pictures = Pictures(short_side=frames.short_side, pixel_aspect=frames.pixel_aspect)
        try:
            with open_video(frames.path, max_pixels=frames.max_pixels) as video:
                check_unchanged(frames.path, before=frames.state, now=video.state)
                for time, frame in decode_planned(video, plan):
                    self.coded_size = self.coded_size if any(self.coded_size) else (frame.width, frame.height)
                    yield TimedFrame(float(clock.count(time - first) / clock.rate), pictures.convert(frame))
        except (UnforeseenError, av.FFmpegError, DecodeError) as error:
            raise IndivisibleError from error


class Pieces:
    """The pieces of one video below a store that is being made."""

    def __init__(self, store: Path, key: str) -> None:
        self.folder = store / layout.WORK / "pieces" / key

    def is_there(self, span: Span) -> bool:
        """Whether a piece is done."""
        return self._facts(span).exists()

    def write(self, span: Span, jpegs: Iterator[bytes], *, seen: Seen, frames: PieceFrames) -> None:
        """Write a piece; `jpegs` fills `seen` and decodes `frames`.

        Raises:
            IndivisibleError: see `PieceFrames`; or what is remembered of the frames cannot be written down.
        """
        sizes = []
        with atomic_file(self._data(span)) as file:
            for jpeg in jpegs:
                sizes.append(file.write(jpeg))
        facts = {
            "sizes": np.array(sizes, np.int64),
            "seconds": np.array(seen.seconds, np.float64),
            "stored": np.array([seen.height, seen.width], np.int64),
            "coded": np.array(frames.coded_size, np.int64),
            "state": np.array(frames.state),
            **_signature_arrays(seen.signatures),
        }
        with atomic_file(self._facts(span)) as file:
            np.savez(file, **facts)  # type: ignore[arg-type]

    def read(self, spans: list[Span], *, seen: Seen, frames: VideoFrames) -> Iterator[bytes]:
        """The JPEG files of all pieces in order; `seen` takes note of their frames first.

        Args:
            spans: of the pieces.
            seen: empty before.
            frames: of the whole video, as the file is now.

        Raises:
            IndivisibleError: their pictures were scaled to different sizes, they are too many, or the file was changed.
        """
        sizes: list[NDArray[np.int64]] = []
        same, states = set(), {tuple(_state(frames))}
        for span in spans:
            with np.load(self._facts(span), allow_pickle=False) as facts:
                sizes.append(facts["sizes"])
                same.add((*facts["coded"].tolist(), *facts["stored"].tolist()))
                states.add(tuple(facts["state"].tolist()))
                seen.seconds += facts["seconds"].tolist()
                seen.signatures += _signatures(facts)
                seen.height, seen.width = facts["stored"].tolist()
        pixels = sum(map(len, sizes)) * seen.height * seen.width
        if len(same) > 1 or len(states) > 1 or pixels > MAX_OUTPUT_PIXELS:
            raise IndivisibleError
        return self._jpegs(spans, sizes)

    def remove(self) -> None:
        """Delete all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _jpegs(self, spans: list[Span], sizes: list[NDArray[np.int64]]) -> Iterator[bytes]:
        for span, lengths in zip(spans, sizes, strict=True):
            with self._data(span).open("rb") as file:
                for length in lengths.tolist():
                    yield file.read(length)

    def _data(self, span: Span) -> Path:
        return self.folder / f"{span[0]}-{span[1]}.frames"

    def _facts(self, span: Span) -> Path:
        return self.folder / f"{span[0]}-{span[1]}.npz"


def _state(frames: VideoFrames) -> list[str]:
    """Which file it is, on any machine: inode, bytes, and time of the last change."""
    return [str(each) for each in frames.state[1:]]


def _signature_arrays(signatures: list[Signature]) -> dict[str, NDArray[Any]]:
    """Signatures as arrays: the number of bins of each (-1 for none), and all bins and shares one behind the other."""
    if not all(each is None or type(each) is Colours for each in signatures):
        raise IndivisibleError
    there = [each for each in signatures if each is not None]
    return {
        "bins": np.array([-1 if each is None else len(each.bins_B) for each in signatures], np.int64),
        "numbers": np.concatenate([np.zeros(0, np.uint16), *(each.bins_B for each in there)]),
        "shares": np.concatenate([np.zeros(0, np.float32), *(each.shares_B for each in there)]),
    }


def _signatures(facts: Any) -> Iterator[Signature]:
    numbers, shares, start = facts["numbers"], facts["shares"], 0
    for count in facts["bins"].tolist():
        end = start + max(count, 0)
        yield None if count < 0 else Colours(bins_B=numbers[start:end], shares_B=shares[start:end])
        start = end
