"""Hooks of MkDocs: the site gets pages from the root, and links that leave docs/ are resolved."""

from __future__ import annotations

import json
import posixpath
import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latex2mathml.converter import convert
from markdown.extensions.toc import slugify  # type: ignore[import-untyped]
from mkdocs.plugins import event_priority

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.nav import Navigation
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
# Pages of the root that have a place on the site.
ROOT_PAGES = {"glossary.md": "GLOSSARY.md", "changelog.md": "CHANGELOG.md"}
# The README is the start page of the repository; the site has its own.
PLACES = {name: place for place, name in ROOT_PAGES.items()} | {
    "README.md": "index.md",
    "README.zh-CN.md": "index.md",
}
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
CODE = re.compile(r"<code>([^<]*)</code>")
FLAG = re.compile(r"--?\w[\w-]*")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Insert pages of the root; links to files outside docs/ become links of the site or plain names."""
    place = page.file.src_uri
    if place.startswith("gallery."):
        page.meta["hide"] = ["navigation"]  # its pictures need the width
    folder = "docs"
    if place.endswith(".zh.md"):
        twin = ROOT / "docs" / place.replace(".zh.md", ".md")
        markdown = with_anchors_of(twin.read_text(encoding="utf-8"), markdown)
    if place in ROOT_PAGES:
        markdown = (ROOT / ROOT_PAGES[place]).read_text(encoding="utf-8")
        folder = ""

    def replaced(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        # The header of the site switches between languages.
        if target.endswith(".zh.md"):
            return text
        if "://" in target:
            return match[0]
        path = posixpath.normpath(posixpath.join(folder, posixpath.dirname(place), target))
        to = PLACES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if to is None:
            return text if path in text else f"{text} (`{path}`)"
        return f"[{text}]({posixpath.relpath(to, posixpath.dirname(place) or '.')}{anchor})"

    return LINK.sub(replaced, markdown)


def headings(lines: list[str]) -> list[int]:
    """Indexes of the lines that are headings, not comments in a block of code."""
    found, code = [], False
    for index, line in enumerate(lines):
        code ^= line.lstrip().startswith("```")
        if not code and re.match(r"#{1,6} ", line):
            found.append(index)
    return found


def with_anchors_of(english: str, chinese: str) -> str:
    """Give the headings of a translation the anchors of the original, so that one link leads to both."""
    original, lines = english.splitlines(), chinese.splitlines()
    seen: set[str] = set()
    for ours, theirs in zip(headings(original), headings(lines), strict=True):
        anchor = slugify(original[ours].lstrip("# "), "-")
        if anchor and anchor not in seen:
            lines[theirs] += f" {{ #{anchor} }}"
        seen.add(anchor)
    return "\n".join(lines) + "\n"


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn formulas into MathML, which browsers draw without a script; keep flags on one line."""

    def drawn(match: re.Match[str]) -> str:
        if match[2] == "(":
            return str(convert(unescape(match[3]), display="inline"))
        return f'<div class="formula">{convert(unescape(match[3]), display="block")}</div>'

    def unbroken(match: re.Match[str]) -> str:
        return "<code>" + FLAG.sub(r'<span class="flag">\g<0></span>', match[1]) + "</code>"

    return CODE.sub(unbroken, FORMULA.sub(drawn, html))


def on_page_context(
    context: dict[str, Any], *, page: Page, config: MkDocsConfig, nav: Navigation
) -> dict[str, Any]:
    """Make the links between languages relative, so that the site works in any folder."""
    for language in config.extra.get("alternate", []):
        language["link"] = language["link"].lstrip("/")
    return context


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Let the Chinese pages use the search index in zh/."""
    if not page.file.dest_uri.startswith("zh/"):
        return output
    # the path to the root of the site becomes the path to zh/
    return re.sub(r'"base": "\.\./?((?:\.\./?)*)"', lambda base: f'"base": "{base[1] or "."}"', output)


@event_priority(-200)  # after the plugin of the languages, which writes one index for all
def on_post_build(config: MkDocsConfig) -> None:
    """Divide the search index, so that a search finds pages in the language of the reader only."""
    site = Path(config.site_dir)
    index = site / "search" / "search_index.json"
    found = json.loads(index.read_text(encoding="utf-8"))
    for path, entries in zip(
        (index, site / "zh" / "search" / index.name), by_language(found["docs"]), strict=True
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found | {"docs": entries}, ensure_ascii=False), encoding="utf-8")


def by_language(entries: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The entries in English; those in Chinese, with the English ones of pages without translation."""
    english = [each for each in entries if not each["location"].startswith("zh/")]
    chinese = [
        each | {"location": each["location"].removeprefix("zh/")}
        for each in entries
        if each["location"].startswith("zh/")
    ]
    translated = {each["location"].partition("#")[0] for each in chinese}
    return english, chinese + [
        each for each in english if each["location"].partition("#")[0] not in translated
    ]
