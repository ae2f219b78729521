"""Open media files with FFmpeg, safely."""

from __future__ import annotations

import os
from typing import Any

from restyle.types import PathLike

_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
# Formats that FFmpeg may open. Playlists are not among them, because they name other files.
_FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,asf,flv,gif,ogg,dv,mxf,rm,nut,wtv,ivf,obu,h264,hevc,m4v,apng,"
    "yuv4mpegpipe,swf,bink,smk,roq,film_cpk,amv,webp,wav,mp3,aac,flac,aiff,caf,w64,ac3,eac3,dts,au,amr"
)


def open_file(path: PathLike) -> Any:
    """Open a file with FFmpeg; its name is never a URL, and it may not refer to other files."""
    import av

    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    container: Any = av.open(f"file:{os.fspath(path)}", options=options)
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and stream.layout.name == f"{context.channels} channels":
            context.layout = _LAYOUTS.get(context.channels, stream.layout.name)
    return container
