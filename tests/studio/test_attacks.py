"""What an attacker sends: bombs, false claims, odd bodies, other hosts, and floods. The server stays well."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.studio.conftest import LIMIT, Running, wait_until
from tests.studio.test_api import finished, post


@pytest.fixture(autouse=True)
def well(studio: Running) -> Iterator[None]:
    """After each attack, the server answers and has no fault of its own."""

    def faults() -> list[str]:
        return re.findall('.*status="500".*', client.get("/metrics").text)

    with studio.client() as client:
        before = faults()
        yield
        assert client.get("/healthz").json()["status"] == "ok"
        assert faults() == before


def jpeg(side: int = 16) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A PNG that announces a size, and holds no pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + b"".join(more)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def tiff(width: int, height: int) -> bytes:
    """A TIFF of one strip that announces a size."""
    tags = {
        256: width,
        257: height,
        258: 8,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: height,
        279: width * height % 2**32,
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


ZEROS = zlib.compress(bytes(1 << 28), 9)  # 256 MB in 255 kB
WEBP = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6
GIF = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"\x2c" + bytes(9) + b"\x02\0\x3b"
BMP = b"BM" + struct.pack("<IHHIIiiHH", 60, 0, 0, 54, 40, 65535, 65535, 1, 24) + bytes(24)
PICTURES = {
    "a PNG of 10 gigapixels": png(100_000, 100_000),
    "a PNG of the largest numbers": png(2**31 - 1, 2**31 - 1),
    "a PNG of no size": png(0, 0),
    "a PNG whose pixels are 256 MB": png(16, 16, chunk(b"IDAT", ZEROS)),
    "a PNG whose profile is 256 MB": png(16, 16, chunk(b"iCCP", b"x\0\0" + ZEROS)),
    "a PNG whose text is 256 MB": png(16, 16, chunk(b"zTXt", b"x\0\0" + ZEROS)),
    "a GIF of 4 gigapixels": GIF,
    "a BMP of 4 gigapixels": BMP,
    "a TIFF of 10 gigapixels": tiff(100_000, 100_000),
    "a WebP of 280 terapixels": b"RIFF" + struct.pack("<I", 4 + len(WEBP)) + b"WEBP" + WEBP,
    "a JPEG of 4 gigapixels": jpeg().replace(b"\x00\x10\x00\x10\x03", b"\xff\xff\xff\xff\x03", 1),
    "an archive": b"PK\x03\x04" + bytes(100),
    "an SVG with a file": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "a cut JPEG": jpeg(64)[:200],
    "a JPEG with a tail of zeros": jpeg()[:-2] + bytes(1 << 20),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_that_are_bombs(client: httpx.Client, name: str) -> None:
    for field, path in (("content", "/v1/images"), ("content", "/v1/wall"), ("image", "/v1/styles")):
        answer = client.post(
            path, files={field: PICTURES[name]}, data={"style": "great-wave"} if field == "content" else {}
        )
        well = name in (
            "a JPEG with a tail of zeros",
            "a PNG whose pixels are 256 MB",
        ) and answer.status_code in (200, 201)
        assert well or answer.status_code in (413, 415, 422), (path, answer.text[:300])
        assert well or answer.json()["error"]["message"]


def wav(claimed: int, channels: int = 1, rate: int = 22050) -> bytes:
    form = struct.pack(
        "<HHIIHH", 1, channels, rate, rate * 2 * channels & 0xFFFFFFFF, 2 * channels & 0xFFFF, 16
    )
    size, length = struct.pack("<I", claimed), struct.pack("<I", 16)
    return b"RIFF" + size + b"WAVEfmt " + length + form + b"data" + size + bytes(4096)


MEDIA = {
    "a WAV that claims 4 GB": ("/v1/audio", wav(0xFFFFFFFE)),
    "a WAV of 65535 channels": ("/v1/audio", wav(4096, 65535)),
    "a WAV of 4 GHz": ("/v1/audio", wav(4096, 1, 0xFFFFFFFF)),
    "a WAV of no rate": ("/v1/audio", wav(4096, 1, 0)),
    "a list of files": ("/v1/videos", b"ffconcat version 1.0\nfile /etc/passwd\n"),
    "a list that is not quite text": ("/v1/videos", b"ffconcat version 1.0\n#\0\xff\nfile /etc/passwd\n"),
    "a playlist": ("/v1/videos", b"#EXTM3U\n#\0\xff\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"),
    "a session": ("/v1/audio", b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n\0\xff\r\nm=audio 9 RTP/AVP 0\r\n"),
    "an archive as a sound": ("/v1/audio", b"PK\x03\x04" + bytes(4096)),
    "noise": ("/v1/videos", np.random.default_rng(0).bytes(1 << 16)),
    "an empty box": ("/v1/videos", b"\0\0\0\x10ftypisom\0\0\0\0" + b"\xff\xff\xff\xffmoov"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MEDIA)
def test_sounds_and_videos_that_lie(client: httpx.Client, name: str) -> None:
    path, content = MEDIA[name]
    style = "great-wave" if path == "/v1/videos" else "rain"
    answer = client.post(path, files={"content": content}, data={"style": style})
    if answer.status_code == 202:
        job = finished(client, answer.json())
        assert job["state"] in ("failed", "done"), job
        if "list" in name or name == "a session" or path == "/v1/videos":
            assert job["state"] == "failed"
        message = (job["error"] or {}).get("message", "")
        assert "/tmp" not in message
        assert "root:" not in message
    else:
        assert answer.status_code in (413, 415, 422), answer.text


ODD = [
    ("strength", "nan"), ("strength", "inf"), ("strength", "1e400"), ("strength", "٣"), ("size", "²"),
    ("size", "9" * 1500), ("size", "100000x100000"), ("size", "-5"), ("size", "0"), ("size", "1x"),
    ("style", "great-wave:nan"), ("style", "great-wave:inf"), ("style", "great-wave:-1"), ("style", "\0"),
    ("style", "great-wave\r\nX: y"), ("style", ""), ("style", "../great-wave"), ("crop", "nan%xnan%+0+0"),
    ("crop", "9" * 1500), ("quality", "1e3"), ("quality", "9" * 1500), ("look", "/etc/passwd"), ("look", ""),
    ("look", "../../x.cube"), ("feather", "nan"), ("style_scale", "0"), ("style_scale", "1e9"),
    ("paint_size", "999999999"), ("mask", "box:nan,0,1,1"), ("mask", "../mask.png"), ("\0", "x"), ("", "x"),
    ("__class__", "x"), ("seed", "9" * 1500), ("method", "../../x"), ("encoder", "/etc/passwd"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), ODD, ids=lambda text: repr(text)[:20])
def test_odd_values_are_errors_of_the_client(
    client: httpx.Client, photo_file: Path, field: str, value: str
) -> None:
    fields: dict[str, Any] = {"style": "great-wave", "method": "fast", field: value}
    if field == "mask":
        fields["region"] = "keep"
    for path in ("/v1/images", "/v1/wall"):
        if path == "/v1/wall" and field != "method":
            del fields["method"]  # it takes none
        answer = client.post(path, files={"content": photo_file.read_bytes()}, data=fields)
        if (field, value, path) == ("look", "", "/v1/images"):
            continue  # as if it were not there
        assert answer.status_code in (400, 413, 415, 422), (path, answer.status_code, answer.text[:200])
        error = answer.json()["error"]
        assert "\n" not in error["message"]


def test_weights_of_uploads_are_numbers(client: httpx.Client, photo_file: Path) -> None:
    for weight in ("nan", "inf", "-1", "x", "9" * 400):
        files = [("style_image", photo_file.read_bytes()), ("style_image", photo_file.read_bytes())]
        answer = post(client, photo_file, files=files, style_image_weight=["1", weight], method="fast")
        assert answer.status_code == 422, (weight, answer.text[:200])


def raw(studio: Running, data: bytes) -> bytes:
    """Send bytes and return the answer, or what came of it."""
    address = httpx.URL(studio.url)
    with socket.create_connection((address.host, address.port or 80), timeout=LIMIT) as connection:
        received = b""
        with contextlib.suppress(OSError):  # the server has closed the connection
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(1 << 16):
                received += more
        return received


def form(boundary: bytes, body: bytes, more: bytes = b"") -> bytes:
    """A request whose body is multipart."""
    return (
        b"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + more
        + b"Content-Type: multipart/form-data; boundary=" + boundary
        + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )  # fmt: skip


def part(head: bytes, content: bytes = b"great-wave", boundary: bytes = b"B") -> bytes:
    return b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


NAMED = b'Content-Disposition: form-data; name="'
NAME = NAMED + b'style"'
MIXED = b"\r\nContent-Type: multipart/mixed; boundary=C"
POST = b"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
FILE = NAMED + b'content"; filename="../../../../tmp/x\0.py"'
END = b"--B--\r\n"
BODIES = {
    "no end": form(b"B", part(NAME) + part(FILE, jpeg())),
    "nothing": form(b"B", b""),
    "only an end": form(b"B", END),
    "no boundary": form(b"", part(NAME) + END),
    "a boundary of 2000": form(b"B" * 2000, part(NAME) + END),
    "no name": form(b"B", part(b"Content-Disposition: form-data") + END),
    "no header": form(b"B", b"--B\r\n\r\nx\r\n" + END),
    "two names": form(b"B", part(NAME + b'; name="content"') + END),
    "a name of 100 kB": form(b"B", part(NAMED + b"n" * 100_000 + b'"') + END),
    "10,000 headers": form(b"B", part(b"\r\n".join([b"X: y"] * 10_000) + b"\r\n" + NAME) + END),
    "10,000 parts": form(b"B", part(NAME) * 10_000 + END),
    "a name that is not text": form(b"B", part(NAMED + b'\xff\xfe"') + END),
    "a text as the picture": form(b"B", part(NAMED + b'content"', b"/etc/passwd") + END),
    "two pictures": form(b"B", part(NAME) + part(FILE, jpeg()) * 2 + END),
    "nested": form(b"B", part(FILE + MIXED, b"--C\r\n\r\nx\r\n--C--") + END),
    "a coding": form(b"B", part(NAME) + part(FILE + b"\r\nContent-Transfer-Encoding: base64", b"/9j/") + END),
    "a shorter length": form(b"B", part(NAME) + END).replace(b"Content-Length: ", b"Content-Length: 0", 1),
    "two lengths": form(b"B", part(NAME) + END, b"Content-Length: 3\r\n"),
    "both length and chunks": form(b"B", part(NAME) + END, b"Transfer-Encoding: chunked\r\n"),
    "a bad chunk": POST + CHUNKS + b"zz\r\n",
    "a chunk of 16 exabytes": POST + b"Content-Type: image/png\r\n" + CHUNKS + b"F" * 16 + b"\r\nx",
    "a length of 1000 digits": POST + b"Content-Length: " + b"9" * 1000 + b"\r\n\r\n",
    "a header of 1 MB": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n",
    "another name in the target": b"GET http://evil.com/ HTTP/1.1\r\nHost: evil.com\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.com\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_odd_bodies(studio: Running, name: str, tmp_path: Path) -> None:
    answer = raw(studio, BODIES[name])
    status = int(answer.split(b" ")[1]) if answer else 0  # 0: closed, as it is not HTTP
    assert status == 0 or 400 <= status < 500, answer[:300]
    assert not Path("/tmp/x").exists()


def test_a_range_of_ranges(studio: Running, client: httpx.Client, photo_file: Path) -> None:
    started = post(client, photo_file, style="great-wave", headers={"prefer": "respond-async"})
    job = finished(client, started.json())
    ranges = ",".join(f"{number}-{number}" for number in range(0, 4000, 2))
    answer = client.get(job["result"], headers={"range": f"bytes={ranges}"})
    assert answer.status_code in (200, 206, 400, 416, 431)


@pytest.mark.slow
def test_every_route_but_one_needs_the_token(tiny_model: Path, tmp_path: Path) -> None:
    guarded = Running(tiny_model, tmp_path, "--token", "s3cret")
    try:
        with (
            guarded.client(headers={"authorization": "Bearer s3cret"}) as friend,
            guarded.client() as stranger,
        ):
            described = friend.get("/openapi.json").json()["paths"]
            routes = [
                (method.upper(), path.replace("{", "").replace("}", ""))
                for path, methods in described.items()
                for method in methods
            ]
            assert len(routes) > 15
            pages = [
                "/",
                "/docs",
                "/openapi.json",
                "/metrics",
                "/page/app.js",
                "/page/index.html",
                "/favicon.ico",
                "/x",
            ]
            for method, path in [*routes, *(("GET", page) for page in pages)]:
                status = stranger.request(method, path).status_code
                assert status == (200 if path == "/healthz" else 401), (method, path)
            for wrong in ("Bearer s3cre", "Bearer s3cret1", "Basic s3cret", "Bearer", "s3cret"):
                assert stranger.get("/metrics", headers={"authorization": wrong}).status_code == 401
            assert stranger.get("/metrics?token=s3cret").status_code == 401  # only the page takes it, once
            assert friend.get("/metrics").status_code == 200
    finally:
        guarded.stop()


def test_a_form_on_another_site_is_refused(studio: Running, client: httpx.Client, photo_file: Path) -> None:
    for origin in ("http://evil.com", "null", "http://127.0.0.1:1", "http://localhost:1", "file://"):
        answer = post(client, photo_file, style="great-wave", headers={"origin": origin})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site"), origin
    assert post(client, photo_file, style="great-wave", headers={"origin": studio.url}).status_code == 200
    for name in ("evil.com", "127.0.0.1.evil.com", "localhost.evil.com:80"):
        assert client.get("/v1/styles", headers={"host": name}).status_code == 400
    assert (
        "access-control-allow-origin" not in client.get("/v1/styles", headers={"origin": studio.url}).headers
    )


@pytest.mark.slow
def test_a_flood_gets_429_and_others_are_served(studio: Running, photo_file: Path) -> None:
    answers: list[httpx.Response] = []
    stop = threading.Event()

    def flood() -> None:
        transport = httpx.HTTPTransport(local_address="127.0.0.9")
        with studio.client(transport=transport) as client:
            while not stop.is_set():
                answers.append(post(client, photo_file, style="great-wave", method="fast", size="512"))

    crowd = [threading.Thread(target=flood) for _ in range(24)]
    for each in crowd:
        each.start()
    try:
        wait_until(lambda: any(answer.status_code == 429 for answer in answers))
        with studio.client() as client:
            for _ in range(5):
                assert post(client, photo_file, style="great-wave", method="fast").status_code == 200
    finally:
        stop.set()
        for each in crowd:
            each.join()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(re.fullmatch("[1-9][0-9]*", answer.headers["retry-after"]) for answer in refused)


def request_head(photo: bytes, **fields: str) -> bytes:
    """A whole request for a picture."""
    made = httpx.Request("POST", "http://127.0.0.1/v1/images", files={"content": photo}, data=fields)
    body = made.read()
    kind = made.headers["content-type"].encode()
    return form(kind.partition(b"boundary=")[2], body).replace(b"Connection: close\r\n", b"")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["leave before the answer", "send slowly"])
def test_clients_that_misbehave_do_not_stop_the_others(
    studio: Running, client: httpx.Client, photo_file: Path, how: str
) -> None:
    leaving = how == "leave before the answer"
    wanted = {"style": "great-wave", "method": "fast", "size": "1000", "paint_size": "1000"}
    whole = request_head(photo_file.read_bytes(), **wanted)
    url, stop = httpx.URL(studio.url), threading.Event()
    connected: set[int] = set()

    def harm(number: int) -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                source = (f"127.0.3.{number % 4 + 1}", 0)
                with socket.create_connection((url.host, url.port or 80), LIMIT, source) as connection:
                    for start in range(0, len(whole), len(whole) if leaving else 1):
                        connection.sendall(whole[start : start + (len(whole) if leaving else 1)])
                        connected.add(number)
                        if stop.wait(0.1):
                            return
                    stop.wait(0.2)

    def count(name: str) -> float:
        found = re.findall(rf"(?m)^{name}.* (\S+)$", client.get("/metrics").text)
        return sum(float(number) for number in found)

    starts, left = "restyle_worker_starts_total", 'restyle_requests_total.*status="499"'
    before, earlier = count(starts), count(left)
    crowd = [threading.Thread(target=harm, args=(number,)) for number in range(10)]
    for each in crowd:
        each.start()
    try:
        wait_until(lambda: len(connected) == len(crowd) and (not leaving or count(left) >= earlier + 10))
        for _ in range(5):
            assert post(client, photo_file, style="great-wave", method="fast", size="500").status_code == 200
    finally:
        stop.set()
        for each in crowd:
            each.join()
    assert count(starts) == before  # no worker was killed for them
