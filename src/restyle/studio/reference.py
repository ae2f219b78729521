"""The description of the API: what OpenAPI cannot find out by itself, and the page at /docs.

The page is plain HTML made from the same description, without scripts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from restyle.studio.calls import WALL_OPTIONS
from restyle.studio.media import AUDIO, AUDIO_TYPES, IMAGE_TYPES, IMAGES, VIDEO_TYPES, VIDEOS, schema

ABOUT = (
    "Give pictures, videos and sounds the style of others. Files come as multipart/form-data, or as the body"
    " itself with the options in the query; options are those of the command line, named as in Python."
    " With a token, send `Authorization: Bearer TOKEN`."
)
URL = "http://127.0.0.1:7860"
_JSON = "application/json"
_FILE, _TEXT = {"type": "string", "format": "binary"}, {"type": "string"}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": _TEXT, "message": _TEXT, "field": {**_TEXT, "nullable": True}},
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
_OWN = "own-0123456789abcdef"
_OWN_EXAMPLE = {
    **dict.fromkeys(_STYLE_EXAMPLE, ""),
    "name": _OWN,
    "kind": "own",
    "artwork": f"/v1/styles/{_OWN}/artwork",
}


def _several(items: dict[str, Any], about: str) -> dict[str, Any]:
    """Describe a field that can be repeated."""
    return {"type": "array", "items": items, "description": about}


def _own_styles(medium: str, about: str) -> dict[str, Any]:
    """Describe the fields of uploaded styles."""
    weights = _several({"type": "number"}, "Weights of the uploaded styles, in their order. Default: 1.")
    return {f"style_{medium}": _several(_FILE, about), f"style_{medium}_weight": weights}


def _answers(
    status: int, about: str, *types: str, example: Any = None, problems: bool = False
) -> dict[str, Any]:
    """Return the `responses` of a route."""
    bodies: dict[str, Any] = {}
    for kind in types:
        plain = _TEXT if kind.startswith("text/") or kind == "application/x-ndjson" else _FILE
        bodies[kind] = {"schema": {"type": "object"} if kind == _JSON else plain}
        if example is not None:
            bodies[kind]["example"] = example
    found: dict[str, Any] = {str(status): {"description": about, "content": bodies}}
    for code, text in _PROBLEMS.items() if problems else ():
        found[str(code)] = {"description": text, "content": {_JSON: {"schema": _ERROR}}}
    return found


def _job(kind: str, problems: bool = True) -> dict[str, Any]:
    return _answers(202, "A job.", _JSON, example={**_JOB_EXAMPLE, "kind": kind}, problems=problems)


def _body(raw: str, about: str, properties: dict[str, Any], required: str = "content") -> dict[str, Any]:
    """Return a `requestBody` of fields, or of one file, which is the first field."""
    properties = {required: {**_FILE, "description": about}, **properties}
    fields = {"type": "object", "required": [required], "properties": properties}
    return {"required": True, "content": {"multipart/form-data": {"schema": fields}, raw: {"schema": _FILE}}}


def _curl(path: str, *lines: str, flags: str = "") -> list[dict[str, str]]:
    return [{"lang": "curl", "source": " \\\n  ".join([f"curl {flags}{URL}/v1/{path}", *lines])}]


def _accept(types: Mapping[str, str], usual: str) -> dict[str, Any]:
    about = f"Type of the result: {', '.join(types)}. Default: {usual}."
    return {"name": "Accept", "in": "header", "schema": _TEXT, "description": about}


_PREFER = {
    "name": "Prefer",
    "in": "header",
    "schema": {**_TEXT, "example": "respond-async"},
    "description": "`respond-async`: answer with a job at once.",
}
_STYLE = _several(_TEXT, "NAME or NAME:WEIGHT, from GET /v1/styles; several are mixed.")
_STYLE_IMAGE = _own_styles("image", "Pictures whose style is used; several are mixed, with `style` too.")
_MASK = _several(
    _FILE, "Grayscale pictures, white where another style applies; or alpha, or box:10%,20%,50%,60%."
)
_REGION = _several(_TEXT, "For each mask, in their order: the name of a style, or keep.")

IMAGES_BODY: dict[str, Any] = {
    "parameters": [_accept(IMAGE_TYPES, "that of the picture, or PNG"), _PREFER],
    "requestBody": _body(
        "image/*",
        "The picture.",
        {"style": _STYLE, **_STYLE_IMAGE, "mask": _MASK, "region": _REGION, **schema(IMAGES)},
    ),
    "responses": {
        **_answers(200, "The picture.", *IMAGE_TYPES, problems=True),
        **_job("image", problems=False),
    },
    "x-codeSamples": _curl(
        "images", "-F content=@photo.jpg -F style=great-wave -F method=fast", "-o art.jpg"
    ),
}
_BOX = "box:LEFT,TOP,WIDTH,HEIGHT, in pixels or all in percent: what to cut out."
MASKS_BODY: dict[str, Any] = {
    "requestBody": _body("image/*", "The picture.", {"box": {**_TEXT, "description": _BOX}}),
    "responses": _answers(200, "The mask, at most 1024 px on its longest side.", "image/png", problems=True),
    "x-codeSamples": _curl("masks", "-F content=@photo.jpg -F box=box:10%,20%,50%,60%", "-o mask.png"),
}
WALL_BODY: dict[str, Any] = {
    "requestBody": _body(
        "image/*",
        "The picture.",
        {
            "style": _several(_TEXT, "Names of paintings. Without `look` the default is all."),
            "look": _several(_TEXT, "Names of photographic looks."),
            "size": {"type": "integer", "default": 256, "minimum": 32, "maximum": 512,
                     "description": "Longest side of a thumbnail in pixels."},
            **{name: each for name, each in schema(IMAGES).items() if name in WALL_OPTIONS},
        },
    ),
    "responses": _answers(
        200, "Thumbnails, a line each.", "application/x-ndjson", problems=True,
        example='{"style": "great-wave", "image": "data:image/jpeg;base64,..."}\n',
    ),
    "x-codeSamples": _curl("wall", "-F content=@photo.jpg -F style=great-wave", flags="-N "),
}  # fmt: skip
VIDEOS_BODY: dict[str, Any] = {
    "parameters": [_accept(VIDEO_TYPES, "video/mp4")],
    "requestBody": _body(
        "video/*",
        "The video.",
        {
            "style": _several(_TEXT, "[SECONDS:]NAME[:WEIGHT]; styles with times follow each other."),
            **_STYLE_IMAGE,
            "audio_style": _several(_TEXT, "NAME or NAME:WEIGHT of a sound, for the sound."),
            **_own_styles("sound", "Sounds whose style is used for the sound."),
            "mask": _several(_FILE, "As for pictures; also videos."),
            "region": _REGION,
            **schema(VIDEOS),
        },
    ),
    "responses": _job("video"),
    "x-codeSamples": _curl("videos", "-F content=@clip.mp4 -F style=great-wave"),
}
AUDIO_BODY: dict[str, Any] = {
    "parameters": [_accept(AUDIO_TYPES, "that of the sound, or audio/wav")],
    "requestBody": _body(
        "audio/*",
        "The sound, or a video whose sound is used.",
        {
            "style": _several(_TEXT, "NAME or NAME:WEIGHT of a sound; several are mixed."),
            **_own_styles("sound", "Sounds whose style is used; several are mixed."),
            **schema(AUDIO),
        },
    ),
    "responses": _job("audio"),
    "x-codeSamples": _curl("audio", "-F content=@talk.wav -F style=rain"),
}
NEW_STYLE: dict[str, Any] = {
    "requestBody": _body("image/*", "The artwork.", {}, required="image"),
    "responses": _answers(201, "The style.", _JSON, example=_OWN_EXAMPLE, problems=True),
    "x-codeSamples": _curl("styles", "-F image=@my-painting.jpg"),
}
STYLES = {
    "responses": _answers(200, "The styles.", _JSON, example={"styles": [_STYLE_EXAMPLE]}),
    "x-codeSamples": _curl("styles"),
}
ARTWORK = {"responses": _answers(200, "The artwork.", "image/jpeg")}
OPTIONS = {"responses": _answers(200, "Options by medium, types of results, and limits.", _JSON)}
JOB = {"responses": _answers(200, "The job.", _JSON, example=_JOB_EXAMPLE)}
EVENTS = {
    "responses": _answers(
        200, "Events until the job ends.", "text/event-stream",
        example='event: progress\ndata: {"id": "...", "state": "running", "progress": 0.42}\n\n',
    ),
    "x-codeSamples": _curl("jobs/ID/events", flags="-N "),
}  # fmt: skip
PREVIEW = {"responses": _answers(200, "The preview.", "image/jpeg")}
RESULT = {
    "parameters": [_accept(IMAGE_TYPES, "that of the job. Only pictures are converted")],
    "responses": _answers(200, "The file.", *IMAGE_TYPES, *VIDEO_TYPES, *AUDIO_TYPES),
    "x-codeSamples": _curl("jobs/ID/result", '-H "Accept: image/tiff" -o art.tif'),
}
HEALTH = {"responses": _answers(200, "It works.", _JSON, example={"status": "ok"})}
METRICS = {"responses": _answers(200, "Metrics.", "text/plain")}


def page(description: dict[str, Any]) -> str:
    """Return an OpenAPI description as a page."""
    title, about = escape(description["info"]["title"]), description["info"].get("description", "")
    rows = "\n".join(_routes(description))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: API</title>
<link rel="stylesheet" href="/page/reference.css">
</head>
<body>
<h1>{title}: API</h1>
<p>{_prose(about)}</p>
<p><a href="/">Page</a> · <a href="/openapi.json">openapi.json</a></p>
{rows}
</body>
</html>
"""


def _routes(description: dict[str, Any]) -> Iterator[str]:
    routes = [(path, *each) for path, methods in description["paths"].items() for each in methods.items()]
    for path, method, route in routes:
        name = f"{method.upper()} {path}"
        yield f"<section><h2><b>{method.upper()}</b> <code>{escape(path)}</code></h2>"
        yield f"<p>{_prose(route.get('description', ''))}</p>"
        for sample in route.get("x-codeSamples", []):
            yield f"<pre><code>{escape(sample['source'])}</code></pre>"
        yield from _table(route.get("parameters", []), f"Parameters of {name}")
        for kind, body in route.get("requestBody", {}).get("content", {}).items():
            fields = body["schema"].get("properties", {}).items()
            yield from _table(
                [{"name": each, "schema": facts} for each, facts in fields], f"Fields of {name}, {kind}"
            )
        yield "<dl>"
        for status, facts in route.get("responses", {}).items():
            yield f"<dt>{escape(status)}</dt><dd>{_prose(facts.get('description', ''))}"
            for kind, body in facts.get("content", {}).items():
                example = body.get("example", body.get("schema", {}).get("example"))
                if example is not None:
                    shown = example if isinstance(example, str) else json.dumps(example, indent=1)
                    yield f"<pre><code>{escape(kind)}\n{escape(shown)}</code></pre>"
            yield "</dd>"
        yield "</dl>"
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
