"""Pages, help texts and names use plain words and American spelling."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
PYTHON = [path for name in ("src", "scripts") for path in sorted((ROOT / name).rglob("*.py"))]

# Retired word, as a regular expression -> what to write instead.
RETIRED = {
    r"\banew\b": "again",
    r"\bwhoever\b": "anyone who",
    r"\bbe it\b": "whether",
    r"\bshall\b": "will, must",
    r"\bbeside where\b": "in the current folder",
    r"\bat a glance\b": "in one pass",
    r"\bwhat of\b": "which part of",
    r"\bmanners?\b": "style, texture",
    r"\beasel\b": "problem",
    r"\bjudges?\b": "loss network, score",
    r"\bpractis(e|ed|es|ing)\b": "train, fine-tune",
    r"\byoung\b": "early",
    r"\bgo(es)? on with\b": "continue",
    r"\bfilms?\b": "video",
}
VERBS = "optim|styl|normal|initial|summar|recogn|visual|minim|regular|serial|quant|synthes|standard"
BRITISH = {
    r"colour": "color",
    r"\bgrey|_grey|grey_": "gray",
    r"centre": "center",
    r"neighbour": "neighbor",
    r"behaviour": "behavior",
    r"honour": "honor",
    rf"(?:{VERBS})is(?=e|ing|ation)": "-ize",
    r"\blicence": "license",
    r"artefact": "artifact",
    r"labelled|modelled": "labeled",
    r"\blearnt\b|_learnt|learnt_": "learned",
}
ALLOWED = re.compile(r"`[^`]*`|--keep-colours")  # code: file formats and flags keep their words


def offenders(text: str, where: str, words: dict[str, str]) -> list[str]:
    """Lines of `text` with one of the words, and what to write instead."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        rest = ALLOWED.sub("", line)
        for pattern, instead in words.items():
            if match := re.search(pattern, rest, re.IGNORECASE):
                found.append(f"{where}:{number}: '{match[0]}': write {instead}")
    return found


def names(tree: ast.AST) -> set[str]:
    """Names that a module defines."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_pages_use_plain_words() -> None:
    found = []
    for page in PAGES:
        where = str(page.relative_to(ROOT))
        found += offenders(page.read_text(encoding="utf-8"), where, RETIRED | BRITISH)
    assert not found, "\n".join(found)


def test_names_use_plain_words() -> None:
    found = []
    for path in PYTHON:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in sorted(names(tree)):
            found += offenders(name.replace("_", " "), f"{path.relative_to(ROOT)}: {name}", RETIRED | BRITISH)
    assert not found, "\n".join(found)
