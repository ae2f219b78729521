"""The description of the API has every option and field, and the examples of the guide work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from PIL import Image

from restyle.studio.calls import AUDIO_FILES, IMAGE_FILES, VIDEO_FILES, Files
from restyle.studio.media import AUDIO, IMAGES, VIDEOS, Medium, describe
from restyle.studio.reference import page
from tests.made_clips import make_clip, moving
from tests.studio.conftest import Running

GUIDE = Path(__file__).parents[2] / "docs" / "studio.md"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("route", "medium", "files"),
    [
        ("/v1/images", IMAGES, IMAGE_FILES),
        ("/v1/videos", VIDEOS, VIDEO_FILES),
        ("/v1/audio", AUDIO, AUDIO_FILES),
    ],
)
def test_every_field_is_described(client: httpx.Client, route: str, medium: Medium, files: Files) -> None:
    described = client.get("/openapi.json").json()["paths"][route]["post"]
    fields = described["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert {each["name"] for each in describe(medium)} <= fields.keys()
    assert files.keys() <= fields.keys()
    assert all(facts.get("description") for facts in fields.values())
    assert {"413", "415", "422", "429"} <= described["responses"].keys()
    assert described["x-codeSamples"][0]["source"].startswith("curl ")


def test_texts_are_escaped() -> None:
    facts = {"description": "a <b> & `c`", "parameters": [{"name": "<x>", "schema": {"type": "string"}}]}
    made = page({"info": {"title": "T", "description": ""}, "paths": {"/v1/x": {"get": facts}}})
    assert "a &lt;b&gt; &amp; <code>c</code>" in made
    assert "<x>" not in made


@pytest.mark.slow
def test_examples_of_the_guide_work(studio: Running, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="needs the extra flow (OpenCV)")
    scene = np.full((48, 64, 3), (50, 100, 170), np.uint8)
    scene[16:34, 12:32] = (200, 100, 210)  # a subject in the box of the guide
    scene ^= np.random.default_rng(0).integers(0, 8, scene.shape, np.uint8)
    for name in ("photo.jpg", "my-painting.jpg"):
        Image.fromarray(scene).save(tmp_path / name)
    Image.fromarray(np.arange(48 * 64).reshape(48, 64) // 24 > 50).convert("L").save(tmp_path / "sky.png")
    make_clip(tmp_path / "clip.mp4", moving(4, (48, 64)))
    soundfile.write(tmp_path / "talk.wav", 0.1 * np.sin(np.arange(8000) / 5), 16000)
    examples = BLOCK.findall(GUIDE.read_text(encoding="utf-8").replace("http://127.0.0.1:7860", studio.url))
    ran = 0
    for language, code in examples:
        if language == "bash" and "pip install" in code:
            continue
        program = ["bash", "-euo", "pipefail", "-c"] if language == "bash" else [sys.executable, "-c"]
        done = subprocess.run([*program, code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, code + done.stderr
        ran += 1
    assert ran >= 5
    for name in ("art.jpg", "art.webp", "mixed.jpg", "sky-kept.jpg", "warm.jpg", "mask.png", "art.tif"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (64, 48)
    assert len((tmp_path / "wall.ndjson").read_text().splitlines()) == 2
    assert (tmp_path / "art.mp4").stat().st_size > 1000
    assert soundfile.info(tmp_path / "art.wav").frames == 8000
