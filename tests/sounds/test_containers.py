"""FFmpeg opens files only: no playlist, no URL, no unknown codec."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from restyle.errors import InputError
from restyle.sounds.files import open_file, read_tags
from restyle.sounds.read import SoundReader


def playlist(folder: Path) -> Path:
    """A playlist, called a sound, that names another file of the folder."""
    soundfile.write(folder / "secret.wav", np.zeros(800), 8000)
    path = folder / "list.m4a"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.1,\nsecret.wav\n#EXT-X-ENDLIST\n")
    return path


def test_playlists_are_refused(tmp_path: Path) -> None:
    path = playlist(tmp_path)
    with pytest.raises(av.FFmpegError):
        open_file(path)
    with pytest.raises(InputError, match=r"list\.m4a: not a sound"), SoundReader(path):
        pass


def test_a_name_is_never_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("http:").mkdir()
    with av.open("a.m4a", "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode()])
    Path("a.m4a").rename("http:/a.m4a")
    with SoundReader("http:/a.m4a") as reader:
        assert reader.info.sr == 8000
    assert read_tags("http:/a.m4a").cover is None


def test_an_unknown_codec_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(800), 8000)
    data = bytearray(path.read_bytes())
    data[20:22] = struct.pack("<H", 0x1234)  # the codec in the header
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"odd\.wav: its sound codec is unknown"), SoundReader(path):
        pass
