"""The folder of a server: its limit, and what a killed server leaves."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from restyle.errors import OutputError
from restyle.studio.answers import ApiError
from restyle.studio.storage import LOCK, PREFIX, Storage, sweep


def test_bytes_are_limited_and_given_back(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 100)
    folder, other = storage.folder("a"), storage.folder("b")
    folder.add(40)
    asked: list[tuple[int, str | None]] = []
    storage.make_room = lambda count, client: asked.append((count, client))
    with pytest.raises(ApiError) as caught:
        storage.folder("a").add(30)
    assert (caught.value.status, asked) == (503, [(20, "a")])  # a client has half
    asked.clear()
    other.add(50)
    with pytest.raises(ApiError) as caught:
        storage.folder("c").add(20)
    assert (caught.value.status, asked) == (503, [(10, None)])
    other.remove()
    (folder.path / "result").write_bytes(bytes(50))
    folder.measure()
    assert storage.used == 50
    folder.remove()
    assert (storage.used, folder.path.exists()) == (0, False)
    assert stat.S_IMODE(storage.root.stat().st_mode) == 0o700
    storage.close()
    assert not storage.root.exists()


def test_only_what_no_server_uses_is_swept(tmp_path: Path) -> None:
    running = Storage(str(tmp_path), 100)
    left = tmp_path / f"{PREFIX}left"
    (left / "upload").mkdir(parents=True)
    (left / LOCK).touch()
    (tmp_path / "other").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "other")
    assert sweep(tmp_path) == [left]
    assert running.root.exists()
    assert (tmp_path / "other").exists()
    running.close()


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        Storage(str(tmp_path / "file"), 100)


def test_folder_is_made_when_it_is_used(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 1000)
    before = set(storage.root.iterdir())
    storage.folder("a").remove()
    folder = storage.folder("a")
    assert set(storage.root.iterdir()) == before
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.remove()
    assert set(storage.root.iterdir()) == before
    storage.close()
