"""Draw the screenshots of docs/studio.md: start the studio and click through its page.

    python -m scripts.studio_pictures docs

Needs Chromium (apt install chromium) and the extra `dev`. Run it again when the page has changed.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from scripts.sheet import row

PHOTOS = Path(__file__).resolve().parent.parent / "docs" / "photos"
WIDE, PHONE = (1280, 800), (360, 740)
GAP = 24  # px between screenshots
PAINTING = 300_000  # ms that a painting may take


@contextmanager
def studio() -> Iterator[str]:
    """Run the studio on a free port; give its address."""
    words = [sys.executable, "-u", "-m", "restyle", "studio", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[2]
        process.terminate()


def visit(browser: Browser, url: str, size: tuple[int, int], *photos: str, dark: bool, language: str) -> Page:
    """Open the page with photos, and wait until the wall is painted."""
    page = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale=language,
        has_touch=size == PHONE,
        reduced_motion="reduce",
    ).new_page()
    page.set_default_timeout(PAINTING)
    page.goto(url)
    page.wait_for_selector("body:not(.loading)")
    if photos:
        page.set_input_files("#photo-file", [str(PHOTOS / photo) for photo in photos])
        page.get_by_label(photos[-1]).first.wait_for()
    expect(page.locator("#panel-styles .count")).to_be_hidden(timeout=PAINTING)
    return page


def choose(page: Page, name: str) -> None:
    """Choose a style by the address of its artwork, which is the same in all languages."""
    page.locator(f"#panel-styles .tile:has(img[src*='/{name}/']) button").click()


def finished(page: Page) -> None:
    """Wait until the picture is done."""
    page.wait_for_timeout(400)  # a change is made a moment after it
    expect(page.locator("#status")).to_have_attribute("data-state", "done", timeout=PAINTING)


def split(page: Page, part: float) -> None:
    """Move the divider."""
    box = page.locator("#viewer").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.up()


def shoot(page: Page) -> Image.Image:
    """Take a screenshot."""
    page.wait_for_timeout(700)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def phones(browser: Browser, url: str) -> Iterator[Image.Image]:
    """Yield the page on a phone: the wall, two styles mixed, a kept area, and Chinese at night."""
    page = visit(browser, url, PHONE, "chelsea.jpg", dark=False, language="en-US")
    page.locator("#methods [value=fast]").check()
    choose(page, "great-wave")
    finished(page)
    yield shoot(page)
    page.click("#tab-mix")
    page.click("#mix-add")
    choose(page, "sunflowers")
    finished(page)
    yield shoot(page)
    page.click("#tab-areas")
    page.click("#area-keep")
    box = page.locator("#viewer").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.42 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.46 * box["height"], steps=8)
    page.mouse.up()
    finished(page)
    yield shoot(page)
    page = visit(browser, url, PHONE, "coffee.jpg", dark=True, language="zh-CN")
    page.locator("#methods [value=fast]").check()
    choose(page, "starry-night")
    finished(page)
    yield shoot(page)


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("needs Chromium: apt install chromium")
    folder = Path(sys.argv[1]) / "pictures"
    with studio() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = visit(
            browser, url, WIDE, "coffee.jpg", "astronaut.jpg", "chelsea.jpg", dark=False, language="en-US"
        )
        choose(page, "starry-night")
        finished(page)
        split(page, 0.36)
        shoot(page).save(folder / "studio.jpg", quality=86)
        row(list(phones(browser, url)), GAP).save(folder / "studio-phone.jpg", quality=86)
        browser.close()


if __name__ == "__main__":
    main()
