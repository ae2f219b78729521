"""The figures of a report: name, meaning, direction and paper of each. Adding one is one row here.

The functions are in the other modules of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["pair", "set", "run"]


@dataclass(frozen=True)
class Figure:
    """One column of a report.

    Parameters
    ----------
    name : str
        Column heading and JSON key.
    about : str
        Meaning in one line, with the paper.
    scope : "pair", "set" or "run"
        Mean over pairs, one figure for all results, or a property of the run.
    higher : bool
        Whether higher is better.
    digits : int
        After the decimal point.
    published : bool
        A loss as published, shown in a separate table.
    """

    name: str
    about: str
    scope: Scope = "pair"
    higher: bool = False
    digits: int = 4
    published: bool = False


FIGURES: tuple[Figure, ...] = (
    Figure("style", "distance of Gram matrices, relu1_1 to relu5_1, scale-free, 0..2 (Gatys et al. 2016)"),
    Figure("content", "distance of features at relu4_1, scale-free, 0..2 (Gatys et al. 2016)"),
    Figure(
        "perceptual",
        "distance to the content of features of length 1, summed over five layers, unweighted"
        " (Zhang et al. 2018; LPIPS in kind, on another network)",
    ),
    Figure(
        "ssim", "structural similarity of the luma to the content, 1 is the same (Wang et al. 2004)",
        higher=True
    ),
    Figure(
        "frechet",
        "distance of all results to all styles, as clouds of features of picture parts, over the styles'"
        " variance (Heusel et al. 2017; FID in kind, on another network)",
        scope="set",
    ),
    Figure(
        "art",
        "(1 + perceptual)(1 + frechet) (Wright and Ommer 2022; ArtFID in kind, on another network)",
        scope="set",
        digits=3,
    ),
    Figure(
        "grid",
        "dB of the strongest periodic line of 2 to 8 px that the content lacks"
        " (after Odena et al. 2016, Durall et al. 2020)",
        digits=2,
    ),
    Figure("blur", "blur effect of the result alone, 0 sharp, 1 blurred (Crete et al. 2007)"),
    Figure("clipping", "share of pixels clipped to pure black or white, beyond that of content and style"),
    Figure(
        "temporal",
        "videos: warping error along the content's motion, in thousandths (Lai et al. 2018; TV-L1 flow of"
        " Zach et al. 2007)",
        digits=3,
    ),
    Figure("lpips-alex", "LPIPS 0.1 on AlexNet, to the content (Zhang et al. 2018)"),
    Figure(
        "fid",
        "Frechet Inception distance of all results to all styles (Heusel et al. 2017)",
        scope="set",
        digits=2,
    ),
    Figure(
        "art-fid",
        "(1 + lpips-alex)(1 + fid): ArtFID (Wright and Ommer 2022), but with the Inception of FID, not one"
        " trained on artworks",
        scope="set",
        digits=2,
    ),
    Figure("seconds", "median time to stylize a picture or a frame on this machine", scope="run", digits=3),
    Figure("gatys-style", "style loss, eqs. 4 and 5 of Gatys et al. 2016", published=True, digits=6),
    Figure("gatys-content", "content loss, eq. 1 of Gatys et al. 2016, for each position", published=True),
    Figure("adain-style", "style loss, eq. 13 of Huang and Belongie 2017", published=True),
    Figure(
        "adain-content",
        "content loss, eq. 12 of Huang and Belongie 2017: to the content with the style's moments",
        published=True,
    ),
)  # fmt: skip

BY_NAME = {figure.name: figure for figure in FIGURES}


def shown(name: str, value: float) -> str:
    """Format a figure; NaN is a dash.

    Examples
    --------
    >>> shown("grid", 1.234), shown("style", float("nan"))
    ('1.23', '-')
    """
    return "-" if value != value else f"{value:.{BY_NAME[name].digits}f}"
