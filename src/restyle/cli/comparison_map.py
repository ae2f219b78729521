"""A map of styles: thumbnails, near where the styles are alike; as a picture and as one HTML file."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from restyle.cli.comparison_charts import family_colors, labels, without_suffix
from restyle.compare.clustering import Matrix, cluster
from restyle.compare.layout import place, spread, stress
from restyle.compare.subjects import Subject
from restyle.images.sheet import INK, PAPER, SOFT, fit_text

NEIGHBOURS = 5
_AREA = 1500 * 1000  # px of the map
_SHARE = 0.42  # of it under thumbnails
_MARGIN, _HEAD, _FRAME = 28, 56, 4
_LETTERS = 12


@dataclass(frozen=True)
class StyleMap:
    """Where everything lies.

    Parameters
    ----------
    centres : np.ndarray [shape=(n, 2), float64]
        In px from the top left of the map.
    sizes : np.ndarray [shape=(n, 2), float64]
        Width and height of the thumbnails, in px.
    size : (width, height)
    stress : float
        Share of the distances that no flat map can show, 0..1.
    colors : list of str
        Family of each.
    """

    centres: Matrix
    sizes: Matrix
    size: tuple[int, int]
    stress: float
    colors: list[str]


def lay_out(subjects: Sequence[Subject], distances: Matrix, lengths: Matrix | None = None) -> StyleMap:
    """Place thumbnails so that their distances on the map are those of the styles, as nearly as can be.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n), float64]
        Families are made by these.
    lengths : np.ndarray [shape=(n, n), float64] or None
        The same as a map can show them: see `Metric.lengths`. None takes the distances.
    """
    count = len(subjects)
    lengths = distances if lengths is None else lengths
    points = place(lengths)
    side = float(np.clip(np.sqrt(_AREA * _SHARE / count), 56, 200))
    sizes = np.array([_fit(_aspect(each), side) for each in subjects])
    extent = np.maximum(points.max(0) - points.min(0), 1e-9)
    # The longer extent of the points runs along the map's width.
    if extent[1] > extent[0]:
        points, extent = points[:, ::-1], extent[::-1]
    scale = float(np.sqrt(_AREA / max(float(extent[0] * extent[1]), float(extent[0] ** 2) / 4))) * 0.9
    boxes = sizes + np.array([14, 14 + _LETTERS + 6])
    centres = spread((points - points.min(0)) * scale, boxes)
    low = (centres - boxes / 2).min(0)
    centres = centres - low + _MARGIN
    width, height = (int(each) for each in (centres + boxes / 2).max(0) + _MARGIN)
    colors = family_colors(cluster(distances), count)
    return StyleMap(centres, sizes, (max(width, 520), height), stress(points, lengths), colors)


def draw(subjects: Sequence[Subject], laid: StyleMap, title: str) -> Image.Image:
    """Draw the map."""
    width, height = laid.size
    picture = Image.new("RGB", (width, height + _HEAD), PAPER)
    pen = ImageDraw.Draw(picture)
    pen.text((_MARGIN, 14), title, INK, ImageFont.load_default(18))
    pen.text((_MARGIN, 37), _note(laid), SOFT, ImageFont.load_default(12))
    font = ImageFont.load_default(_LETTERS)
    names = labels([each.name for each in subjects])
    for each, name, (x, y), (w, h), color in zip(
        subjects, names, laid.centres, laid.sizes, laid.colors, strict=True
    ):
        left, top = round(x - w / 2), round(y - h / 2 + _HEAD)
        right, bottom = left + round(w), top + round(h)
        pen.rectangle((left - _FRAME, top - _FRAME, right + _FRAME - 1, bottom + _FRAME - 1), color)
        picture.paste(_tile(each, (right - left, bottom - top)), (left, top))
        text = fit_text(name, font, round(w) + 12)
        pen.text((round(x), bottom + _FRAME + 2), text, INK, font, anchor="ma")
    return picture


def page(
    subjects: Sequence[Subject],
    laid: StyleMap,
    distances: Matrix,
    title: str,
    charts: Sequence[tuple[str, Image.Image]],
) -> str:
    """Write the map as one HTML file that needs nothing else: hover or focus shows the nearest.

    Parameters
    ----------
    charts : sequence of (heading, picture)
        Shown under the map.
    """
    width, height = laid.size
    tiles = []
    for index, (each, (x, y), (w, _), color) in enumerate(
        zip(subjects, laid.centres, laid.sizes, laid.colors, strict=True)
    ):
        near = [int(i) for i in np.argsort(distances[index]) if i != index][:NEIGHBOURS]
        data = json.dumps([[i, f"{distances[index, i]:.3f}"] for i in near])
        place_at = f"left:{x / width:.3%};top:{y / height:.3%};width:{w / width:.3%}"
        tiles.append(
            f'<figure tabindex="0" style="{place_at};--c:{color}" data-n=\'{data}\'>'
            f'<img alt="" src="{_embedded(_tile(each, _natural(each)), "JPEG")}">'
            f"<figcaption>{html.escape(without_suffix(each.name))}</figcaption></figure>"
        )
    shown = "".join(
        f"<h2>{html.escape(heading)}</h2>"
        f'<img class="chart" alt="{html.escape(heading)}" src="{_embedded(chart, "PNG")}">'
        for heading, chart in charts
    )
    names = json.dumps([each.name for each in subjects]).replace("<", "\\u003c")
    return _PAGE.format(
        title=html.escape(title),
        note=html.escape(_note(laid)),
        ratio=f"{width} / {height}",
        tiles="\n".join(tiles),
        charts=shown,
        names=names,
    )


def _note(laid: StyleMap) -> str:
    return (
        f"Near is alike. A flat map bends distances: here by {laid.stress:.0%} (stress), "
        "and thumbnails are pushed apart. Frames: families of the tree."
    )


def _aspect(subject: Subject) -> float:
    if subject.thumbnail is None:
        return 4 / 3
    height, width = subject.thumbnail.shape[:2]
    return float(np.clip(width / height, 0.4, 2.5))


def _fit(aspect: float, side: float) -> tuple[float, float]:
    """Width and height of an aspect, with the area of a square of this side."""
    return side * aspect**0.5, side / aspect**0.5


def _natural(subject: Subject) -> tuple[int, int]:
    width, height = _fit(_aspect(subject), 200)
    return round(width), round(height)


def _tile(subject: Subject, size: tuple[int, int]) -> Image.Image:
    """The thumbnail, cut to the size; a plain tile where there is none."""
    if subject.thumbnail is None:
        tile = Image.new("RGB", size, "#d9d5cb")
        pen, font = ImageDraw.Draw(tile), ImageFont.load_default(max(11, size[1] // 6))
        pen.text((size[0] / 2, size[1] / 2), subject.kind, SOFT, font, anchor="mm")
        return tile
    pixels: npt.NDArray[np.uint8] = subject.thumbnail
    height, width = pixels.shape[:2]
    wide = size[0] / size[1]
    w, h = (width, round(width / wide)) if width / height < wide else (round(height * wide), height)
    left, top = (width - w) // 2, (height - h) // 2
    box = (left, top, left + w, top + h)
    return Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, box=box)


def _embedded(picture: Image.Image, form: str) -> str:
    file = io.BytesIO()
    picture.save(file, form, quality=82, optimize=True)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title>
<style>
body{{margin:0 auto;max-width:1700px;padding:16px 20px;background:#faf9f6;color:#202020;
font:15px/1.45 system-ui,sans-serif}}
h1{{font-size:1.3rem;margin:.2em 0}} p{{color:#6e6e6e;margin:.2em 0 .8em}}
h2{{font-size:1.05rem;margin:2em 0 .5em}}
#frame{{overflow-x:auto}} #map{{position:relative;width:100%;min-width:760px;aspect-ratio:{ratio}}}
figure{{position:absolute;margin:0;transform:translate(-50%,-50%);transition:opacity .15s;cursor:pointer}}
figure img{{display:block;width:100%;border:3px solid var(--c);box-sizing:border-box;border-radius:2px}}
figcaption{{position:absolute;left:-10%;width:120%;text-align:center;font-size:clamp(8px,.75vw,12px);white-space:nowrap;
overflow:hidden;text-overflow:ellipsis}}
#map.on figure{{opacity:.18}} #map.on figure.near{{opacity:1}} #map.on figure.me{{opacity:1;z-index:3}}
figure.me img{{outline:3px solid #202020}}
#said{{position:sticky;bottom:0;min-height:1.5em;background:#faf9f6ee;padding:8px 0;color:#202020}}
input{{font:inherit;padding:4px 8px;border:1px solid #bbb;border-radius:4px}}
.chart{{max-width:100%}}
</style></head><body>
<h1>{title}</h1><p>{note}</p>
<p><input id="q" type="search" placeholder="find a name" aria-label="find a name"></p>
<div id="frame"><div id="map">
{tiles}
</div></div><div id="said" aria-live="polite">Point at a picture, or tab to it, to see its nearest.</div>
{charts}
<script>
const names={names},map=document.getElementById("map"),said=document.getElementById("said"),
q=document.getElementById("q"),all=[...map.children];let kept=null;
function show(i){{const n=JSON.parse(all[i].dataset.n);clear();map.className="on";all[i].classList.add("me");
n.forEach(e=>all[e[0]].classList.add("near"));
said.textContent=names[i]+" is nearest to "+n.map(e=>names[e[0]]+" ("+e[1]+")").join(", ")}}
function clear(){{map.className="";all.forEach(f=>f.classList.remove("me","near"))}}
function back(){{if(kept===null){{clear()}}else{{show(kept)}}}}
all.forEach((f,i)=>{{f.onmouseenter=f.onfocus=()=>show(i);f.onmouseleave=f.onblur=back;
f.onclick=()=>{{kept=kept===i?null:i;back()}}}});
q.oninput=()=>{{const w=q.value.trim().toLowerCase();clear();if(!w)return;map.className="on";
all.forEach((f,i)=>f.classList.toggle("near",names[i].toLowerCase().includes(w)))}};
</script></body></html>
"""
