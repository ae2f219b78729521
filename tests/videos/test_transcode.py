"""Sound that is encoded anew stays in step, over gaps as well. What webm does with it: test_video_files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from restyle.videos.transcode import Transcoder, kept
from tests.made_clips import make_clip, moving

GAP = 0.6  # seconds


def test_a_gap_becomes_silence(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(50), sound="aac")
    target = tmp_path / "out.webm"
    with av.open(str(source)) as before, av.open(str(target), "w", format="webm") as after:
        stream: Any = before.streams.audio[0]
        transcoder = Transcoder(after, stream, "libopus")
        for packet in before.demux(stream):
            second = float((packet.pts or 0) * (packet.time_base or Fraction(1)))
            if packet.size and not 0.5 < second < 0.5 + GAP:
                transcoder.add(packet)
        transcoder.finish()
    with av.open(str(target)) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[0]
    rate = 48000
    assert abs(len(sound) / rate - 2.0) < 0.1
    loud = [float(np.abs(sound[int(at * rate) : int((at + 0.1) * rate)]).max()) for at in (0.3, 0.75, 1.3)]
    assert loud[0] > 0.2
    assert loud[1] < 0.01
    assert loud[2] > 0.2


def test_what_a_container_said_of_itself_is_not_kept() -> None:
    assert kept({"title": "A", "major_brand": "isom", "HANDLER_NAME": "x"}) == {"title": "A"}
