"""The engine in the browser, in a real Chromium: the same pictures as in Python, without a server."""

from __future__ import annotations

import base64
import functools
import http.server
import importlib.util
import io
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.methods.paint import painter
from restyle.methods.paint.cleanup import Objects
from restyle.studio.static import write
from restyle.types import FloatArray

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
PATIENCE = 120_000  # ms, on a machine that is busy
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
SAMPLE = ROOT / "src/restyle/images/sample_photo.jpg"
FREE = {"strength": 1, "styleScale": 1, "regions": [], "styles": [{"name": "starry-night", "weight": 1}]}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)"),
]

# Calls the engine; pictures go in and out as data URLs.
CALL = """async ([call, photo, request, more]) => {
  const blob = async (url) => (await fetch(url)).blob();
  const url = (blob) => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });
  globalThis.engine ??= await (await import("./page/browser/engine.js")).open();
  const file = await blob(photo);
  for (const region of request?.regions ?? []) region.mask = await blob(region.mask);
  const [progress, previews, tiles] = [[], [], {}];
  const stop = new AbortController();
  const handlers = {
    ...more,
    signal: stop.signal,
    onProgress: (part) => { progress.push(part); if (part > more.until) stop.abort(); },
    onPreview: (preview) => previews.push(preview.size),
    onTile: (name, tile) => { tiles[name] = tile; if (name === more.until) stop.abort(); },
  };
  let [result, error] = [null, null];
  try {
    if (call === "addStyle") result = (await engine.addStyle(file)).name;
    else if (call === "wall") await engine.wall(file, more.names, handlers);
    else if (call === "save") result = await engine.save(file, request, more.type, handlers);
    else result = await engine[call](file, request, handlers);
  } catch (failure) {
    error = { name: failure.name, message: failure.message, status: failure.status, code: failure.code };
  }
  for (const name of Object.keys(tiles)) tiles[name] = await url(tiles[name]);
  if (result instanceof Blob) result = await url(result);
  return { result, error, progress, previews, tiles, status: await engine.status() };
}"""

# What is done to a painting between the rounds of matching, and the plan of the rounds.
CLEAN = """async ([shape, photo, style, plans]) => {
  const names = ["constants", "pixels", "objects", "cleanup", "painter"];
  const modules = await Promise.all(names.map((name) => import(`./page/browser/${name}.js`)));
  const [{ define }, { Planes }, { Objects }, { finish, tidy }, { scales }] = modules;
  define((await (await fetch("models/engine.json")).json()).constants);
  const planes = (values) => new Planes(...shape, Float32Array.from(values));
  const [objects, picture] = [new Objects(planes(photo)), planes(style)];
  return {
    people: [...objects.people],
    tidy: [...tidy(picture, objects, picture).data],
    finish: [...finish(picture, objects, picture, 0.5).data],
    scales: plans.map(([side, effort]) => scales(side, effort).map(({ side, rounds }) => [side, rounds])),
  };
}"""

OPEN = "async () => { await (await import('./page/browser/engine.js')).open(); }"

Call = Callable[..., dict[str, Any]]


class Host:
    """A host of static files on a free port, with or without the headers that isolate a page."""

    def __init__(self, folder: Path, *, isolated: bool) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def end_headers(self) -> None:
                for name, value in ISOLATION.items() if isolated else ():
                    self.send_header(name, value)
                super().end_headers()

            def log_message(self, *_: object) -> None:
                pass

        handler = functools.partial(Handler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def runtime() -> Path:
    """The pinned npm package, kept between runs."""
    script = ROOT / "packaging/restyle-web/hatch_build.py"
    spec = importlib.util.spec_from_file_location("restyle_web_build", script)
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    kept = Path(tempfile.gettempdir()) / f"restyle-web-{build.pinned()['version']}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
            try:
                build.fetch(Path(temporary) / "package")
            except RuntimeError as error:
                pytest.skip(f"onnxruntime-web: {error}")
            shutil.move(Path(temporary) / "package", kept)
    return kept


@pytest.fixture(scope="module")
def site(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, and an empty page in it that the tests call the engine from."""
    folder = write(tmp_path_factory.mktemp("static") / "site", runtime).folder
    (folder / "blank.html").write_text("<!doctype html><link rel=icon href=data:,><title>blank</title>")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


def caller(page: Any) -> Call:
    def call(name: str, photo: Image.Image | Path, request: Any = None, **more: Any) -> dict[str, Any]:
        request = {**FREE, **(request or {})}
        found: dict[str, Any] = page.evaluate(
            CALL, [name, data_url(photo), request, {"type": "image/png", **more}]
        )
        return found

    return call


@pytest.fixture(scope="module")
def page(browser: Any, site: Path) -> Iterator[Any]:
    """An isolated page, the same for most tests, so that the graphs load once."""
    host = Host(site, isolated=True)
    opened = browser.new_page()
    opened.set_default_timeout(PATIENCE)
    opened.goto(host.url + "blank.html")
    yield opened
    opened.close()
    host.stop()


@pytest.fixture(scope="module")
def call(page: Any) -> Call:
    return caller(page)


def data_url(photo: Image.Image | Path) -> str:
    if isinstance(photo, Path):
        content, kind = photo.read_bytes(), photo.suffix[1:].replace("jpg", "jpeg")
    else:
        buffer = io.BytesIO()
        photo.save(buffer, "PNG")
        content, kind = buffer.getvalue(), "png"
    return f"data:image/{kind};base64," + base64.b64encode(content).decode()


def opened(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def photo(width: int, height: int) -> Image.Image:
    with Image.open(SAMPLE) as sample:
        return sample.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def decibels(found: Image.Image, wanted: Any) -> float:
    """PSNR of a picture to one of Python's."""
    a, b = (np.asarray(each, np.float64) for each in (found.convert("RGB"), wanted.convert("RGB")))
    assert a.shape == b.shape
    return float(10 * np.log10(255**2 / max(np.square(a - b).mean(), 1e-9)))


def from_image(picture: Image.Image) -> FloatArray:
    return np.asarray(np.asarray(picture, np.float32) / 255, np.float32)


def mask(width: int, height: int) -> Image.Image:
    values = np.zeros((height, width), np.uint8)
    values[:, : width // 2] = 255
    return Image.fromarray(values)


def test_fast_equals_python(call: Call) -> None:
    picture = photo(512, 341)
    found = call("image", picture)
    assert decibels(opened(found["result"]), restyle.image(picture, "starry-night", method="fast")) > 50
    assert found["status"]["threads"] > 1
    assert found["status"]["providers"]["models/transformer.onnx"] in ("wasm", "webgpu")


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ({"strength": 0.4}, {"strength": 0.4}),
        ({"strength": 0}, {"strength": 0}),
        ({"styleScale": 2}, {"style_scale": 2}),
        ({"styleScale": 0.5}, {"style_scale": 0.5}),
        ({"styleScale": 2, "strength": 0.4}, {"style_scale": 2, "strength": 0.4}),
        ({"keepColors": True}, {"keep_colors": "luminance"}),
        ({"keepColors": "statistics"}, {"keep_colors": "statistics"}),
        ({"size": 100}, {"size": 100}),
        ({"crop": [0.25, 0.25, 0.5, 0.5]}, {"crop": "50%"}),
    ],
)
def test_options_equal_python(call: Call, request_: dict[str, Any], options: dict[str, Any]) -> None:
    picture = photo(200, 136)
    found = call("image", picture, request_)
    assert (
        decibels(opened(found["result"]), restyle.image(picture, "starry-night", method="fast", **options))
        > 50
    )


@pytest.mark.parametrize(("name", "strength"), [("cyanotype", 1), ("teal-and-orange", 0.5)])
def test_looks_equal_python(call: Call, name: str, strength: float) -> None:
    picture = photo(200, 136)
    found = call("image", picture, {"styles": [], "look": name, "strength": strength})
    assert decibels(opened(found["result"]), restyle.image(picture, look=name, strength=strength)) > 50
    tiles = call("wall", picture, names=[name], size=200)["tiles"]
    assert decibels(opened(tiles[name]), restyle.image(picture, look=name)) > 30  # a JPEG


def test_styles_are_mixed_as_in_python(call: Call) -> None:
    picture = photo(150, 100)
    parts = [{"name": "scream", "weight": 0.7}, {"name": "great-wave", "weight": 0.3}]
    wanted = restyle.image(picture, ["scream:0.7", "great-wave:0.3"], method="fast")
    assert decibels(opened(call("image", picture, {"styles": parts})["result"]), wanted) > 50


@pytest.mark.parametrize("style", ["scream", "keep"])
def test_regions_equal_python(call: Call, style: str) -> None:
    picture = photo(300, 200)
    area = mask(150, 100)
    found = call(
        "image",
        picture,
        {"regions": [{"mask": data_url(area), "style": style}], "crop": [0.1, 0.1, 0.8, 0.8]},
    )
    wanted = restyle.image(picture, "starry-night", method="fast", regions=[(area, style)], crop="80%")
    assert decibels(opened(found["result"]), wanted) > 50


def test_own_artwork_equals_python(call: Call) -> None:
    picture, artwork = photo(150, 100), Image.effect_mandelbrot((90, 60), (-2, -1, 1, 1), 60).convert("RGB")
    name = call("addStyle", artwork)["result"]
    assert name.startswith("own-")
    assert call("addStyle", artwork)["result"] == name
    found = call("image", picture, {"styles": [{"name": name, "weight": 1}]})
    assert decibels(opened(found["result"]), restyle.image(picture, artwork, method="fast")) > 50


def test_transparency_is_kept(call: Call) -> None:
    picture = photo(120, 80)
    picture.putalpha(mask(120, 80))
    found = opened(call("image", picture)["result"])
    wanted = restyle.image(picture, "starry-night", method="fast")
    np.testing.assert_array_equal(np.asarray(found)[..., 3], np.asarray(wanted)[..., 3])
    shown = np.asarray(picture)[..., 3] == 255
    np.testing.assert_allclose(np.asarray(found)[shown], np.asarray(wanted)[shown], atol=3)


def test_wall_equals_python_and_is_cancelled(call: Call) -> None:
    picture, names = photo(400, 300), ["scream", "great-wave", "irises"]
    found = call("wall", picture, names=names, size=128)
    assert list(found["tiles"]) == names
    for name, tile in found["tiles"].items():
        # Tiles are JPEG.
        assert decibels(opened(tile), restyle.image(picture, name, method="fast", size=128)) > 28
    found = call("wall", picture, names=names, size=128, until="scream")
    assert found["error"]["name"] == "AbortError"
    assert "irises" not in found["tiles"]


def test_paint_is_shown_cancelled_and_saved_again(call: Call) -> None:
    picture = photo(96, 64)
    request = {"method": "paint", "effort": "draft"}
    found = call("paint", picture, request, until=0.3)
    assert found["error"]["name"] == "AbortError"
    assert 0.3 < found["progress"][-1] < 0.5
    found = call("paint", picture, request)
    assert found["progress"] == sorted(found["progress"])
    assert found["progress"][-1] == pytest.approx(1)
    wanted = restyle.image(picture, "starry-night", method="paint", effort="draft")
    # Matches flip by the last bits of features: Python itself gives 25 dB if the photo has noise of 1e-5.
    assert decibels(opened(found["result"]), wanted) > 20
    assert decibels(picture, wanted) < 16
    again = call("save", picture, {**request, "strength": 0.5})
    assert again["progress"] == []  # nothing was painted again
    half = Image.blend(picture, opened(found["result"]).convert("RGB"), 0.5)
    assert decibels(opened(again["result"]), half) > 45


def test_clean_up_and_plan_equal_python(page: Any) -> None:
    content = painter.fitted(from_image(photo(192, 128)), 192)
    with Image.open(ROOT / "src/restyle/models/artworks/starry-night.jpg") as artwork:
        style = painter.fitted(from_image(artwork.convert("RGB").resize((192, 128))), 192)
    plans = [(64, 1.0), (128, 0.5), (256, 2.0), (512, 1.0), (1024, 1.0)]
    given = [list(content.shape), content.ravel().tolist(), style.ravel().tolist(), plans]
    found = page.evaluate(CLEAN, given)
    objects = Objects(content)
    wanted = {
        "people": objects.people,
        "tidy": painter.tidy(style, objects, style),
        "finish": painter.finish(style, objects, style, 0.5).transpose(2, 0, 1),
    }
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values.ravel(), atol=1e-4, err_msg=name)
    planned = [[[each.side, list(each.rounds)] for each in painter.scales(*plan)] for plan in plans]
    assert found["scales"] == planned


def test_exif_is_kept_and_settled(call: Call, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Somebody"
    picture = tmp_path / "turned.jpg"
    photo(120, 80).save(picture, exif=exif)
    for kind in ("image/jpeg", "image/png"):
        found = opened(call("save", picture, {"method": "fast"}, type=kind)["result"])
        assert found.size == (80, 120)
        assert found.getexif()[0x013B] == "Somebody"
        assert found.getexif()[0x0112] == 1


def test_errors_are_told(call: Call, tmp_path: Path) -> None:
    found = call("image", photo(64, 64), {"styles": [{"name": "own-0", "weight": 1}]})
    assert found["error"]["status"] == 404
    assert "no style is called 'own-0'" in found["error"]["message"]
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    assert "cannot read the picture" in call("image", text)["error"]["message"]
    assert call("image", photo(64, 64))["error"] is None


def test_twelve_megapixels(call: Call, tmp_path: Path) -> None:
    picture = photo(4000, 3000)
    path = tmp_path / "large.png"
    picture.save(path, compress_level=1)
    found = opened(call("save", path, {"method": "fast"})["result"])
    assert decibels(found, restyle.image(picture, "starry-night", method="fast")) > 40


def test_tiles_equal_one_pass(call: Call) -> None:
    picture = photo(330, 220)
    found = opened(call("image", picture, {"styleScale": 0.25})["result"])  # 1,320 px: in tiles
    assert decibels(found, restyle.image(picture, "starry-night", method="fast", style_scale=0.25)) > 40


def test_without_isolation_and_offline(browser: Any, site: Path) -> None:
    """One thread at first; the service worker isolates the page from its second visit on, also offline."""
    host = Host(site, isolated=False)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    try:
        page = context.new_page()
        page.goto(host.url + "blank.html")
        call, picture = caller(page), photo(150, 100)
        wanted = restyle.image(picture, "starry-night", method="fast")
        found = call("image", picture)
        assert found["status"]["threads"] == 1
        assert decibels(opened(found["result"]), wanted) > 50
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        host.stop()
        page.goto(host.url)  # the page itself, from the cache
        assert page.evaluate("crossOriginIsolated")
        found = call("image", picture)
        assert found["status"]["threads"] > 1
        assert decibels(opened(found["result"]), wanted) > 50
    finally:
        context.close()


def test_new_version_takes_over(browser: Any, site: Path, runtime: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    shutil.copytree(site, target)
    host = Host(target, isolated=True)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    try:
        page = context.new_page()
        page.goto(host.url + "blank.html")
        page.evaluate(OPEN)
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        (before,) = page.evaluate("caches.keys()")
        changed = tmp_path / "package"
        shutil.copytree(runtime, changed)
        (changed / "LICENSE").write_text("another text")
        write(target, changed)
        waiting = (
            "navigator.serviceWorker.ready.then((all) => all.update()).then((all) => Boolean(all.waiting))"
        )
        page.wait_for_function(waiting)
        page.reload()
        with (
            page.expect_navigation()
        ):  # opening the engine lets the new version in, which loads the page again
            page.evaluate(OPEN.replace("{ await", "{ void"))
        page.wait_for_function("caches.keys().then((names) => names.length === 1)")
        (after,) = page.evaluate("caches.keys()")
        assert after != before
        assert page.evaluate("fetch('runtime/LICENSE').then((answer) => answer.text())") == "another text"
    finally:
        context.close()
        host.stop()


def test_page_works_without_a_server(browser: Any, site: Path) -> None:
    host = Host(site, isolated=True)
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(PATIENCE)
    asked: list[str] = []
    faults: list[str] = []
    try:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(host.url)
        page.get_by_text("The Starry Night").first.wait_for()
        page.get_by_text("painted", exact=False).first.wait_for()
        page.get_by_text("The Scream").first.click()
        page.get_by_role("button", name="Save").wait_for()
        assert not faults
        assert all(url.startswith((host.url, "blob:", "data:")) for url in asked)
    finally:
        context.close()
        host.stop()
