"""Bodies that are checked while they come in."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request

from restyle.studio import ApiError, uploads
from restyle.studio.jobs import MB, Storage
from restyle.studio.uploads import Part, Rules, files, receive, texts

RULES = Rules(2 * MB, 1_000_000, {"content": ("image",), "mask": ("image",), "sound": ("audio", "video")})


def png(width: int = 8, height: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def announced(width: int, height: int) -> bytes:
    """The header of a PNG of this size, without any pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def multipart(**more: Any) -> tuple[bytes, dict[str, str]]:
    request = httpx.Request("POST", "http://x/", **more)
    return request.read(), {"content-type": request.headers["content-type"]}


async def received(
    folder: Path, chunks: Iterable[bytes | float], headers: dict[str, str], rules: Rules, query: str
) -> list[Part]:
    """Receive a body in chunks; a number waits for so many seconds."""
    waiting = iter(chunks)

    async def receiver() -> dict[str, Any]:
        chunk = next(waiting, None)
        while isinstance(chunk, float):
            await asyncio.sleep(chunk)
            chunk = next(waiting, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query.encode(), "headers": raw}
    storage = Storage(str(folder), 20 * MB)
    try:
        parts = await receive(Request(scope, receiver), storage.folder("a"), rules)
        for part in parts:
            if part.path is not None:
                part.text = str(len(part.path.read_bytes()))
        return parts
    finally:
        storage.close()


def get(
    folder: Path,
    body: bytes | list[bytes | float],
    headers: dict[str, str],
    rules: Rules = RULES,
    query: str = "",
) -> list[Part]:
    chunks = [body[at : at + 997] for at in range(0, len(body), 997)] if isinstance(body, bytes) else body
    return asyncio.run(received(folder, chunks, headers, rules, query))


def refused(
    folder: Path, body: bytes | list[bytes | float], headers: dict[str, str], **more: Any
) -> ApiError:
    with pytest.raises(ApiError) as caught:
        get(folder, body, headers, **more)
    return caught.value


def test_fields_and_files_in_their_order(tmp_path: Path) -> None:
    body, headers = multipart(
        data={"style": ["a", "b"], "mask": "alpha"},
        files=[("content", ("../../evil.svg", png())), ("mask", ("x.jpg", png(9)))],
    )
    parts = get(tmp_path, body, headers, query="strength=0.5")
    assert texts(parts, "style") == ["a", "b"]
    assert texts(parts, "strength") == ["0.5"]
    assert texts(parts, "mask") == ["alpha"]
    (content,) = files(parts, "content")
    assert content.name == "content-0.png"  # neither the name nor the suffix of the client
    assert [part.form.name for part in parts if part.path] == ["PNG", "PNG"]


def test_raw_body(tmp_path: Path) -> None:
    parts = get(tmp_path, png(), {"content-type": "image/whatever"}, query="style=a&style=b")
    assert texts(parts, "style") == ["a", "b"]
    assert files(parts, "content")[0].suffix == ".png"
    large = np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(large).save(buffer, "PNG")
    (part,) = get(tmp_path, buffer.getvalue(), {"content-type": "image/png"})
    assert int(part.text) == len(buffer.getvalue()) > MB


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "wrong_type"),
        (b"\0\1\2\3 nothing that is known", 415, "wrong_type"),
        (b"RIFF\0\0\0\0WAVEfmt ", 415, "wrong_type"),
        (announced(1001, 1000), 413, "too_many_pixels"),
        (announced(200_000, 200_000), 413, "too_many_pixels"),
    ],
)
def test_files_of_another_kind_or_size(tmp_path: Path, data: bytes, status: int, code: str) -> None:
    body, headers = multipart(files={"content": data})
    error = refused(tmp_path, body, headers)
    assert (error.status, error.code, error.field) == (status, code, "content")


def test_pixels_are_refused_before_the_rest_of_the_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "DRAINED", 0)
    chunks = [announced(9000, 9000) + bytes(uploads.HEAD), *[bytes(1 << 16)] * 20]
    read = []

    def counted() -> Iterator[bytes]:
        for chunk in chunks:
            read.append(len(chunk))
            yield chunk

    with pytest.raises(ApiError, match="pixels"):
        asyncio.run(received(tmp_path, counted(), {"content-type": "image/png"}, RULES, ""))
    assert len(read) <= 3


def test_limits_of_bytes_fields_and_files(tmp_path: Path) -> None:
    kind = {"content-type": "image/png"}
    assert refused(tmp_path, png(), {**kind, "content-length": str(3 * MB)}).status == 413
    assert refused(tmp_path, png(), {**kind, "content-length": "-1"}).status == 413
    assert refused(tmp_path, [png(), *[bytes(1 << 18)] * 9], kind).status == 413  # without a length
    body, headers = multipart(files=[("mask", png())] * (uploads.MOST_FILES + 1))
    assert refused(tmp_path, body, headers).code == "too_many"
    body, headers = multipart(
        files={"content": png()}, data={f"x{n}": "" for n in range(uploads.MOST_TEXTS + 1)}
    )
    assert refused(tmp_path, body, headers).code == "too_many"
    body, headers = multipart(files={"content": png()}, data={"style": "x" * (uploads.LONGEST_TEXT + 1)})
    assert refused(tmp_path, body, headers).code == "too_large"
    body, headers = multipart(files={"content": png()})
    for part in (b"Content-Disposition", b"form-data"):  # a name and a value that never end
        endless = body.replace(part, part + bytes([120]) * (1 << 20), 1)
        assert refused(tmp_path, endless, headers).status == 400
    body, headers = multipart(files={"other": png()})
    assert refused(tmp_path, body, headers).code == "unknown_field"


def test_damaged_and_slow_bodies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body, headers = multipart(files={"content": png()})
    assert refused(tmp_path, b"x" + body, headers).status == 400
    assert refused(tmp_path, body, {"content-type": "multipart/form-data"}).status == 400
    assert refused(tmp_path, body, {"content-type": "text/html"}).status == 415
    monkeypatch.setattr(uploads, "PATIENCE", 0.2)
    assert refused(tmp_path, [body[:50], 0.5, body[50:]], headers).status == 408
    drops: list[bytes | float] = [png()[:1]]
    for _ in range(8):
        drops += [0.1, b"x"]
    assert refused(tmp_path, drops, {"content-type": "image/png"}).status == 408


def test_full_disk(tmp_path: Path) -> None:
    rules = Rules(100 * MB, 1_000_000, RULES.files)
    error = refused(tmp_path, [png(), *[bytes(MB)] * 12], {"content-type": "image/png"}, rules=rules)
    assert (error.status, error.code) == (503, "disk_full")
