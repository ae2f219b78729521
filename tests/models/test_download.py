"""Downloads from a server on this machine: whatever goes wrong, nothing half-written is in place."""

from __future__ import annotations

import fcntl
import hashlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from restyle.errors import ModelError, OptionError, OutputError
from restyle.models.download import TRIES, digest, fetch, is_offline, is_recorded, with_mirrors
from tests.made_server import Site, serving

CONTENT = np.random.default_rng(0).bytes(300_000)
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("RESTYLE_OFFLINE", "RESTYLE_MIRROR", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(Site({"/net.pth": CONTENT})) as served:
        yield served


def get(site: Site, folder: Path, **options: object) -> Path:
    given = {"sha256": HASH, "size": len(CONTENT), "pause": 0.0, **options}
    return fetch([f"{site.address}/net.pth"], folder / "net.pth", **given)  # type: ignore[arg-type]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_arrives_whole_with_progress(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = tmp_path / "new" / "folder"
    path = get(site, folder, report=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert names(folder) == ["net.pth"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_what_is_there_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    get(site, tmp_path)
    get(site, tmp_path, offline=True)
    assert len(site.asked) == 1


def test_another_file_in_its_place_is_replaced(site: Site, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"older")
    assert get(site, tmp_path).read_bytes() == CONTENT


def test_a_cut_connection_is_resumed_at_once(site: Site, tmp_path: Path) -> None:
    site.drops = [100_000, 50_000, 0]
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == [
        ("/net.pth", None),
        ("/net.pth", "bytes=100000-"),
        ("/net.pth", "bytes=150000-"),
        ("/net.pth", "bytes=150000-"),
    ]


def test_a_later_run_goes_on_where_the_last_one_broke_off(site: Site, tmp_path: Path) -> None:
    site.drops = [120_000] + [0] * TRIES
    with pytest.raises(
        ModelError, match=r"broke off after 120,000 of 300,000 bytes; 0\.1 MB are kept"
    ) as caught:
        get(site, tmp_path)
    assert "\n" not in str(caught.value)
    assert "--from FILE" in str(caught.value)
    assert names(tmp_path) == ["net.pth.part"]
    site.asked.clear()
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == [("/net.pth", "bytes=120000-")]
    assert names(tmp_path) == ["net.pth"]


def test_ctrl_c_keeps_what_has_come(site: Site, tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(site, tmp_path, report=stop)
    assert names(tmp_path) == ["net.pth.part"]
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked[-1][1] is not None


@pytest.mark.parametrize("says_length", [True, False])
def test_a_server_without_ranges_begins_anew(site: Site, tmp_path: Path, says_length: bool) -> None:
    site.ranges, site.says_length = False, says_length
    (tmp_path / "net.pth.part").write_bytes(CONTENT[:70_000])
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == [("/net.pth", "bytes=70000-")]


def test_a_part_that_is_complete_needs_no_server(site: Site, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT)
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == []


def test_a_complete_part_of_unknown_size_is_recognised(site: Site, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT)
    assert get(site, tmp_path, size=None).read_bytes() == CONTENT
    assert site.asked == [("/net.pth", f"bytes={len(CONTENT)}-")]


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_part_of_another_file_is_dropped(site: Site, tmp_path: Path, size: int | None) -> None:
    (tmp_path / "net.pth.part").write_bytes(b"x" * 90_000)
    assert get(site, tmp_path, size=size).read_bytes() == CONTENT
    assert [wanted for _, wanted in site.asked] == ["bytes=90000-", None]


def test_a_part_that_is_too_long_is_dropped(site: Site, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT + b"more")
    assert get(site, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("there_before", [0, 50_000])
@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_wrong_file_leaves_nothing(site: Site, tmp_path: Path, there_before: int, size: int | None) -> None:
    site.files["/net.pth"] = CONTENT[:-1] + b"?"
    if there_before:
        (tmp_path / "net.pth.part").write_bytes(CONTENT[:there_before])
    with pytest.raises(ModelError, match=rf"127.0.0.1:\d+: gives another file: SHA-256 .*{HASH[:12]}"):
        get(site, tmp_path, size=size)
    assert names(tmp_path) == []


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_that_is_too_long_leaves_nothing(site: Site, tmp_path: Path, says_length: bool) -> None:
    site.files["/net.pth"], site.says_length = CONTENT * 2, says_length
    with pytest.raises(ModelError, match="gives another file"):
        get(site, tmp_path)
    assert names(tmp_path) == []


def test_a_file_that_is_too_short_is_another(site: Site, tmp_path: Path) -> None:
    site.files["/net.pth"] = CONTENT[:1000]
    with pytest.raises(ModelError, match="gives another file"):
        get(site, tmp_path)
    assert names(tmp_path) == []


def test_mirrors_are_asked_in_turn(site: Site, tmp_path: Path) -> None:
    site.files["/wrong/net.pth"] = b"something else"
    places = ["gone/net.pth", "wrong/net.pth", "net.pth"]
    urls = [f"{site.address}/{place}" for place in places]
    path = fetch(urls, tmp_path / "net.pth", sha256=HASH, pause=0)
    assert path.read_bytes() == CONTENT
    assert [path for path, _ in site.asked] == [f"/{place}" for place in places]


def test_another_mirror_goes_on_with_the_part(site: Site, tmp_path: Path) -> None:
    site.files["/other/net.pth"] = CONTENT
    site.drops = [200_000] + [0] * TRIES
    urls = [f"{site.address}/net.pth", f"{site.address}/other/net.pth"]
    assert fetch(urls, tmp_path / "net.pth", sha256=HASH, pause=0).read_bytes() == CONTENT
    assert site.asked[-1] == ("/other/net.pth", "bytes=200000-")


def test_every_server_is_named_when_all_fail(site: Site, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        closed = f"127.0.0.1:{taken.getsockname()[1]}"
        urls = [f"http://{closed}/net.pth", f"{site.address}/absent.pth"]
        with pytest.raises(ModelError) as caught:
            fetch(urls, tmp_path / "net.pth", sha256=HASH, pause=0)
    assert f"{closed}: connection refused" in str(caught.value)
    assert "answers 404 Not Found" in str(caught.value)
    assert names(tmp_path) == []


def test_a_busy_server_is_asked_again_and_a_refusal_is_final(site: Site, tmp_path: Path) -> None:
    site.statuses = [503, 429]
    assert get(site, tmp_path).read_bytes() == CONTENT
    site.asked.clear()
    site.statuses = [403]
    with pytest.raises(ModelError, match="answers 403"):
        get(site, tmp_path / "other")
    assert len(site.asked) == 1


def test_redirects_are_followed_to_web_addresses_only(site: Site, tmp_path: Path) -> None:
    site.moved = {"/moved.pth": "/net.pth", "/file.pth": "file:///etc/hostname"}
    site.drops = [10_000]
    moved = fetch([f"{site.address}/moved.pth"], tmp_path / "net.pth", sha256=HASH, pause=0)
    assert moved.read_bytes() == CONTENT
    assert ("/net.pth", "bytes=10000-") in site.asked
    with pytest.raises(ModelError, match="cannot download"):
        fetch([f"{site.address}/file.pth"], tmp_path / "b", sha256=HASH, pause=0)


def test_offline_by_option_and_by_environment(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"cannot download net.pth: --offline was given; or get http"):
        get(site, tmp_path, offline=True)
    monkeypatch.setenv("RESTYLE_OFFLINE", "1")
    assert is_offline()
    with pytest.raises(ModelError, match="RESTYLE_OFFLINE is set"):
        get(site, tmp_path)
    assert site.asked == []
    monkeypatch.setenv("RESTYLE_OFFLINE", "0")
    assert not is_offline()
    assert get(site, tmp_path).read_bytes() == CONTENT


def test_a_full_disk_leaves_nothing(site: Site, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*net.pth: the file would be larger") as caught:
            get(site, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ".part" not in str(caught.value)
    assert names(tmp_path) == []


def test_too_little_space_is_seen_before(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 200_000))
    with pytest.raises(OutputError, match=r"needs 0 MB more, and 0 MB are free; RESTYLE_HOME"):
        get(site, tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        get(site, tmp_path / "file")
    assert site.asked == []


def test_two_at_once_do_not_write_into_one_another(site: Site, tmp_path: Path) -> None:
    with (tmp_path / "net.pth.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match=r"another restyle is downloading net.pth"):
            get(site, tmp_path)
    assert get(site, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "url", ["ftp://example.org/net.pth", "file:///net.pth", "net.pth", "http:///net.pth"]
)
def test_only_web_addresses_serve(url: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is not an address to download from"):
        fetch([url], tmp_path / "net.pth", sha256=HASH)
    assert names(tmp_path) == []


def test_the_beginning_of_a_hash_serves(site: Site, tmp_path: Path) -> None:
    assert get(site, tmp_path, sha256=HASH[:8].upper()).read_bytes() == CONTENT
    assert digest(tmp_path / "net.pth") == HASH
    assert is_recorded(HASH, HASH[:8])
    assert not is_recorded(HASH, HASH[:7])
    assert not is_recorded(HASH, "")


def test_the_users_mirror_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = ["https://example.org/models/net%20work.pth?raw=1"]
    monkeypatch.delenv("RESTYLE_MIRROR", raising=False)
    assert with_mirrors(urls) == urls
    assert with_mirrors(urls, "http://localhost/w")[0] == "http://localhost/w/net%20work.pth"
    monkeypatch.setenv("RESTYLE_MIRROR", "https://mirror.example.org/")
    assert with_mirrors(urls)[0] == "https://mirror.example.org/net%20work.pth"
    assert with_mirrors(urls, "http://localhost")[0] == "http://localhost/net%20work.pth"
    with pytest.raises(OptionError, match="'mirror' is not an address"):
        with_mirrors(urls, "mirror")
