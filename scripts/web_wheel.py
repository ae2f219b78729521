"""Build the wheel of the extra `web`, install it beside restyle's in a new environment, and try the page.

    python -m scripts.web_wheel DIST

Writes both wheels to the folder DIST, then writes the static page with the new environment and paints the
sample photo in Chromium. Needs npm, Chromium (apt install chromium) and the extra `dev`.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
PAINTED = 120_000  # ms that the first picture may take
UNWANTED = ("torch", "fastapi", "cv2")


class Failed(Exception):  # noqa: N818
    """A step failed; the message says which and why."""


def missing() -> str:
    """Return what this machine lacks, or an empty text."""
    return ", ".join(name for name in ("npm", "chromium") if shutil.which(name) is None)


def run(*words: str, folder: Path = ROOT) -> str:
    """Run a command without the variables of this interpreter, and return what it prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(words, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise Failed(f"{' '.join(words[:4])} ...: {last}")
    return done.stdout


def build(dist: Path) -> list[Path]:
    """Build the wheels of restyle and of restyle-web; the latter's files come from npm."""
    wheels = []
    for project, pattern in ((ROOT, "restyle-*.whl"), (ROOT / "packaging/restyle-web", "restyle_web-*.whl")):
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(project))
        wheels.append(max(dist.glob(pattern), key=lambda path: path.stat().st_mtime))
    return wheels


def install(wheels: list[Path], folder: Path) -> Path:
    """Install restyle[web] from the wheels in a new environment; return its folder of programs."""
    venv.create(folder, with_pip=True)
    programs, (own, web) = folder / "bin", wheels
    constraints = str(ROOT / "constraints.txt")
    wanted = (f"restyle[web] @ {own.as_uri()}", str(web))
    run(str(programs / "python"), "-m", "pip", "install", "--quiet", "--constraint", constraints, *wanted)
    code = "import importlib.util as u, sys; print(' '.join(n for n in sys.argv[1:] if u.find_spec(n)))"
    if found := run(str(programs / "python"), "-c", code, *UNWANTED).strip():
        raise Failed(f"restyle[web] has installed {found}")
    return programs


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does, and give its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def paint(address: str) -> str:
    """Paint the sample photo on the page, and return the title of the style."""
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(locale="en-US")
        page.set_default_timeout(PAINTED)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        page.wait_for_selector("body:not(.loading)")
        page.locator("#methods [value=fast]").check()
        page.locator("#panel-styles .tile:not(.add) button").first.click()
        expect(page.locator("#status")).to_have_attribute("data-state", "done", timeout=PAINTED)
        shown = page.locator("#viewer .after").evaluate("image => image.naturalWidth")
        title = page.locator("#style-title").inner_text()
        browser.close()
    if faults or shown < 100:
        raise Failed(f"the page painted {shown} px, with the errors {faults}")
    return title


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(str(__doc__))
    if lacks := missing():
        sys.exit(f"scripts.web_wheel needs {lacks}")
    dist = Path(sys.argv[1]).resolve()
    dist.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            wheels = build(dist)
            programs = install(wheels, folder / "venv")
            print(run(str(programs / "restyle"), "studio", "--static", str(folder / "site")).strip())
            with served(folder / "site") as address:
                print(f"painted the sample photo in the style of {paint(address)}")
        except Failed as error:
            sys.exit(f"scripts.web_wheel: {error}")
    for wheel in wheels:
        print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
