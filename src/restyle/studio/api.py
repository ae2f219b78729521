"""The routes of the API."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, HTTPException, Query, Response

from restyle.models import arbitrary
from restyle.models.style_files import preset_artwork, preset_files, read
from restyle.options import EngineOptions
from restyle.sounds.styles import PRESETS as SOUNDS


@lru_cache(maxsize=512)
def _artwork(name: str, size: int) -> bytes | None:
    """The artwork of a preset as JPEG, its longest side at most `size` px."""
    from PIL import Image

    files = preset_files(arbitrary.load(EngineOptions.model).record)
    path = preset_artwork(files[name]) if name in files else None
    if path is None:
        return None
    with Image.open(path) as picture:
        picture.draft("RGB", (size, size))
        picture.thumbnail((size, size))
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def routes() -> APIRouter:
    """The routes below /v1."""
    router = APIRouter(prefix="/v1")

    @router.get("/styles")
    async def styles() -> dict[str, list[dict[str, Any]]]:
        files = preset_files(arbitrary.load(EngineOptions.model).record)
        entries = []
        for name, path in files.items():
            record = read(path)
            entry = {"name": name, "title": record.title, "artist": record.artist, "year": record.year}
            artwork = f"/v1/styles/{name}/artwork" if preset_artwork(path) else None
            entries.append({**entry, "kind": "painting", "artwork": artwork})
        entries += [
            {"name": name, "title": text, "artist": "", "year": "", "kind": "sound", "artwork": None}
            for name, text in SOUNDS.items()
        ]
        return {"styles": entries}

    @router.get("/styles/{name}/artwork")
    def artwork(name: str, size: int = Query(256, ge=16, le=2048)) -> Response:
        data = _artwork(name, size)
        if data is None:
            raise HTTPException(404, f"there is no style '{name}'")
        return Response(data, media_type="image/jpeg", headers={"cache-control": "max-age=86400"})

    return router
