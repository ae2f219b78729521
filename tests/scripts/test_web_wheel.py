"""The extra `web` as a user gets it: its wheel, restyle's wheel, and the page they write, in Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs Playwright")

from scripts import web_wheel


@pytest.mark.wheel
@pytest.mark.skipif(bool(web_wheel.missing()), reason=f"needs {web_wheel.missing()}")
def test_page_of_the_wheels_paints(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.web_wheel", str(tmp_path / "dist")]
    quick = os.environ | {"PIP_NO_COMPILE": "1"}  # only a part of it is imported
    done = subprocess.run(command, cwd=web_wheel.ROOT, env=quick, capture_output=True, text=True, check=False)
    if "npm cannot fetch" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert "painted the sample photo in the style of The Great Wave" in done.stdout
    sizes = {path.name.split("-")[0]: path.stat().st_size for path in (tmp_path / "dist").glob("*.whl")}
    assert set(sizes) == {"restyle", "restyle_web"}
    assert sizes["restyle_web"] < 20e6


def test_failed_step_is_told(tmp_path: Path) -> None:
    with pytest.raises(web_wheel.Failed, match="no such thing"):
        web_wheel.run(sys.executable, "-c", "import sys; sys.exit('no such thing')", folder=tmp_path)
