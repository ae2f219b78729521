"""The command reference is fresh, links lead somewhere, and the glossary has the words of the pages."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scripts import api_reference, command_reference

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("name", "module"), [("commands.md", command_reference), ("api.md", api_reference)])
def test_generated_pages_are_fresh(name: str, module: ModuleType) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert page == module.reference(), "out of date: run scripts/docs"


@pytest.mark.slow
def test_the_site_has_every_page_and_no_broken_link(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="extra `docs` is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "not included in the" not in done.stderr, "add new pages to nav in mkdocs.yml"
    assert (tmp_path / "zh" / "index.html").exists()


def test_links_lead_to_files_and_headings() -> None:
    broken = []
    for page in PAGES:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            name, _, anchor = target.partition("#")
            place = page.parent / name if name else page
            if "://" not in target and (not place.exists() or (anchor and anchor not in anchors(place))):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def glossary() -> list[str]:
    """The words of the glossary, without symbols and flags."""
    words = []
    for line in (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[-1] != "meaning" and set(cells[-1]) != set("-"):
            words += [word.strip() for word in re.sub(r"\(.*\)", "", cells[-2]).split(",")]
    return [word for word in words if word]


def test_the_pages_use_every_word_of_the_glossary() -> None:
    pages = [page.read_text(encoding="utf-8") for page in PAGES if page.name != "GLOSSARY.md"]
    text = re.sub(r"[\s-]+", " ", "\n".join(pages).lower())
    assert len(glossary()) > 50
    assert not [word for word in glossary() if word.lower().replace("-", " ") not in text]


def test_every_page_is_linked_or_in_the_navigation() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not target.startswith("#")
    }
    navigation = re.findall(r"[\w/.-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    linked |= {ROOT / "docs" / name for name in navigation}
    linked |= {page.with_suffix(".zh.md") for page in linked}
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page.resolve() not in linked]
    assert not [str(page.relative_to(ROOT)) for page in pages]


def guides() -> list[Path]:
    """The pages that exist in Chinese, too: start, gallery, guides, methods and course."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    parts = re.split(r"^  - ", navigation, flags=re.MULTILINE)
    names = ("Start here", "Gallery", "Guides", "Methods", "Course")
    wanted = [part for part in parts if part.startswith(names)]
    assert len(wanted) == 5
    return [ROOT / "docs" / name for name in re.findall(r"[\w/.-]+\.md", "".join(wanted))]


def outline(page: Path) -> dict[str, list[str]]:
    """What a page and its translation have in common."""
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {
        "code": [re.sub(r" *#.*", "", block) for block in code],  # comments are translated
        "headings": re.findall(r"^#+", prose, re.MULTILINE),
        "rows of tables": re.findall(r"^\|", prose, re.MULTILINE),
        "pictures": re.findall(r"!\[[^\]]*\]\(([^)]+)\)", prose),
    }


def test_no_guide_lags_behind_its_twin() -> None:
    lagging = []
    for page in guides():
        twin = page.with_suffix(".zh.md")
        if not twin.exists():
            lagging.append(f"{twin.relative_to(ROOT)} is missing")
            continue
        ours, theirs = outline(page), outline(twin)
        lagging += [f"{twin.relative_to(ROOT)}: other {key}" for key in ours if ours[key] != theirs[key]]
    assert not lagging
