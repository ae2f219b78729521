"""How large are distances? Those between works of different artists, and of the same artist, by metric.

    python -m benchmarks.retrieval.scale

`restyle compare` prints the range between artists beside each distance (`Metric.typical`). Two works each of
60 WikiArt artists; for codes also the presets; the sounds of restyle. It takes two minutes of one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from benchmarks.retrieval import works
from restyle.compare.metrics import METRICS, Metric
from restyle.compare.subjects import Subject, measure
from restyle.models import arbitrary
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_files import preset_files
from restyle.sounds.sources import PRESETS

ARTISTS = 60
NEEDS = frozenset({each.need for each in METRICS.values()} - {"sound"})


def subjects(labels: works.Labels, model: Arbitrary, artists: int = ARTISTS) -> dict[str, list[Subject]]:
    """Artist -> the first two works, measured for every metric."""
    rows = np.flatnonzero(labels.wikiart)
    names, counts = np.unique(labels.artists[rows], return_counts=True)
    chosen = names[counts >= 2][:artists]
    return {
        str(name): [
            measure(labels.paths[row], NEEDS, model) for row in rows[labels.artists[rows] == name][:2]
        ]
        for name in chosen
    }


def spread(metric: Metric, pairs: Sequence[tuple[Subject, Subject]]) -> list[float]:
    """10th, 50th and 90th percentile of a metric over pairs."""
    found = np.percentile([metric.distance(a, b) for a, b in pairs], [10, 50, 90])
    return [float(f"{value:.2g}") for value in found]


def main() -> None:
    model = arbitrary.load(threads=1)
    works_of = subjects(works.labels(works.data_folder()), model)
    presets = [measure(name, frozenset({"code"}), model) for name in preset_files(model.record)]
    sounds = [measure(name, frozenset({"sound"}), model) for name in PRESETS]
    same = [(a, b) for a, b in works_of.values()]
    different = [
        pair for one, two in combinations(works_of.values(), 2) for pair in zip(one, two, strict=True)
    ]
    print("| metric | different artists: 10 % | median | 90 % | same artist: median |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for metric in METRICS.values():
        if metric.need == "sound":
            figures = [*spread(metric, list(combinations(sounds, 2))), "(sounds)"]
        else:
            if metric.need == "code":
                figures = [*spread(metric, list(combinations(presets, 2))), "(presets)"]
                print(f"| `{metric.name}` | {' | '.join(map(str, figures))} |")
            figures = [*spread(metric, different), spread(metric, same)[1]]
        print(f"| `{metric.name}` | {' | '.join(map(str, figures))} |", flush=True)


if __name__ == "__main__":
    main()
