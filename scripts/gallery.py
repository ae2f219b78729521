"""Paint the gallery: four photos in every preset by `paint` and `fast`; then measure it and write its pages.

    OMP_NUM_THREADS=1 nice python -m scripts.gallery paint FOLDER              # all presets, an hour or more
    OMP_NUM_THREADS=1 nice python -m scripts.gallery paint FOLDER --from-end   # a second process, meanwhile
    python -m scripts.gallery pages FOLDER     # docs/gallery.md, docs/gallery.zh.md and docs/gallery/*.jpg

Pictures are kept in FOLDER as PNG files. Their names hold a hash of the photo, the artwork, the weights and
the code of the method. So a stopped run continues, and only pictures that may have changed are painted again.
Processes may share FOLDER: finished pictures are skipped. Measurements are cached like those of
`restyle evaluate`.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image, ImageOps

import restyle
from restyle import RestyleError
from restyle.evaluate.bench import Bench, Cache, Subject
from restyle.evaluate.networks import load_encoder
from restyle.files import writing
from restyle.images.picture import load_image
from restyle.methods import fast
from restyle.methods.paint import network
from restyle.models.catalog import DEFAULT, find
from restyle.models.style_files import preset_artwork, preset_files
from restyle.types import from_unit
from scripts import presets
from scripts.presets import Preset
from scripts.sheet import column, row, save_jpeg

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
# photo: where its crop to 4:3 is centered, horizontally and vertically
PHOTOS = {"astronaut": (0.5, 0.0), "rocket": (0.5, 1.0), "coffee": (0.5, 0.5), "chelsea": (0.5, 0.5)}
SIZE = 288  # px, longest side that is painted
METHODS = {
    "paint": (network.MODEL, sorted(Path(network.__file__).parent.glob("*.py"))),
    "fast": (DEFAULT, [Path(fast.__file__)]),
}
CELL = 288, 216  # px, of a picture on the page
GAP = 4
QUALITY = 75  # of a JPEG: all of them take at most 12 MB

# groups of the page, in order: name, Chinese name, movements in presets.toml; Van Gogh has one of his own
GROUPS = (
    ("Van Gogh", "梵高", ("Vincent van Gogh",)),
    ("Impressionism and Pointillism", "印象派与点彩派", ("Impressionism", "Pointillism")),
    (
        "Gauguin, Cézanne and Symbolism",
        "高更、塞尚与象征主义",
        ("Synthetism", "Post-Impressionism", "Symbolism"),
    ),
    ("Fauvism", "野兽派", ("Fauvism",)),
    ("Vienna Secession and Expressionism", "维也纳分离派与表现主义", ("Vienna Secession", "Expressionism")),
    (
        "Cubism, Futurism and abstract art",
        "立体主义、未来主义与抽象艺术",
        ("Cubism", "Futurism", "Abstract art", "Neoplasticism"),
    ),
    ("Posters, etching and pastel", "海报、蚀刻与粉彩", ("Art Nouveau, lithograph", "Etching", "Pastel")),
    ("Japanese prints", "浮世绘", ("Ukiyo-e",)),
    ("Chinese painting", "中国画", ("Chinese ink", "Chinese blue-green landscape")),
    ("Older masters", "早期大师", ("Sienese", "Baroque", "Romanticism")),
)
COLLECTIONS = {
    "Art Institute of Chicago": "芝加哥艺术博物馆",
    "Belvedere, Vienna": "维也纳美景宫美术馆",
    "Hermitage, Saint Petersburg": "圣彼得堡艾尔米塔什博物馆",
    "J. Paul Getty Museum, Los Angeles": "洛杉矶保罗·盖蒂博物馆",
    "Kröller-Müller Museum, Otterlo": "奥特洛克勒勒-米勒博物馆",
    "Kunst Museum Winterthur": "温特图尔美术馆",
    "Kunsthaus Zürich": "苏黎世美术馆",
    "Kunstmuseum Den Haag, The Hague": "海牙美术馆",
    "Metropolitan Museum of Art, New York": "纽约大都会艺术博物馆",
    "Musée Marmottan Monet, Paris": "巴黎马摩丹莫奈美术馆",
    "Musée d'Orsay, Paris": "巴黎奥赛博物馆",
    "Museum of Fine Arts, Houston": "休斯敦美术馆",
    "Museum of Modern Art, New York": "纽约现代艺术博物馆",
    "National Gallery of Art, Washington": "华盛顿国家美术馆",
    "National Gallery of Ireland, Dublin": "都柏林爱尔兰国家美术馆",
    "National Gallery, London": "伦敦国家美术馆",
    "National Museum, Oslo": "奥斯陆国家博物馆",
    "Neue Galerie, New York": "纽约新画廊",
    "Palace Museum, Beijing": "北京故宫博物院",
    "Pushkin Museum, Moscow": "莫斯科普希金博物馆",
    "San Francisco Museum of Modern Art": "旧金山现代艺术博物馆",
    "Scottish National Gallery, Edinburgh": "爱丁堡苏格兰国家美术馆",
    "Solomon R. Guggenheim Museum, New York": "纽约古根海姆博物馆",
    "Tate, London": "伦敦泰特美术馆",
    "Tretyakov Gallery, Moscow": "莫斯科特列季亚科夫画廊",
    "Wien Museum, Vienna": "维也纳博物馆",
    "Zhejiang Provincial Museum, Hangzhou": "杭州浙江省博物馆",
    "print, in several collections": "版画，见于多家收藏",
}
ENGLISH = """# Gallery

Every preset on four photos: the artwork, `--method paint` (the default), and `--method fast`.

![The four photos](gallery/photos.jpg)

The pictures are made by [one script](../scripts/gallery.py) with default options, from photos of {size} px;
none was picked by hand. Small photos get broad strokes: see [`--paint-size`](paint.md#use-it).

Distances are `style` and `content` of [`restyle evaluate`](evaluate.md#the-figures), means of the four
photos; 0 is the same. Their encoder also reads styles for `fast`, so they may favor it, and neither measures
beauty. Averages of {presets} presets:

| | distance to the artwork | distance to the photo |
| --- | ---: | ---: |
| the photo itself | {copy:.3f} | 0 |
| `paint` | {paint_style:.3f} | {paint_content:.3f} |
| `fast` | {fast_style:.3f} | {fast_content:.3f} |

`paint` is closer to the artwork than `fast` for {paint_wins} presets, and closer to the photo for
{paint_keeps}. In [blind votes](alternatives.md#quality), `paint` was preferred all the same.

What goes wrong, by eye: `paint` frames the night sky behind the rocket with strokes, and invents shapes there
(Composition VIII, Sunflowers, Goldfish, The Circus); hair turns green in green styles. `fast` gives faces the
colors of the artwork, and loses them in Composition II and Red Fuji. Impression, Sunrise is dull with both.
More in [paint](paint.md#limits) and in the [model card](model-card.md).
"""
CHINESE = """# 画廊

每个预设风格都用在四张照片上：原画、默认的 `--method paint`，以及 `--method fast`。

![四张照片](gallery/photos.jpg)

这些图由[同一个脚本](../scripts/gallery.py)以默认选项生成，照片为 {size} 像素，没有人工挑选。
照片越小，笔触相对越粗，参见 [`--paint-size`](paint.md#use-it)。

距离即 [`restyle evaluate`](evaluate.md) 的 `style` 和 `content`：四张照片的平均值，0 表示相同。
计算所用的编码器也为 `fast` 读取风格，因此可能偏向它；两项指标都不衡量美感。{presets} 个预设的平均值：

| | 与原画的距离 | 与照片的距离 |
| --- | ---: | ---: |
| 照片本身 | {copy:.3f} | 0 |
| `paint` | {paint_style:.3f} | {paint_content:.3f} |
| `fast` | {fast_style:.3f} | {fast_content:.3f} |

与 `fast` 相比，`paint` 在 {paint_wins} 个预设上更接近原画，在 {paint_keeps} 个预设上更接近照片。
尽管如此，在[盲选](alternatives.md#quality)中，`paint` 更受青睐。

肉眼可见的问题：`paint` 会给火箭后面的夜空加上一圈笔触，还会凭空画出形状（《构图八号》、《向日葵》、
《金鱼》、《马戏团》）；风格偏绿时，头发会变绿。`fast` 让面部带上原画的颜色，在《红、蓝、黄的构图二号》
和《凯风快晴》中面部难以辨认。《日出·印象》用两种方法都偏灰暗。
更多见 [paint](paint.md#limits) 和[模型卡](model-card.md)。
"""


def fail(message: str) -> NoReturn:
    sys.exit(f"scripts.gallery: {message}")


Distances = dict[tuple[str, str], float]  # (method or "copy", "style" or "content") -> mean of the photos


@dataclass(frozen=True)
class Picture:
    """One photo in one preset by one method, and where it is kept."""

    preset: str
    photo: str
    method: str
    path: Path


def photo(name: str, size: int) -> Image.Image:
    """A photo of the docs, cropped to 4:3, at most `size` px wide."""
    with Image.open(DOCS / "photos" / f"{name}.jpg") as opened:
        image = opened.convert("RGB")
    return ImageOps.fit(image, (size, size * 3 // 4), Image.Resampling.LANCZOS, centering=PHOTOS[name])


def artwork(preset: str) -> Path:
    """The picture that ships with a preset."""
    path = preset_artwork(preset_files(find(DEFAULT))[preset])
    assert path is not None, preset
    return path


def pictures(folder: Path, names: Sequence[str], size: int) -> Iterator[Picture]:
    """Yield the pictures of some presets, one preset after the other: its features are computed once."""
    photos = {name: photo(name, size) for name in PHOTOS}
    codes = {}
    for method, (model, modules) in METHODS.items():
        weights = [str(file.sha256).encode() for file in find(model).files]
        codes[method] = [*weights, *(path.read_bytes() for path in modules)]
    styles = preset_files(find(DEFAULT))
    for preset in names:
        for name, image in photos.items():
            for method, parts in codes.items():
                digest = hashlib.sha256(np.asarray(image).tobytes())
                for part in (*parts, styles[preset].read_bytes(), artwork(preset).read_bytes()):
                    digest.update(hashlib.sha256(part).digest())
                key = digest.hexdigest()[:12]
                yield Picture(preset, name, method, folder / preset / f"{name}-{method}-{key}.png")


def paint(folder: Path, names: Sequence[str], size: int) -> None:
    """Paint what is missing in the folder."""
    stylizer = restyle.Stylizer(threads=1)
    waiting = list(pictures(folder, names, size))
    began, painted = time.monotonic(), 0
    for number, each in enumerate(waiting, 1):
        if each.path.exists():
            continue
        result = stylizer(photo(each.photo, size), each.preset, method=each.method)
        each.path.parent.mkdir(parents=True, exist_ok=True)
        with writing(each.path, overwrite=True) as temporary:
            result.save(temporary, "PNG")
        painted += 1
        average = (time.monotonic() - began) / painted
        print(f"{number}/{len(waiting)} {each.path} ({average:.1f} s a picture)", flush=True)


def block(painted: dict[tuple[str, str], Path], method: str) -> Image.Image:
    """The four pictures of a method, two by two."""
    return two_by_two([srgb(painted[name, method]) for name in PHOTOS])


def srgb(source: Path | Image.Image) -> Image.Image:
    """A picture at the size of the page, without a color profile: that of the rocket is not sRGB."""
    pixels = from_unit(load_image(source).pixels, np.uint8)
    return Image.fromarray(pixels).resize(CELL, Image.Resampling.LANCZOS)


def two_by_two(cells: Sequence[Image.Image]) -> Image.Image:
    """Four pictures as a square."""
    return column([row(cells[:2], GAP), row(cells[2:], GAP)], GAP)


def measure(painted: dict[tuple[str, str], Path], preset: str, size: int, bench: Bench) -> Distances:
    """Mean distances of a preset's pictures, and of the photos as they are."""
    style = bench.picture(artwork(preset))
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    for name in PHOTOS:
        content = bench.fitted(load_image(photo(name, size)).pixels)
        subject = Subject(bench, content, style)
        results = {method: load_image(painted[name, method]).pixels for method in METHODS} | {"copy": content}
        for method, result in results.items():
            figures = subject.measure(subject.fitted(result, method)).figures
            for figure in ("style", "content"):
                sums[method, figure] += figures[figure]
    return {key: value / len(PHOTOS) for key, value in sums.items()}


def chinese_names() -> dict[str, str]:
    """Chinese names of presets and artists, as the page of the studio has them."""
    text = (ROOT / "src/restyle/studio/page/artworks.js").read_text(encoding="utf-8")
    return {key: value for _, key, value in re.findall(r'^  ("?)([^":]+)\1: "([^"]+)"', text, re.MULTILINE)}


def grouped(listed: dict[str, Preset]) -> Iterator[tuple[str, str, list[Preset]]]:
    """Yield the name of each group, its Chinese name and its presets."""
    left = dict(listed)
    for name, chinese, kinds in GROUPS:
        members = [each for each in left.values() if {each.artist, each.movement} & set(kinds)]
        for each in members:
            del left[each.name]
        if members:
            yield name, chinese, members
    if left:
        fail(f"no group of the gallery has the movement '{next(iter(left.values())).movement}'")


def summary(distances: dict[str, Distances]) -> dict[str, float]:
    """What the introduction of the page says about all presets."""
    every = list(distances.values())
    means = {
        f"{method}_{figure}": sum(each[method, figure] for each in every) / len(every)
        for method in METHODS
        for figure in ("style", "content")
    }
    better = {
        figure: sum(each["paint", figure] < each["fast", figure] for each in every)
        for figure in ("style", "content")
    }
    return means | {
        "copy": sum(each["copy", "style"] for each in every) / len(every),
        "paint_wins": better["style"],
        "paint_keeps": better["content"],
        "presets": len(every),
    }


def numbers(distances: Distances, *, chinese: bool) -> str:
    """The distances of a preset as a line; the smaller one of two methods is bold."""
    shown = {}
    for figure in ("style", "content"):
        least = min(distances[method, figure] for method in METHODS)
        for method in METHODS:
            value = distances[method, figure]
            shown[method, figure] = f"**{value:.3f}**" if value == least else f"{value:.3f}"
    comma, stop = ("，", "。") if chinese else (", ", ". ")
    style = comma.join(f"`{method}` {shown[method, 'style']}" for method in METHODS)
    content = comma.join(f"`{method}` {shown[method, 'content']}" for method in METHODS)
    own = f"{distances['copy', 'style']:.3f}"
    if chinese:
        return f"与原画的距离：{style}{comma}照片本身 {own}{stop}与照片的距离：{content}{stop}"
    return f"Distance to the artwork: {style}{comma}photo {own}{stop}Distance to the photo: {content}."


def page(text: str, listed: dict[str, Preset], distances: dict[str, Distances], *, chinese: bool) -> str:
    """The gallery as Markdown."""
    names = chinese_names() if chinese else {}
    for group, translated, members in grouped(listed):
        text += f"\n## {translated if chinese else group}\n"
        for each in members:
            title, artist = names.get(each.name, each.title), names.get(each.artist, each.artist)
            collection = COLLECTIONS[each.collection] if chinese and each.collection else each.collection
            known = [part for part in (artist, each.year, collection) if part]
            facts = "，".join(known).replace("c. ", "约 ") + "。" if chinese else ", ".join(known) + ". "
            blocks = " ".join(f"![{method}](gallery/{each.name}-{method}.jpg)" for method in METHODS)
            text += (
                f"\n### {title}\n\n{facts}{each.note[chinese]}`--style {each.name}`\n\n"
                f"![{title}](gallery/{each.name}.jpg) {blocks}\n\n"
                f"{numbers(distances[each.name], chinese=chinese)}\n"
            )
    return text


def pages(folder: Path, names: Sequence[str], size: int, out: Path) -> None:
    """Write the pictures of the pages and both pages; every picture must be there."""
    painted: dict[str, dict[tuple[str, str], Path]] = {name: {} for name in names}
    for each in pictures(folder, names, size):
        painted[each.preset][each.photo, each.method] = each.path
    missing = [path for cells in painted.values() for path in cells.values() if not path.exists()]
    if missing:
        fail(
            f"{len(missing)} pictures are missing, the first is {missing[0]}; run scripts.gallery paint first"
        )
    bench = Bench(load_encoder(threads=1), 512, cache=Cache())
    distances = {name: measure(painted[name], name, size, bench) for name in names}
    shown = out / "gallery"
    shown.mkdir(parents=True, exist_ok=True)
    for stale in shown.glob("*.jpg"):
        stale.unlink()
    photos = two_by_two([srgb(photo(name, size)) for name in PHOTOS])
    save_jpeg(photos, shown / "photos.jpg", QUALITY)
    side = 2 * CELL[1] + GAP
    for name in names:
        style = Image.open(artwork(name)).convert("RGB")
        save_jpeg(
            ImageOps.contain(style, (side, side), Image.Resampling.LANCZOS), shown / f"{name}.jpg", QUALITY
        )
        for method in METHODS:
            save_jpeg(block(painted[name], method), shown / f"{name}-{method}.jpg", QUALITY)
    listed = {name: each for name, each in presets.read().items() if name in painted}
    facts = {"size": size, **summary(distances)}
    for text, file, chinese in ((ENGLISH, "gallery.md", False), (CHINESE, "gallery.zh.md", True)):
        content = page(text.format(**facts), listed, distances, chinese=chinese)
        (out / file).write_text(content, encoding="utf-8")
    total = sum(path.stat().st_size for path in shown.glob("*.jpg"))
    print(f"{out / 'gallery.md'}: {len(names)} presets, {total / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["paint", "pages"])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the pictures are kept")
    parser.add_argument("names", nargs="*", metavar="PRESET", help="default: all")
    parser.add_argument("--size", type=int, default=SIZE, help="longest side, px (default %(default)s)")
    parser.add_argument("--from-end", action="store_true", help="start with the last preset")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the pages (default: docs)")
    arguments = parser.parse_args()

    known = [each.name for each in restyle.styles()]
    names: list[str] = arguments.names or [name for name in presets.read() if name in known]
    if unknown := set(names) - set(known):
        fail(f"'{unknown.pop()}' is not a preset")
    if arguments.action == "paint":
        paint(arguments.folder, names[::-1] if arguments.from_end else names, arguments.size)
    else:
        pages(arguments.folder, names, arguments.size, arguments.out)


if __name__ == "__main__":
    try:
        main()
    except RestyleError as error:
        fail(str(error))
