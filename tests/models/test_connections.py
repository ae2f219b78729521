"""One request: what is appended, and which failures are worth another try."""

from __future__ import annotations

from pathlib import Path

import pytest

from restyle.errors import OptionError
from restyle.models.connections import (
    BrokenError,
    GiveUpError,
    append_missing,
    check_address,
    published_name,
)
from tests.made_server import Site, serving

CONTENT = bytes(range(256)) * 40


def ask(site: Site, part: Path, path: str = "/a", size: int | None = None) -> list[tuple[int, int | None]]:
    seen: list[tuple[int, int | None]] = []
    with part.open("a+b", buffering=0) as file:
        append_missing(site.address + path, file, part, size, lambda done, total: seen.append((done, total)))
    return seen


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    part = tmp_path / "a.part"
    part.write_bytes(CONTENT[:1000])
    with serving(Site({"/a": CONTENT})) as site:
        seen = ask(site, part)
    assert part.read_bytes() == CONTENT
    assert site.asked == [("/a", "bytes=1000-")]
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_cut_and_a_busy_server_are_worth_another_try(tmp_path: Path) -> None:
    part = tmp_path / "a.part"
    with serving(Site({"/a": CONTENT}, drops=[500], statuses=[503])) as site:
        with pytest.raises(BrokenError, match="answers 503"):
            ask(site, part)
        with pytest.raises(BrokenError, match="broke off after 500 of 10,240 bytes"):
            ask(site, part)
    assert part.read_bytes() == CONTENT[:500]
    with pytest.raises(BrokenError, match="refused"):
        ask(site, part)


def test_a_refusal_is_not(tmp_path: Path) -> None:
    with serving(Site({"/a": CONTENT})) as site:
        with pytest.raises(GiveUpError, match="answers 404"):
            ask(site, tmp_path / "a.part", "/b")
        with pytest.raises(GiveUpError, match="10,240 bytes, recorded are 100"):
            ask(site, tmp_path / "a.part", size=100)
    assert (tmp_path / "a.part").read_bytes() == b""


def test_a_server_that_has_less_than_is_here(tmp_path: Path) -> None:
    part = tmp_path / "a.part"
    part.write_bytes(b"x" * 20_000)
    with serving(Site({"/a": CONTENT})) as site, pytest.raises(BrokenError, match="has less"):
        ask(site, part, size=30_000)
    assert part.read_bytes() == b""


def test_names_are_read_from_addresses() -> None:
    assert published_name("https://a.org/b/c%20d.pth?raw=1#x") == "c d.pth"


@pytest.mark.parametrize("url", ["https://a.org/b", "http://127.0.0.1:8000", "https://[::1]/x"])
def test_web_addresses(url: str) -> None:
    check_address(url)


@pytest.mark.parametrize(
    "url", ["", "a.org/b", "https://", "http://a b.org", "http://a.org/\n", "http://[::1"]
)
def test_what_is_no_web_address(url: str) -> None:
    with pytest.raises(OptionError, match="is not an address"):
        check_address(url)
