"""Headings of a translated page have the anchors of the original."""

import pytest

pytest.importorskip("latex2mathml", reason="extra `docs` is not installed")

from scripts.site_hooks import by_language, with_anchors_of

ENGLISH = """# Photo: the `--look` option

```sh
# a comment
```

## Limits

## Limits
"""
CHINESE = """# 照片

```sh
# 注释
```

## 限制

## 其他限制
"""


def test_one_anchor_for_both_languages() -> None:
    assert with_anchors_of(ENGLISH, CHINESE).splitlines() == [
        "# 照片 { #photo-the-look-option }",
        "",
        "```sh",
        "# 注释",
        "```",
        "",
        "## 限制 { #limits }",
        "",
        "## 其他限制",
    ]


def test_a_page_with_other_headings_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        with_anchors_of(ENGLISH, "# 照片\n")


def test_a_search_finds_one_language_and_pages_without_translation() -> None:
    own = ["index.html", "index.html#install", "commands.html#image"]
    places = [*own, "zh/index.html", "zh/index.html#install"]
    english, chinese = by_language([{"location": place, "text": place} for place in places])
    assert [each["location"] for each in english] == own
    assert [each["location"] for each in chinese] == own
    assert [each["text"][:3] for each in chinese] == ["zh/", "zh/", "com"]
