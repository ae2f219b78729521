"""The command reference is fresh, links lead somewhere, and the glossary has the words of the pages."""

import re
from pathlib import Path

from scripts.command_reference import reference

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_command_reference_is_fresh() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == reference(), "out of date: run scripts/docs"


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


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not target.startswith("#")
    }
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page.resolve() not in linked]
    assert not [str(page.relative_to(ROOT)) for page in pages]
