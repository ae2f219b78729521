"""`restyle models`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from restyle.cli import main
from restyle.models import catalog
from restyle.models.catalog import Download
from tests.made_server import Site, serving


def test_it_lists_what_is_in_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["models", "--verbose"])
    said = capsys.readouterr().out
    shipped = [each for record in catalog.records().values() for each in record.files if not each.download]
    assert leaving.value.code == (0 if {file.state() for file in shipped} == {"ok"} else 1)
    for name, record in catalog.records().items():
        assert name in said
        assert record.license in said
    assert all(str(file.sha256) in said for file in shipped)


def test_a_damaged_file_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = catalog.find(catalog.DEFAULT)
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"wrong")
    files = (replace(record.files[0], path=wrong), *record.files[1:])
    monkeypatch.setattr(catalog, "records", lambda: {record.name: replace(record, files=files)})
    with pytest.raises(SystemExit) as leaving:
        main(["models"])
    assert leaving.value.code == 1
    assert "wrong.onnx: damaged" in capsys.readouterr().out


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(["models", *map(str, arguments)])
    return int(leaving.value.code or 0)


def test_a_model_that_was_never_pulled_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    assert run("--verbose") == 0
    said = capsys.readouterr().out
    assert "not pulled" in next(line for line in said.splitlines() if line.startswith("vgg19"))
    assert "vgg19-dcbb9e9d.pth" in said
    assert f"pulled models are in {tmp_path / 'models'}" in said


def test_pull_fetches_and_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = b"weights"
    home = tmp_path / "home"
    monkeypatch.setenv("RESTYLE_HOME", str(home))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("RESTYLE_OFFLINE", raising=False)
    record = catalog.find("vgg19")
    with serving(Site({"/deep/net.bin": content})) as site:
        download = Download(f"{site.address}/deep/net.bin", hashlib.sha256(content).hexdigest(), 7)
        file = replace(record.files[0], path=home / "models" / "vgg19" / "net.bin", download=download)
        monkeypatch.setattr(catalog, "records", lambda: {"vgg19": replace(record, files=(file,))})
        assert run("pull", "vgg19", "--offline") == 1
        assert "net.bin: --offline" in capsys.readouterr().err
        assert run("pull", "vgg19") == 0
        assert capsys.readouterr().out == f"{file.path}\n"
        assert site.asked == ["/deep/net.bin"]
        assert run("--verbose") == 0
        assert "net.bin: ok" in capsys.readouterr().out
        file.path.unlink()
        (tmp_path / "net.bin").write_bytes(content)
        assert run("pull", "vgg19", "--from", tmp_path / "net.bin") == 0
        assert file.path.read_bytes() == content
        assert len(site.asked) == 1
    assert run("pull", "vgg20") == 1
    assert "'vgg20'" in capsys.readouterr().err
    assert run("pull") == 2
