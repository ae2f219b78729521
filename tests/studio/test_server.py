"""The server: page, reference, metrics; how it starts and how it ends."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from restyle.studio.jobs import PREFIX
from restyle.studio.security import HEADERS
from tests.studio.conftest import LIMIT, Running, gone, wait_until


def test_page_has_headers_that_protect_it(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert 'name="restyle-engine"' in answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    again = client.get(
        "/page/index.html", headers={"if-none-match": client.get("/page/index.html").headers["etag"]}
    )
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
    assert client.get("/page/sample.jpg").content[:3] == b"\xff\xd8\xff"
    assert client.get("/page/../server.py").status_code == 404
    assert client.get("/page/%2e%2e/server.py").status_code == 404


def test_reference_needs_no_other_host_and_no_script(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert not re.search(r"<script|<style|<[^>]* style=|https?://(?!127\.0\.0\.1)", page)
    for path in ("/v1/images", "/v1/wall", "/v1/videos", "/v1/audio", "/v1/jobs/{job}/events", "/metrics"):
        assert f"<code>{path}</code>" in page
    assert "curl http://127.0.0.1:7860/v1/images" in page
    assert client.get("/page/reference.css").status_code == 200


def test_metrics_are_lines_of_prometheus(client: httpx.Client) -> None:
    client.get("/v1/styles")
    lines = client.get("/metrics").text.splitlines()
    sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+')
    assert not [line for line in lines if not line.startswith("#") and not sample.fullmatch(line)]
    assert any(line.startswith('restyle_requests_total{method="GET",route="/v1/styles"') for line in lines)
    assert 'restyle_queue_places{lane="pictures"} 32' in lines
    assert client.get("/healthz").json()["status"] == "ok"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_clean_end_and_what_a_kill_leaves(tiny_model: Path, tmp_path: Path) -> None:
    killed = Running(tiny_model, tmp_path)
    (folder,) = tmp_path.glob(f"{PREFIX}*")
    with killed.client() as client:
        assert client.get("/healthz").status_code == 200
    workers = killed.workers()
    assert len(workers) == 1
    killed.stop(signal.SIGKILL)
    wait_until(lambda: all(gone(number) for number in workers))
    assert folder.exists()

    ended = Running(tiny_model, tmp_path)
    assert not folder.exists()  # swept by the next server
    with ended.client() as client:
        assert client.get("/healthz").status_code == 200
    workers = ended.workers()
    assert ended.stop(signal.SIGTERM) == 0
    wait_until(lambda: all(gone(number) for number in workers))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_idle_server_takes_no_processor_time(studio: Running, client: httpx.Client) -> None:
    client.get("/healthz")

    def ticks() -> int:
        numbers = [studio.process.pid, *studio.workers()]
        fields = [Path(f"/proc/{number}/stat").read_text().rsplit(")")[-1].split() for number in numbers]
        return sum(int(each[11]) + int(each[12]) for each in fields)

    def idle() -> bool:
        before = ticks()
        time.sleep(1.5)
        return (ticks() - before) / os.sysconf("SC_CLK_TCK") < 0.04

    wait_until(idle)  # after it has finished what earlier tests have left


@pytest.mark.slow
def test_client_that_leaves_cancels_its_work(studio: Running, photo_file: Path, style_file: Path) -> None:
    fields = {"method": "paint", "effort": "finest", "size": "512"}
    files = [("content", photo_file.read_bytes()), ("style_image", style_file.read_bytes())]

    def running() -> float:
        text = client.get("/metrics").text
        return float(re.search(r'restyle_queue_running\{lane="jobs"\} (\S+)', text)[1])  # type: ignore[index]

    with studio.client() as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/images", files=files, data=fields, timeout=httpx.Timeout(LIMIT, read=1.0))
        wait_until(lambda: not running())
