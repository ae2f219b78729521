"""Camera raw: the full-size JPEG in it is read, and a thumbnail never."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError
from restyle.images.decode import read_file
from tests.images.made_raw import ARTIST, made_raw, made_sensor, small_copy

SIZE = (480, 320)


def picture(width: int, height: int) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1).astype(
        np.uint8
    )


def jpeg(size: tuple[int, int] = SIZE) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(*size)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


LOSSLESS = b"\xff\xd8\xff\xc3" + struct.pack(">HBHHB", 14, 14, 330, 248, 2) + bytes(900)
# Where each maker keeps the JPEG: name, byte order, directories (see `made_raw`).
SENSOR = made_sensor(SIZE[0] + 16, SIZE[1] + 12)
LAYOUTS: dict[str, tuple[str, list[dict[Any, Any]]]] = {
    "a.dng": ("II", [small_copy(dng=True, below=[SENSOR, {"strip": jpeg(), 259: 7, 262: 6}])]),
    "a.nef": ("MM", [small_copy(below=[{"block": jpeg(), 259: 6}, {**SENSOR, 259: 34713}])]),
    "a.arw": (
        "II",
        [
            {"block": jpeg((240, 160)), 259: 6, 274: 6, 315: ARTIST, "below": [{**SENSOR, 259: 32767}]},
            {"block": jpeg((160, 120))},
            {"block": jpeg()},
        ],
    ),
    # Canon states the size of the sensor only in its lossless JPEG, in two channels of half the width.
    "a.cr2": (
        "CR",
        [
            {"strip": jpeg(), 259: 6, 274: 6, 315: ARTIST},
            {"block": jpeg((160, 106))},
            {"strip": bytes(60 * 40 * 6), 256: 60, 257: 40, 259: 1, 262: 2},
            {"strip": LOSSLESS, 259: 6},
        ],
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_full_preview_is_read_and_reported(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    path.write_bytes(made_raw(*LAYOUTS[name]))
    image = read_file(path, 10**6)
    assert image.colors.shape == (320, 480, 3)
    assert np.abs(image.colors.astype(int) - picture(*SIZE)).mean() < 3
    assert image.orientation == 6
    assert image.exif is not None
    assert ARTIST in image.exif
    assert caplog.messages == [
        f"{path}: is a camera raw file; the camera's own JPEG in it, 480 x 320 pixels, is used"
    ]


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ([SENSOR], "without a preview; develop it first"),
        ([SENSOR, {"strip": jpeg((160, 106)), 259: 7}], "largest preview has only 160 x 106 pixels; develop"),
        # The size in the tags is a claim, that in the JPEG counts.
        ([SENSOR, {"strip": jpeg((160, 106)), 259: 7, 256: 480, 257: 320}], "only 160 x 106 pixels"),
        ([{"strip": jpeg((160, 106)), 259: 7}], "only 160 x 106 pixels"),
        ([{**SENSOR, 262: 34892}, {"strip": b"\xff\xd8\xff", 259: 7}], "without a preview"),
    ],
)
def test_a_small_preview_is_not_the_picture(below: list[dict[Any, Any]], said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(made_raw("II", [small_copy(dng=True, below=below)]))
    with pytest.raises(InputError, match=said) as caught:
        read_file(path, 10**6)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("offsets", [[8, 8], [7, 2**32 - 1, 999_999], list(range(8, 900))])
def test_directories_in_circles_end(offsets: list[int], tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(made_raw("II", [small_copy(dng=True) | {330: offsets}]))
    with pytest.raises(InputError, match="camera raw file without a preview"):
        read_file(path, 10**6)


def test_tags_of_dng_do_not_pass_to_results(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(made_raw(*LAYOUTS["a.dng"]))
    block = read_file(path, 10**6).exif
    assert block is not None
    found = Image.Exif()
    found.load(block)
    assert set(found) == {271, 315}
