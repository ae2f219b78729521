"""The catalog describes the files, and every load verifies them."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from restyle.errors import InputError, MissingExtraError, ModelError, OutputError
from restyle.models import catalog
from restyle.models.catalog import ModelFile, convert, home, models_folder, pull
from restyle.models.session import Session
from scripts.refresh_catalog import refresh
from tests.made_server import Site, serving


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


WEIGHTS = {
    "features.0.weight": torch.arange(24.0).view(2, 3, 2, 2),
    "features.0.bias": torch.tensor([1.0, -2.0]),
    "classifier.0.weight": torch.ones(5, 5),
}

CATALOG = """
["net"]
title = "a net"
method = "encoder"
license = "MIT"
origin = "a test"
paper = "none"
files = [
    {{ role = "encoder", file = "net.safetensors", keep = ["features."], bytes = {size}, \
url = "{address}/net-{start}.pth", sha256 = "{sha256}" }},
    {{ role = "table", file = "table.bin", url = "{address}/table.bin", sha256 = "{table}" }},
]

["shipped"]
title = "a shipped one"
method = "encoder"
license = "MIT"
origin = "a test"
paper = "none"
files = [{{ role = "encoder", path = "catalog.toml", sha256 = "", bytes = 1 }}]
"""
TABLE = b"a table"


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def published(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The weights as publishers write them, in both formats of torch."""
    path = tmp_path / "published.pth"
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=request.param)
    return path


@pytest.fixture
def site(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server with the files of the model `net`, and a catalog that lists them."""
    content = published.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("RESTYLE_OFFLINE", raising=False)
    with serving(Site({f"/net-{sha256[:8]}.pth": content, "/table.bin": TABLE})) as served:
        text = CATALOG.format(
            address=served.address,
            start=sha256[:8],
            sha256=sha256,
            size=len(content),
            table=hashlib.sha256(TABLE).hexdigest(),
        )
        (tmp_path / "catalog.toml").write_text(text, encoding="utf-8")
        monkeypatch.setattr(catalog, "CATALOG", tmp_path / "catalog.toml")
        yield served


def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "models" / "net"


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir()) if path.exists() else []


ALL = ["net.safetensors", "net.safetensors.sha256", "table.bin", "table.bin.sha256"]


def test_a_model_is_fetched_converted_and_recorded(site: Site, tmp_path: Path) -> None:
    record = catalog.find("net")
    assert [file.state() for file in record.files] == ["missing", "missing"]
    with pytest.raises(ModelError, match=r"weights are missing: .*get them with `restyle models pull net`"):
        record.file("encoder").read()
    paths = pull("net")
    assert [path.name for path in paths] == ["net.safetensors", "table.bin"]
    assert names(folder(tmp_path)) == ALL  # the .pth is deleted
    kept = load_file(paths[0])
    assert kept.keys() == {"features.0.weight", "features.0.bias"}
    assert all(torch.equal(kept[name], WEIGHTS[name]) for name in kept)
    assert [file.state() for file in record.files] == ["ok", "ok"]
    assert record.file("table").read() == TABLE
    told = (folder(tmp_path) / "net.safetensors.sha256").read_text()
    assert told == f"{hashlib.sha256(paths[0].read_bytes()).hexdigest()}  net.safetensors\n"
    assert record.file("encoder").expected() == told[:64]


def test_only_damaged_files_are_downloaded_again(site: Site, tmp_path: Path) -> None:
    paths = pull("net")
    asked = len(site.asked)
    pull("net", offline=True)
    assert len(site.asked) == asked
    paths[0].write_bytes(b"damaged")
    file = catalog.find("net").file("encoder")
    assert file.state() == "damaged"
    with pytest.raises(ModelError, match=r"damaged: .*pull net"):
        file.read()
    pull("net")
    assert file.state() == "ok"
    file.receipt.unlink()
    assert file.state() == "damaged"


def test_from_a_file_or_a_folder(site: Site, published: Path, tmp_path: Path) -> None:
    before = published.read_bytes()
    pull("net", source=published)  # found by its hash, whatever its name; the table is downloaded
    assert site.asked == ["/table.bin"]
    assert published.read_bytes() == before
    assert names(folder(tmp_path)) == ALL
    box = tmp_path / "box"
    box.mkdir()
    url = catalog.find("net").files[0].download
    assert url is not None
    (box / url.name).write_bytes(before)
    (box / "table.bin").write_bytes(TABLE)
    for path in folder(tmp_path).iterdir():
        path.unlink()
    site.asked.clear()
    pull("net", source=box, offline=True)
    assert names(folder(tmp_path)) == ALL
    assert site.asked == []
    assert len(names(box)) == 2


def test_a_given_file_must_be_the_published_one(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    other.write_bytes(b"other")
    with pytest.raises(
        ModelError, match=r"'.*other.pth' is not net-.*pth or table.bin as published"
    ) as caught:
        pull("net", source=other)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"absent.pth' cannot be read: no such file"):
        pull("net", source=tmp_path / "absent.pth")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no net-"):
        pull("net", source=empty)
    (empty / "table.bin").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"table.bin' is not .* as published"):
        pull("net", source=empty)
    assert not [name for name in names(folder(tmp_path)) if name.startswith("table")]


def test_failed_downloads_leave_nothing(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="--offline"):
        pull("net", offline=True)
    monkeypatch.setenv("RESTYLE_OFFLINE", "1")
    with pytest.raises(ModelError, match="RESTYLE_OFFLINE"):
        pull("net")
    assert site.asked == []
    monkeypatch.setenv("RESTYLE_OFFLINE", "0")
    kept, site.files = site.files, {}
    with pytest.raises(ModelError, match="404"):
        pull("net")
    site.files = dict.fromkeys(kept, b"another file")
    with pytest.raises(ModelError, match=r"127\.0\.0\.1.*hash"):
        pull("net")
    assert not folder(tmp_path).exists()


def test_models_that_cannot_be_pulled(site: Site) -> None:
    with pytest.raises(ModelError, match="'shipped' ships with restyle; there is nothing to pull"):
        pull("shipped")
    with pytest.raises(ModelError, match=r"'nett'.* net"):
        pull("nett")


def test_missing_extra_is_reported_before_any_download(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'restyle\[torch\]'"):
        pull("net")
    assert site.asked == []


def test_full_disk_while_converting_leaves_no_file(site: Site, published: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            pull("net", source=published)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(folder(tmp_path)) == []


class Evil:
    """Runs a command when it is unpickled by a careless loader."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("new_format", [True, False])
def test_pickle_with_code_is_refused(tmp_path: Path, new_format: bool) -> None:
    trap = tmp_path / "sprung"
    path = tmp_path / "evil.pth"
    torch.save({"features.0": Evil(f"touch {trap}")}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(ModelError, match="safe to open") as caught:
        convert(path, tmp_path / "out", ("",))
    assert "\n" not in str(caught.value)
    path.write_bytes(pickle.dumps(Evil(f"touch {trap}"), protocol=2))
    with pytest.raises(ModelError, match="safe to open"):
        convert(path, tmp_path / "out", ("",))
    assert not trap.exists()


def test_not_a_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "some.pth"
    torch.save([torch.ones(2)], path)
    with pytest.raises(ModelError, match="holds a list, not a state dict"):
        convert(path, tmp_path / "out", ("",))
    torch.save({"a": torch.ones(2), "step": 3}, path)
    with pytest.raises(ModelError, match="no tensor whose name begins with b or c"):
        convert(path, tmp_path / "out", ("b", "c"))
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="safe to open"):
        convert(path, tmp_path / "out", ("",))
    convert_to = tmp_path / "out.safetensors"
    torch.save({"a": torch.ones(4)[:2], "b": torch.ones(2, 2).T, "step": 3}, path)
    convert(path, convert_to, ("",))
    assert load_file(convert_to).keys() == {"a", "b"}
