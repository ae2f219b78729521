"""TIFF writing: read back by tifffile, which shares no code with Pillow, and by Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from restyle.images import tiff_write

Deep = npt.NDArray[np.uint16]


def squeezed(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return samples[..., 0] if samples.shape[-1] == 1 else samples


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("block", [1 << 20, 2000])
def test_read_back(
    monkeypatch: pytest.MonkeyPatch, deep_scene: Deep, channels: int, dtype: type, block: int
) -> None:
    monkeypatch.setattr(tiff_write, "_BLOCK_BYTES", block)
    samples: npt.NDArray[Any] = (deep_scene[..., :channels] >> (8 if dtype == np.uint8 else 0)).astype(dtype)
    data = tiff_write.encode(samples)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        np.testing.assert_array_equal(file.asarray(), squeezed(samples))
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        assert bool(page.extrasamples) == (channels in (2, 4))
    if dtype == np.uint8 or channels == 1:
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_array_equal(np.asarray(image), squeezed(samples))


def test_profile_and_exif_are_where_pillow_finds_them(deep_scene: Deep) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x829A] = (1, 50)
    exif.get_ifd(0x8825)[1] = "N"
    data = tiff_write.encode(deep_scene[..., :3], icc=b"a profile", exif=exif.tobytes())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        tags = page.tags
        assert tags["InterColorProfile"].value == b"a profile"
        assert tags["Make"].value == "Maker"
        assert tags["ExifTag"].value["ExposureTime"] == (1, 50)
        assert tags["GPSTag"].value["GPSLatitudeRef"] == "N"
        np.testing.assert_array_equal(file.asarray(), deep_scene[..., :3])


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4])),
    )
)
def test_round_trip(samples: npt.NDArray[Any]) -> None:
    with tifffile.TiffFile(io.BytesIO(tiff_write.encode(samples))) as file:
        np.testing.assert_array_equal(file.asarray().reshape(samples.shape), samples)
