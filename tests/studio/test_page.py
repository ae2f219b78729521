"""The page in a real Chromium against a real server: what a person does, clicked through."""

from __future__ import annotations

import base64
import io
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from restyle.options import EngineOptions
from tests.made_clips import even_stamps, make_clip, moving
from tests.studio.conftest import Running

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
MODEL = Path(EngineOptions.model)
PATIENCE = 60_000  # ms for what should happen at once, on a machine that is busy
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)"),
]

Visit = Callable[..., Page]
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A studio with the model and the presets that ship."""
    running = Running(MODEL, tmp_path_factory.mktemp("studio"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, studio: Running) -> Iterator[Visit]:
    """Open the page in a new profile; at the end no script has failed and no other host was asked."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(
        url: str = studio.url, *, wall: bool = False, quick: bool = True, calm: bool = False, **more: Any
    ) -> Page:
        settings = {"viewport": WIDE, "locale": "en-US", "reduced_motion": "reduce", **more}
        context = browser.new_context(**settings)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: note(request.url, url))
        if not calm:  # where the server stops, the browser says so
            page.on("console", lambda line: faults.extend([line.text] if line.type == "error" else []))
        if not wall:
            page.route(
                "**/v1/wall", lambda route: route.fulfill(body="", content_type="application/x-ndjson")
            )
        page.goto(url)
        page.wait_for_selector("body:not(.loading)")
        if quick:
            page.locator("#methods [value=fast]").check()
        return page

    def note(asked: str, url: str) -> None:
        if not asked.startswith((url, "blob:", "data:")):
            faults.append(f"another host: {asked}")

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG of 120 x 80 px with a camera in its EXIF."""
    rows, columns = np.mgrid[0:80, 0:120]
    pixels = np.stack([columns * 2, rows * 3, (rows + columns) % 40 * 6], -1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0110] = "Camera of a test"
    path = tmp_path_factory.mktemp("photos") / "holiday photo.jpg"
    Image.fromarray(pixels).save(path, quality=95, exif=exif)
    return path


def add(page: Page, *paths: Path) -> None:
    page.set_input_files("#photo-file", [str(path) for path in paths])
    expect(page.get_by_label(f"Photo {paths[-1].name}")).to_have_attribute("aria-current", "true")
    expect(page.locator("#viewer:not([aria-busy])")).to_be_visible()
    expect(page.locator("#status")).to_have_attribute("data-state", re.compile("idle|done"))


def tile(page: Page, title: str) -> Locator:
    return page.locator("#panel-styles .tile", has_text=title).locator("button").first


def choose(page: Page, title: str = "The Great Wave") -> None:
    tile(page, title).click()
    done(page)


def done(page: Page) -> None:
    expect(page.locator("#status")).to_have_attribute("data-state", "done")


def changed(page: Page, act: Callable[[], object]) -> None:
    """Do something that makes the picture again, and wait for it."""
    old = page.locator("#viewer .after").get_attribute("src")
    act()
    expect(page.locator("#viewer .after")).not_to_have_attribute("src", old or "-")
    done(page)


def saved(page: Page, kind: str) -> tuple[str, bytes]:
    """Save the picture; return the name and the content of the file."""
    page.click("#save")
    page.locator(".formats label", has_text=kind).click()
    with page.expect_download() as download:
        page.click("#save-file")
    content = download.value.path().read_bytes()
    name = download.value.suggested_filename
    page.keyboard.press("Escape")
    return name, content


def pixels(content: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def drag(page: Page, box: Any, *points: tuple[float, float]) -> None:
    """Drag through points, given as parts of a box."""
    where = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*where[0])
    page.mouse.down()
    for point in where[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def test_drop_a_photo_and_the_wall_paints_it(visit: Visit, photo: Path) -> None:
    page = visit(wall=True, quick=False)
    page.evaluate(
        """([text, name]) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
            for (const kind of ["dragenter", "dragover", "drop"]) {
                document.body.dispatchEvent(
                    new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
            }
        }""",
        [base64.b64encode(photo.read_bytes()).decode(), photo.name],
    )
    expect(page.get_by_label("Photo holiday photo.jpg")).to_be_visible()
    assert page.locator(".dropping").count() == 0
    page.locator("#methods [value=fast]").check()
    choose(page, "The Starry Night")
    expect(page.locator("#style-artist")).to_have_text("Vincent van Gogh, 1889")
    count = page.locator("#panel-styles .tile:not(.add)").count()
    assert count >= 50
    expect(page.locator("#panel-styles .tile.painted")).to_have_count(count)
    expect(page.locator("#panel-styles .count")).to_be_hidden()

    page.get_by_label("Search by title or artist").first.fill("cezanne")
    expect(page.locator("#panel-styles .tile:visible")).to_have_count(1)  # without the accent
    page.get_by_label("Search by title or artist").first.fill("no such artist")
    expect(page.get_by_text("No artwork matches “no such artist”.")).to_be_visible()


def test_saved_file_is_that_of_the_api_of_python_and_of_the_command(
    visit: Visit, studio: Running, photo: Path, tmp_path: Path
) -> None:
    page = visit()
    add(page, photo)
    choose(page)
    page.click("#tab-adjust")
    changed(page, lambda: page.locator("#strength").fill("80"))
    changed(page, lambda: page.get_by_label("Keep the photo's colors").first.check())
    name, content = saved(page, "JPEG")
    assert name == "holiday photo-great-wave.jpg"
    assert Image.open(io.BytesIO(content)).getexif()[0x0110] == "Camera of a test"

    fields = {"style": "great-wave", "method": "fast", "strength": "0.8", "keep_colors": "luminance"}
    with studio.client(headers={"Accept": "image/jpeg"}) as client:
        answer = client.post("/v1/images", data=fields, files={"content": photo.read_bytes()})
    assert answer.content == content

    page.click("#save")
    page.locator("summary").click()
    command = shlex.split(page.locator("#command").inner_text())
    code = page.locator("#python").inner_text()
    shutil.copy(photo, tmp_path)
    engine = ["--threads", "1"]
    subprocess.run([sys.executable, "-m", *command, *engine], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / name).read_bytes() == content
    (tmp_path / name).unlink()
    code = code.replace("    output=", "    threads=1,\n    output=")
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / name).read_bytes() == content


def test_other_formats(visit: Visit, photo: Path) -> None:
    page = visit()
    add(page, photo)
    choose(page)
    for kind, suffix in {"PNG": "png", "WebP": "webp", "TIFF": "tif"}.items():
        name, content = saved(page, kind)
        assert name.endswith(f".{suffix}")
        with Image.open(io.BytesIO(content)) as picture:
            assert (picture.format, picture.size) == (kind.upper(), (120, 80))


def test_paint_shows_progress_can_be_cancelled_and_ends(visit: Visit, studio: Running, photo: Path) -> None:
    page = visit(quick=False)
    add(page, photo)
    jobs: list[str] = []
    page.on("request", lambda request: jobs.extend(re.findall(r"jobs/([\w-]+)/events", request.url)))
    tile(page, "The Great Wave").click()
    expect(page.locator("#viewer.has-result")).to_be_visible()  # the quick picture, before the painting
    expect(page.locator("#status-text")).to_have_text(re.compile("Painting, .* left"))
    page.get_by_role("button", name="Cancel", exact=True).click()
    done(page)
    with studio.client() as client:
        state = client.get(f"/v1/jobs/{jobs[0]}")
    assert state.status_code == 404 or state.json()["state"] == "cancelled"
    quick = saved(page, "PNG")[1]

    before = page.locator("#viewer .after").get_attribute("src")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator("#status")).to_have_attribute("data-state", "painting")
    expect(page.locator("#viewer .after")).not_to_have_attribute("src", before or "")
    expect(page.locator("#status")).to_have_attribute("data-state", "done")
    asked: list[str] = []
    page.on("request", lambda request: asked.extend([request.url] if request.method == "POST" else []))
    painted = saved(page, "PNG")[1]
    assert Image.open(io.BytesIO(saved(page, "TIFF")[1])).getexif()[0x0110] == "Camera of a test"
    assert asked == []  # another format is made of the painting that is there
    assert pixels(painted).shape == (80, 120, 3)
    assert np.abs(pixels(painted) - pixels(quick)).mean() > 2


def test_brush_keeps_an_area(visit: Visit, photo: Path) -> None:
    page = visit()
    add(page, photo)
    choose(page)
    whole = pixels(saved(page, "PNG")[1])
    page.click("#tab-areas")
    page.get_by_role("button", name="Keep the photo", exact=True).click()
    sheet = page.locator(".sheet").bounding_box()
    changed(page, lambda: drag(page, sheet, (0.25, 0.5), (0.3, 0.5)))
    kept = pixels(saved(page, "PNG")[1])
    original = pixels(photo.read_bytes())
    assert np.array_equal(kept[38:42, 30:36], original[38:42, 30:36])
    assert np.array_equal(kept[:, 70:], whole[:, 70:])

    page.get_by_role("button", name="Undo").click()
    done(page)
    assert np.array_equal(pixels(saved(page, "PNG")[1]), whole)
    page.get_by_role("button", name="Another style", exact=True).click()
    tile(page, "Sunflowers").click()
    expect(page.get_by_role("button", name="Area 1: Sunflowers")).to_be_visible()
    changed(page, lambda: drag(page, sheet, (0.7, 0.5), (0.75, 0.5)))
    other = pixels(saved(page, "PNG")[1])
    assert not np.array_equal(other[38:42, 82:88], whole[38:42, 82:88])
    assert np.array_equal(other[:, :40], whole[:, :40])


def test_box_selects_a_subject(visit: Visit, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="needs the extra flow (OpenCV)")
    page = visit()
    path = tmp_path / "subject.png"
    scene = np.full((80, 120, 3), (40, 90, 160), np.uint8)
    scene[20:60, 40:80] = (200, 60, 30)
    Image.fromarray(scene).save(path)
    add(page, path)
    choose(page)
    page.click("#tab-areas")
    page.get_by_role("button", name="Keep the photo", exact=True).click()
    page.wait_for_timeout(400)  # the empty area changes nothing
    done(page)
    page.get_by_role("button", name="Select by box").click()
    expect(page.locator("#subject-note")).to_contain_text("Drag a box")
    sheet = page.locator(".sheet").bounding_box()
    changed(page, lambda: drag(page, sheet, (0.25, 0.15), (0.75, 0.85)))
    kept = pixels(saved(page, "PNG")[1])
    assert np.array_equal(kept[25:55, 45:75], scene[25:55, 45:75])
    assert not np.array_equal(kept[:10, :30], scene[:10, :30])
    expect(page.locator("#brush")).to_have_attribute("aria-pressed", "true")  # and the brush corrects it
    page.reload()
    page.wait_for_selector("body:not(.loading)")
    done(page)
    assert np.array_equal(pixels(saved(page, "PNG")[1]), kept)


def test_looks_and_the_colors_of_a_photo(visit: Visit, studio: Running, photo: Path, tmp_path: Path) -> None:
    page = visit(wall=True)
    add(page, photo)
    page.locator("#kinds label", has_text="Looks").click()
    expect(tile(page, "Cyanotype")).to_be_visible()
    expect(tile(page, "The Great Wave")).to_be_hidden()
    choose(page, "Cyanotype")
    expect(page.locator("#style-artist")).to_have_text("Blueprint of 1842")
    expect(page.locator("#methods")).to_be_hidden()
    page.click("#tab-mix")
    expect(page.locator("#mix-none")).to_contain_text("cannot be mixed")
    page.click("#tab-adjust")
    expect(page.get_by_role("slider", name="Stroke size")).to_be_hidden()
    changed(page, lambda: page.locator("#strength").fill("60"))
    name, content = saved(page, "PNG")
    assert name == "holiday photo-cyanotype.png"
    with studio.client(headers={"Accept": "image/png"}) as client:
        fields = {"look": "cyanotype", "strength": "0.6"}
        answer = client.post("/v1/images", data=fields, files={"content": photo.read_bytes()})
    assert answer.content == content
    page.click("#save")
    page.locator("summary").click()
    expect(page.locator("#command")).to_contain_text("--look cyanotype --strength 0.6")
    page.keyboard.press("Escape")

    page.click("#tab-styles")
    evening = tmp_path / "late sun.png"
    Image.fromarray(np.roll(pixels(photo.read_bytes()), 30, 1).astype(np.uint8)[..., ::-1]).save(evening)
    page.locator("#panel-styles input[type=file]").set_input_files(str(evening))
    expect(tile(page, "late sun")).to_have_attribute("aria-pressed", "true")
    done(page)
    page.click("#save")
    expect(page.locator("#command")).to_contain_text("--style 'late sun.png' --method photo")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_selector("body:not(.loading)")
    done(page)
    expect(page.locator("#kinds [value=look]")).to_be_checked()
    expect(tile(page, "late sun")).to_have_attribute("aria-pressed", "true")


def test_two_styles_are_mixed_on_the_pad(visit: Visit, studio: Running, photo: Path) -> None:
    page = visit()
    add(page, photo)
    choose(page)
    page.click("#tab-mix")
    page.get_by_role("button", name="Choose a second style").click()
    expect(page.locator("#pick")).to_contain_text("Choose the style to mix in")
    changed(page, lambda: tile(page, "Sunflowers").click())
    expect(page.locator("#style-title")).to_have_text("The Great Wave off Kanagawa + Sunflowers")
    dot = page.get_by_role("slider", name="Mix of The Great Wave off Kanagawa and Sunflowers")
    changed(page, lambda: drag(page, page.locator("#pad").bounding_box(), (0.5, 0.5), (0.75, 0.25)))
    assert dot.get_attribute("aria-valuetext") == (
        "The Great Wave off Kanagawa 25 %, Sunflowers 75 %, strength 75 %"
    )
    content = saved(page, "PNG")[1]
    fields = {"style": ["great-wave:0.25", "sunflowers:0.75"], "method": "fast", "strength": "0.75"}
    with studio.client(headers={"Accept": "image/png"}) as client:
        answer = client.post("/v1/images", data=fields, files={"content": photo.read_bytes()})
    assert answer.content == content


def test_crop_is_a_part_of_the_photo(visit: Visit, studio: Running, photo: Path) -> None:
    page = visit()
    add(page, photo)
    choose(page)
    page.click("#tab-crop")
    page.locator("#aspects label", has_text="1 : 1").click()
    expect(page.locator("#crop-size")).to_have_text("80 × 80")
    changed(page, lambda: page.get_by_role("button", name="Apply").click())
    content = saved(page, "PNG")[1]
    assert Image.open(io.BytesIO(content)).size == (80, 80)
    fields = {"style": "great-wave", "method": "fast", "crop": "66.66%x100%+16.66%+0%"}
    with studio.client(headers={"Accept": "image/png"}) as client:
        answer = client.post("/v1/images", data=fields, files={"content": photo.read_bytes()})
    assert answer.content == content


def test_divider_and_zoom(visit: Visit, photo: Path) -> None:
    page = visit()
    add(page, photo)
    choose(page)
    divider = page.get_by_role("slider", name="Divider between photo and painting")
    assert divider.get_attribute("aria-valuetext") == "0 % photo"
    drag(page, page.locator(".sheet").bounding_box(), (0.1, 0.3), (0.4, 0.5))
    assert divider.get_attribute("aria-valuenow") == "40"
    divider.focus()
    page.keyboard.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "42"
    clip = page.locator("#viewer .after").evaluate("image => image.style.clipPath")
    assert clip == "inset(0px 0px 0px 42%)"

    page.locator("#viewer").focus()
    page.keyboard.press("1")
    expect(page.locator("#zoom-real")).to_have_text("100 %")
    sheet = page.locator(".sheet")
    assert sheet.evaluate("each => each.getBoundingClientRect().width") == pytest.approx(120)
    page.mouse.move(400, 400)
    page.mouse.wheel(0, -2000)
    expect(sheet).not_to_have_css("transform", "matrix(1, 0, 0, 1, 336, 256)")
    page.keyboard.press("0")
    page.keyboard.press("+")
    before = sheet.get_attribute("style")
    page.keyboard.press("ArrowRight")
    assert sheet.get_attribute("style") != before
    page.keyboard.press("0")
    expect(page.locator("#zoom-real")).to_have_text("Fit")


def test_a_long_press_shows_the_photo(visit: Visit, photo: Path) -> None:
    page = visit()
    add(page, photo)
    choose(page)
    box = page.locator(".sheet").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    expect(page.locator("#viewer .after")).to_have_css("opacity", "0")
    page.mouse.up()
    expect(page.locator("#viewer .after")).to_have_css("opacity", "1")
    assert page.locator(".divider").get_attribute("aria-valuenow") == "0"  # the divider stays
    page.locator("#viewer").focus()
    page.keyboard.down("Space")
    expect(page.locator("#viewer .after")).to_have_css("opacity", "0")
    page.keyboard.up("Space")
    expect(page.locator("#viewer .after")).to_have_css("opacity", "1")
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)  # a tap moves the divider
    assert page.locator(".divider").get_attribute("aria-valuenow") == "25"


def test_a_loupe_shows_what_the_finger_hides(visit: Visit, photo: Path) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    add(page, photo)
    tile(page, "The Great Wave").tap()
    done(page)
    page.locator("#tab-areas").tap()
    page.locator("#area-keep").tap()
    box = page.locator("#viewer").bounding_box()
    assert box is not None
    touches = page.context.new_cdp_session(page)

    def touch(kind: str, *parts: float) -> None:
        point = (
            {"x": box["x"] + parts[0] * box["width"], "y": box["y"] + parts[1] * box["height"]}
            if parts
            else None
        )
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point] if point else []})

    touch("touchStart", 0.4, 0.5)
    touch("touchMove", 0.5, 0.5)
    loupe = page.locator(".loupe")
    expect(loupe).to_be_visible()
    seen = loupe.evaluate("each => [...each.getContext('2d').getImageData(120, 120, 1, 1).data]")
    under = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--area-1')")
    assert seen[3] == 255
    assert seen[2] > seen[0], (seen, under)  # the blue of the first area
    touch("touchEnd")
    expect(loupe).to_be_hidden()


def test_reload_loses_nothing(visit: Visit, photo: Path, tmp_path: Path) -> None:
    page = visit()
    second = tmp_path / "second.jpg"
    Image.open(photo).rotate(90, expand=True).save(second)
    art = tmp_path / "my art.png"
    Image.effect_noise((64, 64), 90).convert("RGB").save(art)
    add(page, photo, second)
    page.locator("#panel-styles input[type=file]").set_input_files(str(art))
    done(page)
    expect(tile(page, "my art")).to_have_attribute("aria-pressed", "true")
    page.click("#tab-adjust")
    changed(page, lambda: page.locator("#strength").fill("40"))
    page.reload()
    page.wait_for_selector("body:not(.loading)")
    done(page)
    expect(page.locator(".photo")).to_have_count(2)
    expect(page.get_by_label("Photo second.jpg")).to_have_attribute("aria-current", "true")
    expect(tile(page, "my art")).to_have_attribute("aria-pressed", "true")
    assert page.locator("#strength").input_value() == "40"
    page.hover(".photo >> nth=1")
    page.get_by_label("Remove second.jpg").click()
    expect(page.locator(".photo")).to_have_count(1)


def test_reload_goes_on_with_a_painting(visit: Visit, photo: Path) -> None:
    page = visit(quick=False)
    add(page, photo)
    tile(page, "The Great Wave").click()
    expect(page.locator("#status-text")).to_have_text(re.compile("Painting, .* left"))
    sent: list[str] = []
    page.on("request", lambda request: sent.extend([request.url] if request.method == "POST" else []))
    page.reload()
    expect(page.locator("#status")).to_have_attribute("data-state", "done")
    page.reload()  # and the finished painting is kept in the browser
    expect(page.locator("#status")).to_have_attribute("data-state", "done")
    assert [url for url in sent if "async" in url or url.endswith("/v1/images")] in ([], sent[:1])
    assert page.locator("#paint-again").is_hidden()


def test_chinese_by_the_browsers_language_with_a_switch(visit: Visit) -> None:
    page = visit(locale="zh-CN")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    expect(page.locator("#panel-styles .tile", has_text="神奈川冲浪里")).to_contain_text("葛饰北斋，约 1831")
    page.get_by_label("搜索作品或画家").first.fill("梵高")
    expect(page.locator("#panel-styles .tile:visible", has_text="星夜")).to_have_count(1)
    left = [
        line
        for line in page.locator("#photo-view").inner_text().splitlines()
        if re.search("[A-Za-z]{3}", line)
    ]
    assert left == []
    page.locator("#language").click()
    expect(page.locator("#add-photo")).to_have_text("Choose your photo")
    page.reload()
    expect(page.locator("#add-photo")).to_have_text("Choose your photo")


def test_phone(visit: Visit, photo: Path, tmp_path: Path) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    width = "document.documentElement.scrollWidth"
    clip = make_clip(tmp_path / "clip.mp4", moving(2), even_stamps(2))
    for view in ("sounds", "videos"):
        page.click(f"#tab-{view}")
        assert page.evaluate(width) == PHONE["width"]
        page.set_input_files("#media-file", str(clip))
        expect(page.locator("#media-start")).to_be_in_viewport()
        assert page.evaluate(width) == PHONE["width"]
    page.click("#tab-photos")
    add(page, photo)
    tile(page, "The Great Wave").tap()
    done(page)
    cut = """(words) => [...document.querySelectorAll(words)].filter(
        (each) => each.scrollHeight > each.clientHeight + 1 || each.scrollWidth > each.clientWidth + 1
    ).map((each) => each.textContent)"""
    words = "#panel-styles :is(.title, .artist), #status :is(h2, p)"
    assert page.evaluate(cut, words) == []  # every title can be read
    for tab in ("adjust", "mix", "areas", "crop", "styles"):
        page.locator(f"#tools #tab-{tab}").tap()
        assert page.evaluate(width) == PHONE["width"]
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, input[type=range]")].filter((each) => {
                const box = each.getBoundingClientRect();
                return box.width && !each.closest(".remove") && Math.min(box.width, box.height) < 30;
            }).map((each) => each.outerHTML)"""
        )
        assert small == []
    page.evaluate("scrollTo(0, 2000)")
    assert page.locator("#viewer").bounding_box()["y"] == 0  # type: ignore[index]  # the picture stays in view
    expect(page.locator("#save")).to_be_in_viewport()


def test_keyboard_alone(visit: Visit, photo: Path) -> None:
    page = visit()
    add(page, photo)
    page.keyboard.press("Tab")
    for _ in range(60):
        focused = page.evaluate(
            """() => {
                const each = document.activeElement, style = getComputedStyle(each);
                const knob = each.querySelector(".knob"), shown = knob ? getComputedStyle(knob) : style;
                const label = each.closest("label");
                const ring = (label && getComputedStyle(label).outlineStyle) || shown.outlineStyle;
                return { id: each.id, role: each.getAttribute("role"), ring: [ring, shown.outlineStyle],
                         tile: Boolean(each.closest(".tile:not(.add)")) };
            }"""
        )
        assert "solid" in focused["ring"], focused
        if focused["tile"]:
            break
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    done(page)
    expect(page.locator("#style-title")).to_have_text("The Starry Night")
    page.locator("#tab-styles").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-adjust")).to_be_visible()
    page.keyboard.press("Tab")
    changed(page, lambda: page.keyboard.press("ArrowLeft"))
    assert page.locator("#strength").input_value() == "99"
    page.locator("#tab-adjust").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.locator("#area-keep").focus()
    page.keyboard.press("Enter")
    page.locator("#viewer").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    changed(page, lambda: page.keyboard.press("Space"))
    page.locator("#save").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "save"


def test_server_that_stops_in_the_middle(visit: Visit, photo: Path, tmp_path: Path) -> None:
    first = Running(MODEL, tmp_path / "first")
    page = visit(first.url, calm=True)
    add(page, photo)
    art = tmp_path / "mine.png"
    Image.effect_noise((64, 64), 90).convert("RGB").save(art)
    page.locator("#panel-styles input[type=file]").set_input_files(str(art))
    done(page)
    first.process.kill()
    first.stop()
    page.click("#tab-adjust")
    page.locator("#strength").fill("50")
    expect(page.get_by_role("alert").filter(has_text="Your photos and settings are safe")).to_be_visible()
    expect(page.locator("#status-text")).to_have_text("No answer from the server")
    second = Running(MODEL, tmp_path / "second", "--port", str(httpx.URL(first.url).port))
    try:
        expect(page.locator("#banner")).to_be_hidden()
        done(page)  # the new server got the artwork again
        assert pixels(saved(page, "PNG")[1]).shape == (80, 120, 3)
    finally:
        second.stop()


def test_errors_are_said_where_they_arise(visit: Visit, tmp_path: Path) -> None:
    page = visit(calm=True)
    (tmp_path / "notes.txt").write_text("no picture")
    page.set_input_files("#photo-file", str(tmp_path / "notes.txt"))
    expect(page.locator("#photo-error")).to_have_text("notes.txt is not a picture that restyle can read.")
    page.locator("#panel-styles input[type=file]").set_input_files(str(tmp_path / "notes.txt"))
    expect(page.locator("#panel-styles .note")).to_contain_text("notes.txt is not a picture")
    page.route(
        "**/v1/images", lambda route: route.fulfill(status=429, headers={"Retry-After": "1"}, body="{}")
    )
    tile(page, "The Scream").click()
    expect(page.locator("#status-text")).to_have_text("The server is busy. Trying again in 1 s.")
    page.unroute("**/v1/images")
    done(page)


def test_formats_that_only_the_server_reads(visit: Visit, photo: Path, tmp_path: Path) -> None:
    page = visit()
    path = tmp_path / "scan.tif"
    Image.open(photo).save(path)
    add(page, path)
    choose(page)
    page.click("#save")
    expect(page.locator("#save-size")).to_have_text("Full size: 120 × 80 pixels")
    expect(page.locator("[name=format][value=tiff]")).to_be_checked()


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_videos_and_sounds_are_jobs(visit: Visit, kind: str, tmp_path: Path) -> None:
    page = visit()
    if kind == "video":
        content = make_clip(tmp_path / "clip.mp4", moving(12), even_stamps(12))
        page.click("#tab-videos")
    else:
        content = tmp_path / "talk.wav"
        soundfile.write(content, np.sin(np.arange(22050) / 9) * 0.4, 22050)
        page.click("#tab-sounds")
    page.set_input_files("#media-file", str(content))
    start = page.locator("#media-start")
    expect(start).to_be_disabled()
    title = "The Great Wave" if kind == "video" else "Rain"
    page.locator("#media-view").get_by_role("button", name=re.compile(title)).click()
    start.click()
    page.reload()
    card = page.locator(".job")
    expect(card.get_by_role("button", name="Download")).to_be_visible(timeout=60_000)
    expect(page.locator("#player.compares")).to_be_visible()
    page.locator("#player").get_by_role("button", name="Play", exact=True).click()
    expect(page.locator("#player").get_by_role("button", name="Pause")).to_be_visible()
    with page.expect_download() as download:
        card.get_by_role("button", name="Download").click()
    expected = "clip-great-wave.mp4" if kind == "video" else "talk-rain.wav"
    assert download.value.suggested_filename == expected
    assert download.value.path().stat().st_size > 1000
    card.get_by_role("button", name="Remove").click()
    expect(card).to_have_count(0)


def test_a_video_takes_a_look(visit: Visit, studio: Running, tmp_path: Path) -> None:
    page = visit(wall=True)
    clip = make_clip(tmp_path / "clip.mp4", moving(3), even_stamps(3))
    page.click("#tab-videos")
    page.set_input_files("#media-file", str(clip))
    wall = page.locator("#media-styles")
    wall.locator(".kinds label", has_text="Looks").click()
    expect(wall.locator(".tile", has_text="Cyanotype")).to_be_visible()
    expect(wall.locator(".tile", has_text="The Great Wave")).to_be_hidden()
    wall.get_by_role("button", name=re.compile("Cyanotype")).click()
    expect(page.locator("#media-keepColors")).to_be_hidden()  # a look is the colors
    results: list[Any] = []
    page.on("response", lambda each: results.append(each) if each.url.endswith("/result") else None)
    page.click("#media-start")
    card = page.locator(".job")
    expect(card.get_by_role("button", name="Download")).to_be_visible(timeout=60_000)
    (result,) = results
    assert 'filename="restyle-cyanotype.mp4"' in result.headers["content-disposition"]  # no style beside it
    with page.expect_download() as download:
        card.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "clip-cyanotype.mp4"


def test_camera_snapshot(visit: Visit) -> None:
    page = visit(permissions=["camera"])
    choose(page)
    page.get_by_role("button", name="Camera").click()
    expect(page.locator("#camera video")).to_have_js_property("paused", False)
    page.get_by_label("Show it in the chosen style").check()
    expect(page.locator("#camera canvas")).to_have_js_property("width", 320)
    page.get_by_role("button", name="Take the picture").click()
    expect(page.get_by_label(re.compile("Photo camera-"))).to_have_attribute("aria-current", "true")
    done(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit: Visit, photo: Path, scheme: str) -> None:
    page = visit(color_scheme=scheme, bypass_csp=True)
    add(page, photo)
    choose(page)
    page.click("#tab-mix")
    page.click("#mix-add")
    changed(page, lambda: tile(page, "Sunflowers").click())
    page.click("#tab-areas")
    page.click("#area-keep")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for name in ("styles", "looks", "adjust", "mix", "areas", "crop", "save", "videos", "sounds"):
        if name == "save":
            page.click("#save")
            page.click("summary")
        elif name == "looks":
            page.locator("#kinds label", has_text="Looks").click()
        else:
            page.keyboard.press("Escape")
            page.click(f"#tab-{name}")
        page.wait_for_timeout(50)
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        assert [(name, each["id"], each["nodes"][0]["html"]) for each in grave] == []
