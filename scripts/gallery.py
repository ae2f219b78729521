"""Paint the gallery: four photos in every preset by `paint` and `fast`, then write its pages.

    OMP_NUM_THREADS=1 nice python -m scripts.gallery paint FOLDER              # all presets, an hour or more
    OMP_NUM_THREADS=1 nice python -m scripts.gallery paint FOLDER --from-end   # a second process, meanwhile
    python -m scripts.gallery pages FOLDER     # docs/gallery.md, docs/gallery.zh.md and docs/gallery/*.jpg

Pictures are kept in FOLDER as PNG files. Their names hold a hash of the photo, the artwork, the weights and
the code of the method. So a stopped run continues, and only pictures that may have changed are painted again.
Processes may share FOLDER: finished pictures are skipped.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image, ImageOps

import restyle
from restyle import RestyleError
from restyle.files import writing
from restyle.methods import fast
from restyle.methods.paint import network
from restyle.models.catalog import DEFAULT, find
from restyle.models.style_files import preset_artwork, preset_files
from scripts import presets
from scripts.presets import Preset
from scripts.sheet import column, row, save_jpeg

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
# photo: where its crop to 4:3 is centered, horizontally and vertically
PHOTOS = {"astronaut": (0.5, 0.0), "rocket": (0.5, 1.0), "coffee": (0.5, 0.5), "chelsea": (0.5, 0.5)}
SIZE = 400  # px, longest side that is painted
METHODS = {
    "paint": (network.MODEL, sorted(Path(network.__file__).parent.glob("*.py"))),
    "fast": (DEFAULT, [Path(fast.__file__)]),
}
CELL = 200, 150  # px, of a picture in a strip
ARTWORK = 250  # px, widest artwork in a strip
GAP = 4
QUALITY = 66  # of a strip: all of them take at most 4 MB

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
    "High Museum of Art, Atlanta": "亚特兰大高等艺术博物馆",
    "J. Paul Getty Museum, Los Angeles": "洛杉矶保罗·盖蒂博物馆",
    "Kröller-Müller Museum, Otterlo": "奥特洛克勒勒-米勒博物馆",
    "Kunst Museum Winterthur": "温特图尔美术馆",
    "Kunsthaus Zürich": "苏黎世美术馆",
    "Kunstmuseum Den Haag, The Hague": "海牙美术馆",
    "Lenbachhaus, Munich": "慕尼黑伦巴赫美术馆",
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
    "Zhejiang Museum, Hangzhou, and National Palace Museum, Taipei": "杭州浙江省博物馆与台北故宫博物院",
    "print, in several collections": "版画，见于多家收藏",
}
ENGLISH = """# Gallery

Every preset on four photos. In each strip the artwork is on the left; the upper row is `--method paint`, the
default, and the lower row is `--method fast`. The photos were painted at {size} px:

![The four photos](gallery/photos.jpg)

The pictures are made by [one script](../scripts/gallery.py) with default options; none was picked by hand.
Scores are in the [leaderboard](lab/leaderboard/dev.md), known weaknesses in [paint](paint.md#limits) and in
the [model card](model-card.md).
"""
CHINESE = """# 画廊

每个预设风格都用在四张照片上。每条图左侧是原画，上排是默认的 `--method paint`，下排是 `--method fast`。
照片按 {size} 像素绘制：

![四张照片](gallery/photos.jpg)

这些图由[同一个脚本](../scripts/gallery.py)以默认选项生成，没有人工挑选。各方法的得分见
[排行榜](lab/leaderboard/dev.md)，已知的不足见 [paint](paint.md#limits)和[模型卡](model-card.md)。
"""


def fail(message: str) -> NoReturn:
    sys.exit(f"scripts.gallery: {message}")


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


def strip(preset: str, painted: dict[tuple[str, str], Path]) -> Image.Image:
    """The artwork, and beside it a row of pictures for each method."""
    rows = []
    for method in METHODS:
        cells = [Image.open(painted[name, method]).resize(CELL, Image.Resampling.LANCZOS) for name in PHOTOS]
        rows.append(row(cells, GAP))
    results = column(rows, GAP)
    style = Image.open(artwork(preset)).convert("RGB")
    return row(
        [ImageOps.pad(style, (ARTWORK, results.height), Image.Resampling.LANCZOS, "white"), results], GAP
    )


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


def page(text: str, listed: dict[str, Preset], *, chinese: bool) -> str:
    """The gallery as Markdown."""
    names = chinese_names() if chinese else {}
    for group, translated, members in grouped(listed):
        text += f"\n## {translated if chinese else group}\n"
        for each in members:
            title, artist = names.get(each.name, each.title), names.get(each.artist, each.artist)
            collection = COLLECTIONS[each.collection] if chinese and each.collection else each.collection
            known = [part for part in (artist, each.year, collection) if part]
            facts = "，".join(known).replace("c. ", "约 ") if chinese else ", ".join(known)
            stop, dot = (f"：{facts}。", "") if chinese else (f": {facts}.", " ")
            text += f"\n**{title}**{stop}{dot}`--style {each.name}`\n\n![{title}](gallery/{each.name}.jpg)\n"
    return text


def pages(folder: Path, names: Sequence[str], size: int, out: Path) -> None:
    """Write the strips and both pages; every picture must be there."""
    painted: dict[str, dict[tuple[str, str], Path]] = {name: {} for name in names}
    for each in pictures(folder, names, size):
        painted[each.preset][each.photo, each.method] = each.path
    missing = [path for cells in painted.values() for path in cells.values() if not path.exists()]
    if missing:
        fail(
            f"{len(missing)} pictures are missing, the first is {missing[0]}; run scripts.gallery paint first"
        )
    strips = out / "gallery"
    strips.mkdir(parents=True, exist_ok=True)
    for stale in strips.glob("*.jpg"):
        stale.unlink()
    photos = [photo(name, size).resize(CELL, Image.Resampling.LANCZOS) for name in PHOTOS]
    save_jpeg(row(photos, GAP), strips / "photos.jpg", QUALITY)
    for name in names:
        save_jpeg(strip(name, painted[name]), strips / f"{name}.jpg", QUALITY)
    listed = {name: each for name, each in presets.read().items() if name in painted}
    for text, file, chinese in ((ENGLISH, "gallery.md", False), (CHINESE, "gallery.zh.md", True)):
        content = page(text.format(size=size), listed, chinese=chinese)
        (out / file).write_text(content, encoding="utf-8")
    total = sum(path.stat().st_size for path in strips.glob("*.jpg"))
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
