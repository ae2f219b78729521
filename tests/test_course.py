"""The course: its code runs, is the same in both languages, and converts to notebooks."""

import re
from pathlib import Path

import pytest

from scripts import course

PAGES = course.pages()
NEEDS = {"05-johnson": ["torch", "keras"], "12-sound": []}
FEWER = {  # steps of the pages: as many as a test needs to see that a loss falls
    "04-gatys": [("STEPS, LIKENESS, SMOOTHNESS = 160, 60,", "STEPS, LIKENESS, SMOOTHNESS = 160, 24,")],
    "05-johnson": [("STEPS = 60", "STEPS = 20"), ("steps=20, warmup=5", "steps=6, warmup=2")],
    "06-many-styles": [("steps=25", "steps=8")],
    "09-kernel-size": [("steps=6", "steps=3")],
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # TensorFlow takes ten seconds and a gigabyte
    for module in NEEDS.get(page.stem, ["torch"]):
        pytest.importorskip(module)
    blocks = course.blocks(page)
    assert blocks
    for said, fewer in FEWER.get(page.stem, []):
        assert any(said in block for block in blocks)
        blocks = [block.replace(said, fewer) for block in blocks]
    monkeypatch.setattr(course, "blocks", lambda _: blocks)
    course.run(page, tmp_path)


def test_both_languages_have_the_same_pages_and_code() -> None:
    assert len(PAGES) == 12
    for page in PAGES:
        ours, theirs = (
            [re.sub(r" *#.*", "", block) for block in course.blocks(path)]  # comments are translated
            for path in (page, page.with_suffix(".zh.md"))
        )
        assert ours == theirs, page.name


def test_pictures_are_those_that_the_pages_write() -> None:
    for page in PAGES:
        shown = {Path(name).stem for name in course.PICTURE.findall(page.read_text(encoding="utf-8"))}
        code = "\n".join(course.blocks(page))
        assert all(f'"{name}.png"' in code for name in shown), page.name


def test_pages_are_notebooks(tmp_path: Path) -> None:
    pytest.importorskip("jupytext", reason="extra `docs` is not installed")
    written = course.write_notebooks(tmp_path)
    assert len(written) == 24
    import nbformat

    for page in PAGES:
        notebook = nbformat.read(tmp_path / f"{page.stem}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
        cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        assert [cell.strip() for cell in cells] == [block.strip() for block in course.blocks(page)], page.name
