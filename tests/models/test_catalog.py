"""The catalog describes the files, and every load verifies them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from restyle.errors import ModelError
from restyle.models import catalog
from restyle.models.catalog import ModelFile, home, models_folder
from restyle.models.session import Session
from scripts.refresh_catalog import refresh


def test_every_record_is_complete() -> None:
    for name, record in catalog.records().items():
        assert record.name == name
        assert all([record.title, record.method, record.license, record.origin, record.paper, record.files])
        assert record.contract is not None
        assert record.contract["channels"] == "RGB"


@pytest.mark.parametrize("name", sorted(catalog.records()))
def test_shipped_files_are_the_recorded_ones(name: str) -> None:
    for file in catalog.records()[name].files:
        if file.download is not None:
            continue
        if not file.path.exists():
            pytest.skip(f"{file.path.name} is not there yet")
        assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
        assert file.path.stat().st_size == file.size
        assert file.state() == "ok"


def test_graphs_carry_the_name_of_their_record() -> None:
    for record in catalog.records().values():
        for file in record.files:
            if file.path.suffix == ".onnx" and file.path.exists():
                session = Session(file.read(), name=file.role)
                assert session.setting("restyle_model") == record.name
                assert record.contract is not None
                assert int(session.setting("stride")) == record.contract["stride"]


def test_embedded_graphs_are_small() -> None:
    record = catalog.find(catalog.DEFAULT)
    assert record.size <= 8_000_000


def test_state_distinguishes_damaged_from_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    file = ModelFile("transformer", path, hashlib.sha256(b"right").hexdigest(), 5)
    assert file.state() == "missing"
    with pytest.raises(ModelError, match="missing"):
        file.read()
    path.write_bytes(b"wrong")
    assert file.state() == "damaged"
    with pytest.raises(ModelError, match=r"damaged: '.*weights.onnx' has SHA-256 [0-9a-f]{12}"):
        file.read()
    path.write_bytes(b"right")
    assert file.state() == "ok"
    assert file.read() == b"right"


def test_a_folder_is_a_model(tiny_model: Path) -> None:
    record = catalog.find(tiny_model)
    assert [file.role for file in record.files] == ["style_encoder", "transformer"]
    assert record.styles == tiny_model / "styles"
    assert record.file("transformer").read()
    with pytest.raises(ModelError, match="has no vocoder"):
        record.file("vocoder")


def test_not_a_model(tmp_path: Path) -> None:
    known = rf"no model 'arbitrary-x': give a folder .* or one of '{catalog.DEFAULT}'"
    with pytest.raises(ModelError, match=known):
        catalog.find("arbitrary-x")
    with pytest.raises(ModelError, match=r"there is no style_encoder.onnx"):
        catalog.find(tmp_path)


def test_refresh_writes_hashes_and_sizes(tmp_path: Path) -> None:
    text = catalog.CATALOG.read_text(encoding="utf-8")
    path = tmp_path / "catalog.toml"
    path.write_text(text, encoding="utf-8")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "transformer.onnx").write_bytes(b"new")
    assert refresh(path) == ["weights/transformer.onnx"]
    assert refresh(path) == []
    assert f'sha256 = "{hashlib.sha256(b"new").hexdigest()}", bytes = 3' in path.read_text()
    changed = sum(a != b for a, b in zip(text.splitlines(), path.read_text().splitlines(), strict=True))
    assert changed == 1


def test_broken_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text("[", encoding="utf-8")
    monkeypatch.setattr(catalog, "CATALOG", path)
    with pytest.raises(ModelError, match="cannot read the catalog"):
        catalog.records()


def test_downloads_are_recorded_by_their_publishers_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    downloads = [
        (name, file) for name, each in catalog.records().items() for file in each.files if file.download
    ]
    assert [name for name, _ in downloads][:1] == ["vgg19"]
    for name, file in downloads:
        assert file.download is not None
        assert file.path.is_relative_to(tmp_path / "models" / name)
        assert file.state() == "missing"
        assert len(file.download.sha256) == 64
        assert file.download.url.startswith("https://")
        # torchvision and others put the beginning of the hash into the name
        found = re.search(r"-([0-9a-f]{8})\.pth", file.download.url)
        assert found is None or file.download.sha256.startswith(found[1])
    assert catalog.find("vgg19").downloaded
    assert catalog.find("vgg19").size == 574_673_361
    assert not catalog.find("encoder-1").downloaded


def test_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESTYLE_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert models_folder() == tmp_path / ".cache" / "restyle" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert home() == tmp_path / "cache" / "restyle"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert home() == tmp_path / ".cache" / "restyle"
    monkeypatch.setenv("RESTYLE_HOME", "~/mine")
    assert models_folder() == tmp_path / "mine" / "models"
    assert not list(tmp_path.iterdir())
