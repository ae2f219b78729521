"""What a release needs is there, and what is wrong is named."""

import shutil
from pathlib import Path

import pytest

import restyle
from scripts import release


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in (*release.FILES, ".ci/run", "scripts/docs", "scripts/release.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(release.ROOT / name, tmp_path / name)
    return tmp_path


def test_this_repository_can_be_released() -> None:
    assert release.repository_faults(release.ROOT, restyle.__version__) == []


def test_missing_files_and_other_versions_are_named(repository: Path) -> None:
    assert release.repository_faults(repository, restyle.__version__) == []
    assert len(release.repository_faults(repository, "9.9")) == 2
    (repository / "scripts/docs").unlink()
    (fault,) = release.repository_faults(repository, restyle.__version__)
    assert fault.endswith("scripts/docs --site")
    (repository / "SECURITY.md").unlink()
    assert release.repository_faults(repository, restyle.__version__) == ["SECURITY.md is missing"]


def test_recipe_and_formula_name_archive_and_dependencies(tmp_path: Path) -> None:
    sdist = tmp_path / "restyle-1.0.tar.gz"
    sdist.write_bytes(b"archive")
    recipe, formula = release.conda_recipe("1.0", sdist), release.homebrew_formula("1.0", sdist)
    assert release.package_faults(recipe, formula, "1.0", sdist) == []
    sdist.write_bytes(b"another")
    assert release.package_faults(recipe, formula[:-4], "1.1", sdist) == [
        "recipe.yaml: version",
        "recipe.yaml: sha256",
        "restyle.rb: version",
        "restyle.rb: sha256",
        "restyle.rb: blocks",
    ]
