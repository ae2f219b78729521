"""Uploads: bodies that are checked while they come in.

Nothing that a client says about a file is believed: neither its name nor its type. The first bytes decide the
format, and a header that announces too many pixels ends the upload. What is decoded is decoded by a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import struct
import time
import warnings
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from restyle.files import reason
from restyle.images import formats
from restyle.studio import ApiError
from restyle.studio.jobs import MB, Folder

HEAD = 1 << 17  # bytes in which the header of a picture is looked for
FLUSH = 1 << 20  # bytes that are written at a time
MOST_FILES, MOST_TEXTS, LONGEST_TEXT, LONGEST_HEADER = 20, 100, 2000, 4000
PATIENCE = 20.0  # seconds without a byte after which an upload ends
SLOWEST = 20_000  # bytes per second; an upload below it ends after `PATIENCE`
DRAINED, DRAIN_SECONDS = 16 * MB, 1.0  # of a refused body that are read, so that its sender sees the answer


@dataclass
class Part:
    """One field of a request: a text, or a file."""

    name: str
    text: str = ""
    path: Path | None = None
    form: formats.Format = formats.UNKNOWN


@dataclass(frozen=True)
class Rules:
    """What a body may contain. A body that is a file itself is the first of the `files`."""

    most: int  # bytes of the body
    max_pixels: int  # of a picture whose header says how many it has
    files: Mapping[str, tuple[str, ...]]  # fields, and whether they are "image", "video" or "audio"


async def receive(request: Request, folder: Folder, rules: Rules) -> list[Part]:
    """Read the fields of a body: multipart, or one file whose options are in the query.

    ApiError: 400 for a damaged body, 408 for a slow one, 413 for a large one, 415 for a file of another kind,
    422 for a field that is not known.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > rules.most:
        why = f"{length} bytes are more than this server takes, {rules.most // MB} MB"
        raise ApiError(413, "too_large", why)
    body = _Body(folder, rules)
    body.parts = [Part(name, value) for name, value in request.query_params.multi_items()]
    chunks = _chunks(request, rules.most)
    try:
        if kind == b"multipart/form-data":
            await body.read_parts(chunks, parameters.get(b"boundary", b""))
        elif kind.split(b"/")[0] in (b"image", b"video", b"audio") or kind == b"application/octet-stream":
            await body.read_file(chunks)
        else:
            why = f"cannot take a body of '{kind.decode('latin-1')}'; send multipart/form-data, or the file"
            raise ApiError(415, "wrong_type", f"{why} itself with a Content-Type such as image/jpeg")
    except FormParserError as error:
        raise ApiError(400, "bad_request", f"the multipart body is damaged: {error}") from None
    except ApiError:
        await _drain(chunks)
        raise
    except OSError as error:
        raise ApiError(503, "cannot_write", f"the upload cannot be stored: {reason(error)}") from error
    finally:
        body.close()
    return body.parts


async def _chunks(request: Request, most: int) -> AsyncIterator[bytes]:
    """Yield the body; stop a slow or a long one."""
    begun, total = time.monotonic(), 0
    stream = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ApiError(408, "too_slow", f"nothing came for {PATIENCE:g} s; send it again") from None
        except ClientDisconnect:
            raise ApiError(499, "client_left", "the client went away") from None
        total += len(chunk)
        if total > most:
            raise ApiError(413, "too_large", f"the upload is larger than {most // MB} MB")
        elapsed = time.monotonic() - begun
        if elapsed > PATIENCE and total < SLOWEST * (elapsed - PATIENCE):
            raise ApiError(408, "too_slow", f"the upload is slower than {SLOWEST // 1000} kB per second")
        yield chunk


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read a little more of a refused body: a sender that is cut off does not see the answer."""
    with contextlib.suppress(ApiError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            rest = 0
            async for chunk in chunks:
                rest += len(chunk)
                if rest > DRAINED:
                    return


@dataclass
class _File:
    """A file that is coming in."""

    part: Part
    head: bytearray = field(default_factory=bytearray)
    data: bytearray = field(default_factory=bytearray)
    file: IO[bytes] | None = None


class _Body:
    """Collects the fields of a body."""

    def __init__(self, folder: Folder, rules: Rules) -> None:
        self.folder, self.rules = folder, rules
        self.parts: list[Part] = []
        self._files: list[_File] = []
        self._texts = 0
        self._header = self._value = b""
        self._disposition = b""
        self._text: bytearray | None = None
        self._name = ""

    def close(self) -> None:
        """Close what is open."""
        for each in self._files:
            if each.file is not None:
                each.file.close()

    async def read_file(self, chunks: AsyncIterator[bytes]) -> None:
        """Read a body that is the file itself."""
        self._begin_file(next(iter(self.rules.files)))
        async for chunk in chunks:
            self._add(chunk)
            await self._write(FLUSH)
        await self._write(0)

    async def read_parts(self, chunks: AsyncIterator[bytes], boundary: bytes) -> None:
        """Read a multipart body."""
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": lambda data, start, end: self._add(data[start:end]),
                "on_part_end": self._on_part_end,
            },
        )
        async for chunk in chunks:
            parser.write(chunk)
            await self._write(FLUSH)
        parser.finalize()
        await self._write(0)

    def _on_part(self) -> None:
        self._disposition, self._text, self._header, self._value = b"", None, b"", b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header) + len(self._value) > LONGEST_HEADER:
            raise ApiError(400, "bad_request", f"a header of a part is longer than {LONGEST_HEADER} bytes")

    def _on_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise ApiError(400, "bad_request", "a part of the multipart body has no name")
        self._name = options[b"name"].decode("utf-8", "replace")
        if b"filename" in options:
            self._begin_file(self._name)
        else:
            self._texts += 1
            if self._texts > MOST_TEXTS:
                raise ApiError(413, "too_many", f"more than {MOST_TEXTS} fields; send fewer")
            self._text = bytearray()

    def _begin_file(self, name: str) -> None:
        if name not in self.rules.files:
            why = f"'{name:.40}' is not a file; files are {', '.join(self.rules.files)}"
            raise ApiError(422, "unknown_field", why, name)
        if len(self._files) >= MOST_FILES:
            raise ApiError(413, "too_many", f"more than {MOST_FILES} files; send fewer", name)
        self._files.append(_File(Part(name)))
        self.parts.append(self._files[-1].part)

    def _add(self, data: bytes) -> None:
        if self._text is not None:
            self._text += data
            if len(self._text) > LONGEST_TEXT:
                raise ApiError(413, "too_large", f"the text is longer than {LONGEST_TEXT} bytes", self._name)
            return
        current = self._files[-1]
        self.folder.add(len(data))
        current.data += data
        if len(current.head) < HEAD:
            current.head += data[: HEAD - len(current.head)]

    def _on_part_end(self) -> None:
        if self._text is not None:
            self.parts.append(Part(self._name, self._text.decode("utf-8", "replace")))

    async def _write(self, least: int) -> None:
        """Check and write the files of which more than `least` bytes are waiting."""
        for each in self._files:
            last = each is self._files[-1]
            if each.file is None and (len(each.head) >= HEAD or least == 0 or not last):
                self._check(each)
            if each.file is not None and each.data and (len(each.data) > least or not last):
                data, each.data = each.data, bytearray()
                if len(data) < FLUSH:
                    each.file.write(data)  # a thread would take longer
                else:
                    await asyncio.to_thread(each.file.write, data)
        if least == 0:
            self.close()

    def _check(self, each: _File) -> None:
        """Open a file whose format is known by its first bytes; refuse one of the wrong kind or size."""
        name, head = each.part.name, bytes(each.head)
        if not head:
            raise ApiError(422, "empty", f"{name} is empty", name)
        form = formats.sniff(head[: formats.HEAD_BYTES])
        media = self.rules.files[name]
        known = form is not formats.UNKNOWN
        fits = form.medium in media if known else media != ("image",)
        if form is formats.TEXT or not fits:
            why = f"{name} is {form.name}, not {' or '.join(media)}; send another file"
            raise ApiError(415, "wrong_type", why, name)
        if known and form.medium == "image" and not form.readable:
            raise ApiError(415, "wrong_type", f"{name} is {form.name}, which restyle does not read", name)
        if _announced_pixels(head) > self.rules.max_pixels:
            why = f"{name} has more than {self.rules.max_pixels:,} pixels; make it smaller"
            raise ApiError(413, "too_many_pixels", why, name)
        each.part.form = form
        number = sum(part.path is not None for part in self.parts)
        each.part.path = self.folder.path / f"{name}-{number}{form.suffixes[0] if known else ''}"
        each.file = each.part.path.open("xb")


def _announced_pixels(head: bytes) -> int:
    """Return the number of pixels that the header of a common picture announces; 0 if that is not clear."""
    from PIL import Image

    if formats.sniff(head[: formats.HEAD_BYTES]) is formats.PNG and len(head) >= 24:
        width, height = struct.unpack_from(">II", head, 16)
        return int(width * height)
    Image.preinit()
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(head), formats=("JPEG", "GIF", "BMP")) as picture,
        ):
            return picture.width * picture.height
    except Image.DecompressionBombError:
        return 1 << 62
    except Exception:  # noqa: BLE001, another format, or a header longer than `head`: the worker will see
        return 0


def texts(parts: list[Part], name: str) -> list[str]:
    """Return the texts of a field."""
    return [part.text for part in parts if part.name == name and part.path is None]


def files(parts: list[Part], name: str) -> list[Any]:
    """Return the paths of the files of a field."""
    return [part.path for part in parts if part.name == name and part.path is not None]
