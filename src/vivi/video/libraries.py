"""Which libraries of FFmpeg decode videos here."""

import av


def ffmpeg_libraries() -> dict[str, str]:
    """Their versions by name, such as libavcodec: 61.19.100, as PyAV was built with."""
    return {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}
