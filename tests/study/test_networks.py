from pathlib import Path
from typing import Any

from PIL import Image

from restyle.study.networks import answer, groups, write_report


def result(kernel: int, seed: int, total: float) -> dict[str, Any]:
    return {
        "setting": {"kernel_size": kernel},
        "seed": seed,
        "steps": 100 // kernel,
        "parameters": 1000 * kernel,
        "paint": 0.1 * kernel,
        "losses": {"total": total, "style": total / 2, "content": total / 3},
    }


CLEAR = [result(3, 1, 0.20), result(5, 1, 0.30), result(3, 2, 0.22), result(5, 2, 0.28)]
CLOSE = [result(3, 1, 0.20), result(5, 1, 0.21), result(3, 2, 0.24), result(5, 2, 0.26)]


def test_the_answer_depends_on_the_variation_over_seeds() -> None:
    assert "**kernel-size 3** (0.2100)" in answer(groups(CLEAR))
    assert "+38.1%" in answer(groups(CLEAR))
    assert "All 2 seeds of the best" in answer(groups(CLEAR))
    assert "may be chance" in answer(groups(CLOSE))
    assert "only one seed each" in answer(groups(CLEAR[:2]))


def test_report_has_table_plot_and_pictures(tmp_path: Path) -> None:
    for kernel in (3, 5):
        run = tmp_path / "runs" / f"kernel-size-{kernel}_seed-1"
        run.mkdir(parents=True)
        Image.new("RGB", (40, 30), "blue").save(run / "art.png")
    text = write_report(tmp_path, "Study: kernel-size", ["Facts."], CLEAR).read_text()
    assert "| kernel-size 3 | 2 | 3 k | 33 | 0.30 | 0.2100 (0.2000 to 0.2200) | 0.1050 | 0.0700 |" in text
    assert text.startswith("# Study: kernel-size\n\nFacts.\n")
    for name in ("quality.png", "pictures.png"):
        assert f"({name})" in text
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 80
