"""What the name of a file says about whether it may be a video.

A file is tried if its name could be that of a video: extensions of pictures, text, sound and the like are left out, all
others, and names without an extension, are opened.
"""

from pathlib import PurePosixPath

from vivi.data.store.format import Skip, printable

_OTHER_KINDS = """
    jpg jpeg jpe jfif png bmp dib tif tiff ico psd svg eps heic heif raw cr2 cr3 nef arw dng ppm pgm pbm exr hdr tga
    mp3 wav flac aac m4a m4b opus oga wma aif aiff mid midi ac3 amr
    txt md rst csv tsv json jsonl ndjson xml html htm yaml yml toml ini cfg conf log nfo pdf doc docx xls xlsx ppt pptx
    srt vtt ass ssa sub sbv lrc m3u m3u8 pls cue py c h cpp hpp js css sh bat rs go java ipynb
    zip tar gz tgz bz2 xz zst 7z rar npy npz pt pth safetensors parquet h5 hdf5 pkl pickle db sqlite tfrecord mat
    exe dll so dmg md5 sha1 sha256 torrent ytdl lock
"""
_NOT_TRIED = frozenset(_OTHER_KINDS.split())
ARCHIVE = ".tar"


def refuse_name(path: str, *, size: int) -> Skip | None:
    """The refusal of what is no video by its name, with its size in bytes; None if it is tried."""
    extension = PurePosixPath(path).suffix.lower()
    if extension[1:] not in _NOT_TRIED:
        return None
    advice = f"files with extension {extension} are not tried, unless named as a source"
    return Skip(printable(path), "not a video", advice, size)


def joined(label: str, path: str) -> str:
    """`path` below `label`, which may be empty."""
    return f"{label}/{path}" if label else path
