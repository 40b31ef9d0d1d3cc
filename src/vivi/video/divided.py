"""Videos that are done in pieces, on the parent's side: which units follow one another."""

from dataclasses import dataclass, replace
from typing import Any

from vivi.core.work import End, Outcome, Unit
from vivi.data.store.format import video_key


@dataclass(slots=True)
class _Video:
    whole: Unit
    spans: list[list[int]]
    left: int
    is_bad: bool = False


class Divided:
    """For each video its pieces, and then one unit that joins them, or does the video in one go after all."""

    def __init__(self) -> None:
        self._videos: dict[str, _Video] = {}

    def begin(self, whole: Unit, spans: list[list[int]]) -> list[Unit]:
        """The units of the pieces into which a video falls."""
        self._videos[video_key(whole.argument["path"])] = _Video(whole, spans, len(spans))
        return [_unit(whole, {"work": "piece", "span": span}) for span in spans]

    def follow(self, outcome: Outcome) -> list[Unit] | None:
        """The units that follow one that has ended; None where the outcome is that of the video."""
        argument = outcome.unit.argument
        if argument["work"] == "whole":
            return None
        key = video_key(argument["path"])
        video = self._videos[key]
        is_good = outcome.end is End.DONE and "indivisible" not in outcome.value
        if argument["work"] == "piece":
            video.left -= 1
            video.is_bad = video.is_bad or not is_good
            if video.left:
                return []
            if not video.is_bad:
                return [_unit(video.whole, {"work": "join", "spans": video.spans})]
        elif is_good:
            del self._videos[key]
            return None
        del self._videos[key]
        return [_unit(video.whole, {"pieces": 0})]


def _unit(whole: Unit, changes: dict[str, Any]) -> Unit:
    argument = whole.argument | changes
    span = "-".join(map(str, argument.get("span", ())))
    return replace(whole, name=f"{whole.name} {argument['work']} {span}".rstrip(), argument=argument)
