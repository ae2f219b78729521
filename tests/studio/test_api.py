"""The API: results are those of Python; jobs, walls, own styles; errors."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from PIL import Image, ImageCms
from starlette.requests import Request

import restyle
from restyle.studio import ApiError
from restyle.studio.api import prefers_async, unless_gone
from restyle.studio.security import client_of
from restyle.videos.read import VideoReader
from tests.made_clips import frames_of, make_clip, moving
from tests.studio.conftest import wait_until

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def save_with_metadata(photo: Pixels, path: Path) -> tuple[Path, bytes]:
    """Save a JPEG with EXIF and a profile; return its path and the profile."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    Image.fromarray(photo).save(path, quality=95, exif=exif, icc_profile=profile)
    return path, profile


def post(client: httpx.Client, photo: Path, path: str = "/v1/images", **more: Any) -> httpx.Response:
    """Send a photo with fields."""
    headers = more.pop("headers", {})
    files = [("content", photo.read_bytes()), *more.pop("files", [])]
    return client.post(path, files=files, data=more or {"style": "great-wave"}, headers=headers)


def finished(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for a job."""

    def ended() -> bool:
        nonlocal job
        job = client.get(f"/v1/jobs/{job['id']}").json()
        return job["state"] in ("done", "failed", "cancelled")

    wait_until(ended)
    return job


def events(client: httpx.Client, job: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a job until they end."""
    with client.stream("GET", job["events"]) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


@pytest.fixture
def stylizer(tiny_model: Path) -> restyle.Stylizer:
    return restyle.Stylizer(tiny_model, threads=1)


@pytest.mark.slow
def test_picture_is_the_one_of_python(
    client: httpx.Client, photo_file: Path, tmp_path: Path, stylizer: restyle.Stylizer
) -> None:
    answer = post(client, photo_file, style=["great-wave", "starry-night:0.5"], strength="0.7", size="48")
    wanted = stylizer(
        photo_file, ["great-wave", "starry-night:0.5"], strength=0.7, size=48, output=tmp_path / "art.png"
    )
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'inline; filename="restyle-great-wave-starry-night.png"'
    assert answer.content == wanted.read_bytes()


def test_raw_body_takes_options_from_the_query(
    client: httpx.Client, photo_file: Path, photo: Pixels, stylizer: restyle.Stylizer
) -> None:
    answer = client.post(
        "/v1/images?style=great-wave&keep_colors=luminance",
        content=photo_file.read_bytes(),
        headers={"content-type": "image/png", "accept": "image/tiff"},
    )
    assert answer.headers["content-type"] == "image/tiff"
    wanted = stylizer(photo, "great-wave", keep_colors="luminance")
    assert np.array_equal(np.asarray(image(answer.content)), wanted)


def test_uploaded_styles_and_regions(
    client: httpx.Client, photo_file: Path, style_file: Path, photo: Pixels, stylizer: restyle.Stylizer
) -> None:
    mask = np.zeros((60, 84), np.uint8)
    mask[:, 40:] = 255
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    files = [("style_image", style_file.read_bytes()), ("mask", buffer.getvalue())]
    answer = post(client, photo_file, files=files, region="starry-night")
    assert answer.status_code == 200, answer.text
    wanted = stylizer(photo, style_file, regions=[(mask, "starry-night")])
    assert np.array_equal(np.asarray(image(answer.content)), wanted)


@pytest.mark.parametrize(("accept", "form"), [("image/jpeg", "JPEG"), ("image/webp", "WEBP")])
def test_exif_and_profile_are_kept(
    client: httpx.Client, tmp_path: Path, photo: Pixels, accept: str, form: str
) -> None:
    path, profile = save_with_metadata(photo, tmp_path / "photo.jpg")
    answer = post(client, path, style="great-wave", headers={"accept": accept})
    result = image(answer.content)
    assert (result.format, result.getexif()[0x010F]) == (form, "a camera")
    assert result.info["icc_profile"] == profile


def test_wall_has_every_style_and_its_errors_have_a_status(
    client: httpx.Client, photo_file: Path, tmp_path: Path
) -> None:
    answer = post(client, photo_file, "/v1/wall", size="64")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    tiles = [json.loads(line) for line in answer.text.splitlines()]
    assert [tile["style"] for tile in tiles] == ["great-wave", "starry-night"]
    data = tiles[0]["image"].removeprefix("data:image/jpeg;base64,")
    assert max(image(base64.b64decode(data)).size) == 64

    cut = tmp_path / "cut.png"
    cut.write_bytes(photo_file.read_bytes()[:400])
    answer = post(client, cut, "/v1/wall")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")
    assert answer.json()["error"]["message"].startswith("content: damaged")
    assert post(client, photo_file, "/v1/wall", strength="0.5").json()["error"]["field"] == "strength"


def test_own_style_is_used_by_its_name(
    client: httpx.Client, photo_file: Path, style_file: Path, photo: Pixels, stylizer: restyle.Stylizer
) -> None:
    answer = client.post("/v1/styles", files={"image": style_file.read_bytes()})
    entry = answer.json()
    assert (answer.status_code, entry["kind"]) == (201, "own")
    assert entry["name"].startswith("own-")
    assert len(entry["name"]) == 20
    assert max(image(client.get(entry["artwork"]).content).size) <= 512
    again = client.post("/v1/styles", content=style_file.read_bytes(), headers={"content-type": "image/png"})
    assert again.json() == entry
    result = post(client, photo_file, style=entry["name"])
    assert np.array_equal(np.asarray(image(result.content)), stylizer(photo, style_file))
    names = [each["name"] for each in client.get("/v1/styles").json()["styles"]]
    assert entry["name"] not in names  # only its maker knows it


def test_job_ends_with_the_same_picture(client: httpx.Client, photo_file: Path) -> None:
    answer = post(client, photo_file, style="great-wave", headers={"prefer": "respond-async"})
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{answer.json()['id']}")
    happened = list(events(client, answer.json()))
    assert happened[-1][0] == "done"
    job = happened[-1][1]
    result = client.get(job["result"])
    assert result.content == post(client, photo_file, style="great-wave").content
    part = client.get(job["result"], headers={"range": "bytes=0-7"})
    assert (part.status_code, part.content) == (206, b"\x89PNG\r\n\x1a\n")
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 200
    assert client.get(job["result"]).status_code == 404


def test_result_of_a_job_comes_in_another_format_without_painting_again(
    client: httpx.Client, tmp_path: Path, photo: Pixels
) -> None:
    path, profile = save_with_metadata(photo, tmp_path / "photo.jpg")
    started = post(client, path, style="great-wave", quality="80", headers={"prefer": "respond-async"})
    job = finished(client, started.json())

    def tasks() -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith("restyle_tasks_total"))

    before = tasks()
    assert client.get(job["result"], headers={"accept": "image/webp, image/*;q=0.1"}).headers[
        "content-type"
    ] == ("image/jpeg")  # as it is, where that will do
    assert tasks() == before
    for accept, form in {"image/png": "PNG", "image/tiff": "TIFF", "image/webp": "WEBP"}.items():
        answer = client.get(job["result"], headers={"accept": accept})
        direct = post(client, path, style="great-wave", quality="80", headers={"accept": accept})
        assert answer.content == direct.content  # from the pixels, not from the JPEG
        result = image(answer.content)
        assert (result.format, result.getexif()[0x010F]) == (form, "a camera")
        assert result.info["icc_profile"] == profile
        assert (
            Path(answer.headers["content-disposition"].strip('"')).suffix
            == Path(direct.headers["content-disposition"].strip('"')).suffix
        )
    before = tasks()
    again = client.get(job["result"], headers={"accept": "image/png"})
    assert (again.status_code, tasks()) == (200, before)  # the file is kept
    assert client.get(job["result"], headers={"accept": "text/html"}).status_code == 406


def test_looks_need_no_style(
    client: httpx.Client, photo_file: Path, photo: Pixels, tmp_path: Path, stylizer: restyle.Stylizer
) -> None:
    answer = post(client, photo_file, look="cyanotype", strength="0.5")
    assert 'filename="restyle-cyanotype.png"' in answer.headers["content-disposition"]
    wanted = stylizer(photo, None, look="cyanotype", strength=0.5)
    assert np.array_equal(np.asarray(image(answer.content)), wanted)
    listed = client.get("/v1/styles").json()["styles"]
    looks = [each["name"] for each in listed if each["kind"] == "look"]
    names = [each["name"] for each in listed]
    assert len(set(names)) == len(names)
    tiles = [json.loads(line) for line in post(client, photo_file, "/v1/wall", look=looks).text.splitlines()]
    assert [tile["look"] for tile in tiles] == looks
    smooth = np.mgrid[0:60, 0:84, 0:3].sum(0).astype(np.uint8)
    path = tmp_path / "smooth.png"
    Image.fromarray(smooth).save(path)
    line = json.loads(post(client, path, "/v1/wall", look=looks[0]).text)
    tile = np.asarray(image(base64.b64decode(line["image"].partition(",")[2])).convert("RGB"))
    wanted = stylizer(smooth, None, look=looks[0])
    assert np.abs(tile.astype(int) - wanted.astype(int)).mean() < 2  # a JPEG
    assert post(client, photo_file, "/v1/wall", look="none").json()["error"]["field"] == "look"


def test_a_look_needs_no_style_in_a_video_either(client: httpx.Client, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", moving(4, (48, 64)))
    fields = {"look": "cyanotype", "codec": "ffv1"}
    answer = client.post(
        "/v1/videos",
        files={"content": path.read_bytes()},
        data=fields,
        headers={"accept": "video/x-matroska"},
    )
    assert answer.status_code == 202, answer.text
    job = finished(client, answer.json())
    assert job["state"] == "done", job
    result = client.get(job["result"])
    assert result.headers["content-disposition"] == 'inline; filename="restyle-cyanotype.mkv"'
    (tmp_path / "art.mkv").write_bytes(result.content)
    restyle.video(path, None, look="cyanotype", codec="ffv1", output=tmp_path / "wanted.mkv")
    frames = frames_of(tmp_path / "art.mkv")
    assert len(frames) == 4
    assert np.array_equal(frames, frames_of(tmp_path / "wanted.mkv"))
    nothing = client.post("/v1/videos", files={"content": path.read_bytes()}, data={"strength": "0.5"})
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (422, "no_style")


def test_box_is_a_mask(client: httpx.Client, tmp_path: Path, stylizer: restyle.Stylizer) -> None:
    pytest.importorskip("cv2", reason="needs the extra flow (OpenCV)")
    assert client.get("/v1/options").json()["boxes"] is True
    pixels = np.full((80, 120, 3), (40, 90, 160), np.uint8)
    pixels[20:60, 40:80] = (200, 60, 30)
    path = tmp_path / "subject.png"
    Image.fromarray(pixels).save(path)
    box = "box:25%,15%,50%,70%"
    answer = post(client, path, "/v1/masks", box=box)
    assert answer.status_code == 200, answer.text
    mask = np.asarray(image(answer.content))
    assert mask.shape == (80, 120)
    assert mask[25:55, 45:75].min() > 200
    assert mask[:10].max() < 50
    kept = post(client, path, style="great-wave", mask=box, region="keep")
    assert np.array_equal(
        np.asarray(image(kept.content)), stylizer(pixels, "great-wave", regions=[(box, "keep")])
    )
    assert post(client, path, "/v1/masks", box="box:1,2").json()["error"]["field"] == "box"
    assert (
        post(client, path, style="great-wave", mask="box:1", region="keep").json()["error"]["field"] == "mask"
    )


def test_slow_job_shows_previews_and_can_be_cancelled(
    client: httpx.Client, photo_file: Path, style_file: Path
) -> None:
    files = [("style_image", style_file.read_bytes())]
    options = {"method": "paint", "effort": "finest", "size": "256"}
    answer = post(client, photo_file, files=files, headers={"prefer": "respond-async"}, **options)
    assert answer.status_code == 202, answer.text
    for name, news in events(client, answer.json()):
        assert name in ("progress", "preview")
        if name == "preview":
            assert max(image(client.get(news["url"]).content).size) == 256
            break
    job = client.delete(f"/v1/jobs/{answer.json()['id']}").json()
    assert (job["state"], job["result"]) == ("cancelled", None)
    assert list(events(client, job))[-1][0] == "cancelled"
    failed = post(client, photo_file, headers={"prefer": "respond-async"}, style="great-wave", method="paint")
    job = finished(client, failed.json())  # the presets of the tiny model have no artworks
    assert (job["state"], job["error"]["code"]) == ("failed", "bad_option")


def test_video_and_its_sound(client: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    make_clip(path, moving(6, (48, 64)))
    answer = client.post("/v1/videos", files={"content": path.read_bytes()}, data={"style": "0:great-wave"})
    assert answer.status_code == 202, answer.text
    job = finished(client, answer.json())
    assert job["state"] == "done", job
    assert image(client.get(job["preview"]).content).size == (64, 48)
    result = client.get(job["result"])
    assert result.headers["content-type"] == "video/mp4"
    (tmp_path / "art.mp4").write_bytes(result.content)
    with VideoReader(tmp_path / "art.mp4") as reader:
        assert reader.info.size == (48, 64)


@pytest.mark.slow
def test_sound_is_the_one_of_python(client: httpx.Client, tmp_path: Path) -> None:
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(11025) / 22050)
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone, 22050)
    answer = client.post(
        "/v1/audio", files={"content": path.read_bytes()}, data={"style": "choir", "remix": "0.5"}
    )
    job = finished(client, answer.json())
    assert job["state"] == "done", job
    result = client.get(job["result"])
    assert result.headers["content-type"] == "audio/wav"
    wanted = restyle.audio(path, "choir", remix=0.5, output=tmp_path / "wanted.wav")
    assert result.content == wanted.read_bytes()
    flac = client.post(
        "/v1/audio",
        files={"content": path.read_bytes()},
        data={"style": "rain"},
        headers={"accept": "audio/flac"},
    )
    assert client.get(finished(client, flac.json())["result"]).content[:4] == b"fLaC"


FAULTS = [
    ({}, 422, "no_style", "style"),
    ({"style": "/etc/passwd"}, 422, "no_such_style", "style"),
    ({"style": "photo.png"}, 422, "no_such_style", "style"),
    ({"style": "own-0123456789abcdef"}, 422, "no_such_style", "style"),
    ({"style": "great-wave:x"}, 422, "bad_option", "style"),
    ({"style": "great-wave", "strength": "2"}, 422, "bad_option", "strength"),
    ({"style": "great-wave", "strength": "much"}, 422, "bad_option", "strength"),
    ({"style": "great-wave", "strenth": "1"}, 422, "bad_option", "strenth"),
    ({"style": "great-wave", "model": "x"}, 422, "bad_option", "model"),
    ({"style": "great-wave", "region": "keep"}, 422, "bad_option", "region"),
    ({"style": "great-wave", "method": "optimize", "init": "/etc/passwd"}, 422, "bad_option", "init"),
]


@pytest.mark.parametrize(("fields", "status", "code", "field"), FAULTS)
def test_faults_name_the_field(
    client: httpx.Client, photo_file: Path, fields: dict[str, str], status: int, code: str, field: str
) -> None:
    answer = client.post("/v1/images", files={"content": photo_file.read_bytes()}, data=fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (status, code, field), error
    assert "\n" not in error["message"]


def test_requests_without_a_picture(client: httpx.Client) -> None:
    text = client.post("/v1/images", files={"content": b"hello, I am text"}, data={"style": "great-wave"})
    assert (text.status_code, text.json()["error"]["code"]) == (415, "wrong_type")
    address = client.post("/v1/images", data={"content": "http://example.com/x.jpg"}, files={"mask": b""})
    assert address.status_code == 422
    form = client.post("/v1/images", data={"style": "great-wave"})
    assert form.status_code == 415
    nothing = client.post("/v1/images", files={"content": b""}, data={"style": "great-wave"})
    assert (nothing.status_code, nothing.json()["error"]["field"]) == (422, "content")
    assert client.get("/v1/jobs/none").json()["error"]["code"] == "not_found"
    assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"
    assert client.put("/v1/images").status_code == 405


def test_options_and_artworks(client: httpx.Client) -> None:
    options = client.get("/v1/options").json()
    feather = next(each for each in options["images"] if each["name"] == "feather")
    assert (feather["type"], feather["minimum"], feather["maximum"]) == ("number", 0, 50)
    assert options["limits"]["upload_bytes"] == 200 << 20
    assert client.get("/v1/styles/nothing/artwork").status_code == 404
    assert client.get("/v1/styles/great-wave/artwork?size=9").json()["error"]["field"] == "size"


def request(client: str = "127.0.0.1", receive: Any = None, **headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (client, 1)}, receive)


def test_clients_and_preferences() -> None:
    assert client_of(request("10.0.0.7")) == "10.0.0.7"
    assert client_of(request("2001:db8:1:2:3::4")) == client_of(request("2001:db8:1:2:9::9"))
    assert client_of(request("2001:db8::1:2:3")) == client_of(request("2001:db8::9"))  # zeros left out
    assert client_of(request("2001:db8:1:2::1")) != client_of(request("2001:db8:1:3::1"))
    assert client_of(request("::ffff:10.0.0.7")) == "10.0.0.7"
    assert prefers_async(request(prefer="wait=10, Respond-Async"))
    assert not prefers_async(request(prefer="return=minimal"))


def test_work_ends_when_its_client_leaves() -> None:
    async def run() -> list[str]:
        happened = []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                happened.append("cancelled")
                raise

        async def leaves() -> dict[str, str]:
            await asyncio.sleep(0.02)
            return {"type": "http.disconnect"}

        with pytest.raises(ApiError) as caught:
            await unless_gone(request(receive=leaves), work())
        assert caught.value.status == 499
        await asyncio.sleep(0)

        async def stays() -> dict[str, str]:
            await asyncio.sleep(60)
            raise AssertionError

        async def short() -> str:
            return "done"

        happened.append(await unless_gone(request(receive=stays), short()))
        return happened

    assert asyncio.run(run()) == ["cancelled", "done"]
