"""The description of the API: what OpenAPI cannot find out by itself, and the page at /docs.

The page is plain HTML made from the same description, without scripts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from restyle.studio.calls import WALL_OPTIONS
from restyle.studio.media import AUDIO, AUDIO_TYPES, IMAGE_TYPES, IMAGES, VIDEO_TYPES, VIDEOS, schema

ABOUT = (
    "Give pictures, videos and sounds the style of others. Files come as multipart/form-data, or as the body"
    " itself with the options in the query; options are those of the command line, named as in Python."
    " With a token, send `Authorization: Bearer TOKEN`."
)
_FILE = {"type": "string", "format": "binary"}
_STYLE = {
    "type": "array",
    "items": {"type": "string"},
    "description": "NAME or NAME:WEIGHT, from GET /v1/styles; several are mixed.",
}
_STYLE_IMAGE = {
    "type": "array",
    "items": _FILE,
    "description": "Pictures whose style is used; several are mixed, with `style` too.",
}
_STYLE_WEIGHT = {
    "type": "array",
    "items": {"type": "number"},
    "description": "Weights of the uploaded styles, in their order. Default: 1.",
}
_MASK = {
    "type": "array",
    "items": _FILE,
    "description": "Grayscale pictures, white where another style applies; or alpha, or box:10%,20%,50%,60%.",
}
_REGION = {
    "type": "array",
    "items": {"type": "string"},
    "description": "For each mask, in their order: the name of a style, or keep.",
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": "string", "nullable": True},
            },
        }
    },
    "example": {
        "error": {"code": "bad_option", "message": "strength 2 is outside 0..1", "field": "strength"}
    },
}
_PROBLEMS = {
    413: "A file, its pixels or the number of fields are over a limit.",
    415: "A file is of another kind than the field takes.",
    422: "A field, an option or a file cannot be used.",
    429: "The queue is full; `Retry-After` says when to try again.",
}
_JOB_EXAMPLE: dict[str, Any] = {
    "id": "vq0Zz8rj3Vw2cX1mTn4uYb5s",
    "kind": "video",
    "state": "running",
    "position": None,
    "progress": 0.42,
    "seconds_left": 31.5,
    "error": None,
    "notes": [],
    "result": None,
    "preview": "/v1/jobs/vq0Zz8rj3Vw2cX1mTn4uYb5s/preview?3",
    "events": "/v1/jobs/vq0Zz8rj3Vw2cX1mTn4uYb5s/events",
}
_STYLE_EXAMPLE = {
    "name": "great-wave",
    "title": "The Great Wave off Kanagawa",
    "artist": "Katsushika Hokusai",
    "year": "c. 1831",
    "kind": "painting",
    "artwork": "/v1/styles/great-wave/artwork",
}
URL = "http://127.0.0.1:7860"


def _answers(
    status: int, about: str, *types: str, example: Any = None, problems: bool = False
) -> dict[str, Any]:
    """Return the `responses` of a route."""
    bodies: dict[str, Any] = {}
    for kind in types:
        textual = kind.startswith("text/") or kind in ("application/x-ndjson", "application/json")
        bodies[kind] = {"schema": {"type": "object"} if kind == "application/json" else {"type": "string"}}
        if not textual:
            bodies[kind]["schema"] = _FILE
        if example is not None:
            bodies[kind]["example"] = example
    found: dict[str, Any] = {str(status): {"description": about, "content": bodies}}
    if problems:
        for code, text in _PROBLEMS.items():
            found[str(code)] = {"description": text, "content": {"application/json": {"schema": _ERROR}}}
    return found


def _body(properties: dict[str, Any], raw: str, required: str = "content") -> dict[str, Any]:
    """Return a `requestBody` of fields, or of one file."""
    fields = {"type": "object", "required": [required], "properties": properties}
    content = {"multipart/form-data": {"schema": fields}, raw: {"schema": _FILE}}
    return {"required": True, "content": content}


def _curl(*lines: str) -> list[dict[str, str]]:
    return [{"lang": "curl", "source": " \\\n  ".join(lines)}]


_PREFER = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string", "example": "respond-async"},
    "description": "`respond-async`: answer with a job at once.",
}


def _accept(types: dict[str, str], usual: str) -> dict[str, Any]:
    about = f"Type of the result: {', '.join(types)}. Default: {usual}."
    return {"name": "Accept", "in": "header", "schema": {"type": "string"}, "description": about}


IMAGES_BODY: dict[str, Any] = {
    "parameters": [_accept(IMAGE_TYPES, "that of the picture, or PNG"), _PREFER],
    "requestBody": _body(
        {
            "content": {**_FILE, "description": "The picture."},
            "style": _STYLE,
            "style_image": _STYLE_IMAGE,
            "style_image_weight": _STYLE_WEIGHT,
            "mask": _MASK,
            "region": _REGION,
            **schema(IMAGES),
        },
        "image/*",
    ),
    "responses": {
        **_answers(200, "The picture.", *IMAGE_TYPES, problems=True),
        **_answers(202, "A job.", "application/json", example={**_JOB_EXAMPLE, "kind": "image"}),
    },
    "x-codeSamples": _curl(
        f"curl {URL}/v1/images", "-F content=@photo.jpg -F style=great-wave -F method=fast", "-o art.jpg"
    ),
}
MASKS_BODY: dict[str, Any] = {
    "requestBody": _body(
        {
            "content": {**_FILE, "description": "The picture."},
            "box": {
                "type": "string",
                "description": "box:LEFT,TOP,WIDTH,HEIGHT, in pixels or all in percent: what to cut out.",
            },
        },
        "image/*",
    ),
    "responses": _answers(200, "The mask, at most 1024 px on its longest side.", "image/png", problems=True),
    "x-codeSamples": _curl(
        f"curl {URL}/v1/masks", "-F content=@photo.jpg -F box=box:10%,20%,50%,60%", "-o mask.png"
    ),
}
WALL_BODY: dict[str, Any] = {
    "requestBody": _body(
        {
            "content": {**_FILE, "description": "The picture."},
            "style": {**_STYLE, "description": "Names of paintings. Without `look` the default is all."},
            "look": {**_STYLE, "description": "Names of photographic looks."},
            "size": {"type": "integer", "default": 256, "minimum": 32, "maximum": 512,
                     "description": "Longest side of a thumbnail in pixels."},
            **{name: each for name, each in schema(IMAGES).items() if name in WALL_OPTIONS},
        },
        "image/*",
    ),
    "responses": _answers(
        200, "Thumbnails, a line each.", "application/x-ndjson", problems=True,
        example='{"style": "great-wave", "image": "data:image/jpeg;base64,..."}\n',
    ),
    "x-codeSamples": _curl(f"curl -N {URL}/v1/wall", "-F content=@photo.jpg -F style=great-wave"),
}  # fmt: skip
VIDEOS_BODY: dict[str, Any] = {
    "parameters": [_accept(VIDEO_TYPES, "video/mp4")],
    "requestBody": _body(
        {
            "content": {**_FILE, "description": "The video."},
            "style": {
                **_STYLE,
                "description": "[SECONDS:]NAME[:WEIGHT]; styles with times follow each other.",
            },
            "style_image": _STYLE_IMAGE,
            "style_image_weight": _STYLE_WEIGHT,
            "audio_style": {**_STYLE, "description": "NAME or NAME:WEIGHT of a sound, for the sound."},
            "style_sound": {**_STYLE_IMAGE, "description": "Sounds whose style is used for the sound."},
            "style_sound_weight": _STYLE_WEIGHT,
            "mask": {**_MASK, "description": "As for pictures; also videos."},
            "region": _REGION,
            **schema(VIDEOS),
        },
        "video/*",
    ),
    "responses": _answers(202, "A job.", "application/json", example=_JOB_EXAMPLE, problems=True),
    "x-codeSamples": _curl(f"curl {URL}/v1/videos", "-F content=@clip.mp4 -F style=great-wave"),
}
AUDIO_BODY: dict[str, Any] = {
    "parameters": [_accept(AUDIO_TYPES, "that of the sound, or audio/wav")],
    "requestBody": _body(
        {
            "content": {**_FILE, "description": "The sound, or a video whose sound is used."},
            "style": {**_STYLE, "description": "NAME or NAME:WEIGHT of a sound; several are mixed."},
            "style_sound": {**_STYLE_IMAGE, "description": "Sounds whose style is used; several are mixed."},
            "style_sound_weight": _STYLE_WEIGHT,
            **schema(AUDIO),
        },
        "audio/*",
    ),
    "responses": _answers(
        202, "A job.", "application/json", example={**_JOB_EXAMPLE, "kind": "audio"}, problems=True
    ),
    "x-codeSamples": _curl(f"curl {URL}/v1/audio", "-F content=@talk.wav -F style=rain"),
}
NEW_STYLE: dict[str, Any] = {
    "requestBody": _body({"image": {**_FILE, "description": "The artwork."}}, "image/*", "image"),
    "responses": _answers(
        201, "The style.", "application/json", problems=True,
        example={"name": "own-0123456789abcdef", "title": "", "artist": "", "year": "", "kind": "own",
                 "artwork": "/v1/styles/own-0123456789abcdef/artwork"},
    ),
    "x-codeSamples": _curl(f"curl {URL}/v1/styles", "-F image=@my-painting.jpg"),
}  # fmt: skip
STYLES = {
    "responses": _answers(200, "The styles.", "application/json", example={"styles": [_STYLE_EXAMPLE]}),
    "x-codeSamples": _curl(f"curl {URL}/v1/styles"),
}
ARTWORK = {"responses": _answers(200, "The artwork.", "image/jpeg")}
OPTIONS = {"responses": _answers(200, "Options by medium, types of results, and limits.", "application/json")}
JOB = {"responses": _answers(200, "The job.", "application/json", example=_JOB_EXAMPLE)}
EVENTS = {
    "responses": _answers(
        200, "Events until the job ends.", "text/event-stream",
        example='event: progress\ndata: {"id": "...", "state": "running", "progress": 0.42}\n\n',
    ),
    "x-codeSamples": _curl(f"curl -N {URL}/v1/jobs/ID/events"),
}  # fmt: skip
PREVIEW = {"responses": _answers(200, "The preview.", "image/jpeg")}
RESULT = {
    "parameters": [_accept(IMAGE_TYPES, "that of the job. Only pictures are converted")],
    "responses": _answers(200, "The file.", *IMAGE_TYPES, *VIDEO_TYPES, *AUDIO_TYPES),
    "x-codeSamples": _curl(f"curl {URL}/v1/jobs/ID/result", '-H "Accept: image/tiff" -o art.tif'),
}
HEALTH = {"responses": _answers(200, "It works.", "application/json", example={"status": "ok"})}
METRICS = {"responses": _answers(200, "Metrics.", "text/plain")}


def page(description: dict[str, Any]) -> str:
    """Return an OpenAPI description as a page."""
    rows = "\n".join(_routes(description))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(description["info"]["title"])}: API</title>
<link rel="stylesheet" href="/page/reference.css">
</head>
<body>
<h1>{escape(description["info"]["title"])}: API</h1>
<p>{_prose(description["info"].get("description", ""))}</p>
<p><a href="/">Page</a> · <a href="/openapi.json">openapi.json</a></p>
{rows}
</body>
</html>
"""


def _routes(description: dict[str, Any]) -> Iterator[str]:
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            name = f"{method.upper()} {path}"
            yield f"<section><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>"
            yield f"<p>{_prose(route.get('description', ''))}</p>"
            for sample in route.get("x-codeSamples", []):
                yield f"<pre><code>{escape(sample['source'])}</code></pre>"
            yield from _table(route.get("parameters", []), f"Parameters of {name}")
            bodies = route.get("requestBody", {}).get("content", {})
            for kind, body in bodies.items():
                fields = body["schema"].get("properties", {})
                parameters = [{"name": each, "schema": facts} for each, facts in fields.items()]
                yield from _table(parameters, f"Fields of {name}, {kind}")
            yield from _answer_list(route.get("responses", {}))
            yield "</section>"


def _table(parameters: list[dict[str, Any]], caption: str) -> Iterator[str]:
    if not parameters:
        return
    yield f"<details open><summary>{escape(caption)}</summary><table>"
    yield "<tr><th>name</th><th>type</th><th>default</th><th>meaning</th></tr>"
    for each in parameters:
        facts = each["schema"]
        about = each.get("description") or facts.get("description", "")
        default = json.dumps(facts["default"]) if "default" in facts else ""
        cells = f"<td>{escape(_kind(facts))}</td><td>{escape(default)}</td><td>{_prose(about)}</td>"
        yield f"<tr><td><code>{escape(each['name'])}</code></td>{cells}</tr>"
    yield "</table></details>"


def _answer_list(responses: dict[str, Any]) -> Iterator[str]:
    yield "<dl>"
    for status, facts in responses.items():
        yield f"<dt>{escape(status)}</dt><dd>{_prose(facts.get('description', ''))}"
        for kind, body in facts.get("content", {}).items():
            example = body.get("example", body.get("schema", {}).get("example"))
            if example is not None:
                shown = example if isinstance(example, str) else json.dumps(example, indent=1)
                yield f"<pre><code>{escape(kind)}\n{escape(shown)}</code></pre>"
        yield "</dd>"
    yield "</dl>"


def _kind(facts: dict[str, Any]) -> str:
    if facts.get("type") == "array":
        return f"{_kind(facts['items'])}, repeatable"
    if "enum" in facts:
        return " | ".join(facts["enum"])
    kind = "file" if facts.get("format") == "binary" else str(facts.get("type", ""))
    return f"{kind} {facts['minimum']:g}..{facts['maximum']:g}" if "minimum" in facts else kind


def _prose(text: str) -> str:
    """Escape a text; words between backticks become code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces))
