"""The texts of the page: everything has a name and a description in Chinese, too."""

from __future__ import annotations

import re

from restyle.images.looks import LOOKS
from restyle.models import catalog
from restyle.models.style_files import preset_files, read
from restyle.options import EngineOptions
from restyle.sounds.sources import PRESETS as SOUNDS
from restyle.studio import PAGE


def table(name: str) -> set[str]:
    """Keys of a table of artworks.js."""
    text = (PAGE / "artworks.js").read_text(encoding="utf-8")
    (body,) = re.findall(rf"export const {name} = \{{(.*?)^\}};", text, re.DOTALL | re.MULTILINE)
    pairs = re.findall(r'^  (?:"([^"]+)"|(\w+)): "[^"]+",$', body, re.MULTILINE)
    return {quoted or plain for quoted, plain in pairs}


def test_everything_has_a_name_in_chinese() -> None:
    presets = preset_files(catalog.find(EngineOptions.model))
    assert {*presets, *LOOKS, *SOUNDS} == table("TITLES")
    assert {*LOOKS, *SOUNDS} == table("LINES")
    artists = {read(path).artist for path in presets.values()}
    assert artists <= table("ARTISTS")


def test_every_text_has_two_languages() -> None:
    text = (PAGE / "texts.js").read_text(encoding="utf-8")
    (body,) = re.findall(r"const TEXTS = \{(.*?)^\};", text, re.DOTALL | re.MULTILINE)
    entries = re.findall(r'^  (\w+): \[\s*"([^"]+)",\s*"([^"]+)",?\s*\],$', body, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^  \w+: \[", body, re.MULTILINE)) > 150
    for key, english, chinese in entries:
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", chinese)), key
    used = {
        key for path in PAGE.rglob("*.js") for key in re.findall(r'\bt\("(\w+)"', path.read_text("utf-8"))
    }
    used |= set(re.findall(r'data-(?:t|label|hint)="(\w+)"', (PAGE / "index.html").read_text("utf-8")))
    assert used <= {key for key, *_ in entries}
