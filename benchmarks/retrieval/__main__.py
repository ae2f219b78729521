"""Which metric recognizes artists?

    python -m benchmarks.retrieval             # the study: out/retrieval.md, .json, .png
    python -m benchmarks.retrieval --docs      # the same into docs/lab/benchmarks
    python -m benchmarks.retrieval --codes     # with style codes of all works, not only of some
    python -m benchmarks.retrieval --hold-out  # was the encoder trained on its test data? (needs torch)
    python -m benchmarks.retrieval --details   # does the code of a detail find the work that it was cut from?
    python -m benchmarks.retrieval --fit       # fit the shipped metric again, on all works

Features, style codes and Wasserstein distances are stored under out/retrieval by the hash of the weights. So
after a change of the arbitrary-style network, only codes are computed again: half a second of one core per
work, for 522 works, or for all 2,751 with --codes. The rest takes two minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe
from benchmarks.retrieval import details, fitting, holdout, report, works
from benchmarks.retrieval.distances import BASELINES, all_pairs, code_pairs, cosines, gaussian_pairs
from benchmarks.retrieval.report import LINEAR, OURS, Row
from benchmarks.retrieval.scoring import Distances, answer
from restyle.compare import metrics
from restyle.models import arbitrary, catalog
from restyle.models.session import EMBEDDED, LAYERS, FeatureEncoder

FOLDS = 5
# Sections that other options write: --hold-out and --details.
KEPT = {
    "HOLDOUT.md": "Does it matter that the encoder has seen the works?",
    "DETAILS.md": "Does a detail find the work that it was cut from?",
}
FEW = 6  # works of each artist in the small set
ABOUT = {
    "histogram": "color histogram, Hellinger",
    "histogram intersection": "color histogram, intersection",
    "raw Gram": "Gram matrices, mean squared difference",
    "gram": "Gram matrices, relative gap",
    LINEAR: "the blocks of the style vector, no fitted map",
    OURS: "style vector, fitted on other artists",
}


def folds(artists: npt.NDArray[np.str_], seed: int = 0) -> npt.NDArray[np.intp]:
    """Return the fold of each work; all works of an artist are in one fold."""
    names, which = np.unique(artists, return_inverse=True)
    place = np.random.default_rng(seed).permutation(len(names)) % FOLDS
    return np.asarray(place[which])


def fitted(measured: works.Measured, labels: works.Labels) -> Iterator[tuple[str, Distances]]:
    """Yield the style vectors before and after the projection, fitted without the artist of the query."""
    fold = folds(labels.artists)
    linear = np.empty((len(measured), len(measured)), np.float32)
    mapped = np.empty_like(linear)
    for each in range(FOLDS):
        metric = fitting.fit(measured, labels.artists, fold != each)
        asking = fold == each
        plain, vectors = fitting.applied(metric, measured)
        linear[asking] = cosines(plain)[asking]
        mapped[asking] = cosines(vectors)[asking]
        print(f"fold {each + 1} of {FOLDS} fitted", flush=True)
    yield LINEAR, linear
    yield OURS, mapped


def within_folds(distances: Distances, labels: works.Labels, among: npt.NDArray[np.bool_]) -> Distances:
    """Restrict the gallery to works that were not fitted on: works of other folds are infinitely far."""
    fold = folds(labels.artists)
    near = np.where(fold[:, None] == fold, distances, np.float32(np.inf))
    return np.asarray(near[np.ix_(among, among)], np.float32)


def few_works(labels: works.Labels) -> npt.NDArray[np.intp]:
    """Return the rows of the small set: the first works of every artist with enough works."""
    rows = np.flatnonzero(labels.wikiart)
    own = labels.artists[rows]
    return np.concatenate([rows[own == name][:FEW] for name in np.unique(own) if (own == name).sum() >= FEW])


def wasserstein(measured: works.Measured, rows: npt.NDArray[np.intp], cache: Path, workers: int) -> Distances:
    """Compute the Wasserstein distances of the small set, or load them: seven minutes of one core."""
    layers = []
    for layer in LAYERS:
        path = cache / f"{layer}.npy"
        if not path.exists():
            np.save(path, gaussian_pairs(measured, rows, layer, workers))
            print(f"wasserstein: {layer}", flush=True)
        layers.append(np.load(path))
    return np.asarray(np.mean(layers, 0), np.float32)


def row_of(name: str, distances: Distances, artists: npt.NDArray[np.str_]) -> Row:
    about = ABOUT.get(name) or metrics.find(name).about
    return Row(name, about, answer(distances, artists), name in BASELINES)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, default=works.ROOT / "out" / "retrieval", metavar="FOLDER")
    parser.add_argument("--docs", action="store_true", help="write to docs/lab/benchmarks instead of out")
    parser.add_argument("--limit", type=int, metavar="N", help="use only about N works, for a quick run")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of the networks")
    parser.add_argument("--codes", action="store_true", help="style codes of all works, not only of the few")
    parser.add_argument("--quick", action="store_true", help="skip the set for slow metrics")
    parser.add_argument("--fit", action="store_true", help="write the shipped metric, fitted on all works")
    parser.add_argument(
        "--hold-out",
        action="store_true",
        help="train encoders with and without half the artists",
    )
    parser.add_argument("--details", action="store_true", help="retrieve presets by parts of their artworks")
    chosen = parser.parse_args(arguments)

    data = works.data_folder()
    if not (data / "labels.tsv").is_file():
        parser.exit(1, f"no {data / 'labels.tsv'}: set RESTYLE_SHARED to the folder that holds data/\n")
    labels = works.labels(data, chosen.limit)
    workers = chosen.threads or len(os.sched_getaffinity(0))
    if chosen.hold_out:
        if chosen.limit is not None:
            parser.exit(0, holdout.compare(labels, data, chosen.cache / "trial", workers, holdout.TRIAL))
        text = holdout.compare(labels, data, chosen.cache / "hold-out", workers)
        (Path(__file__).parent / "HOLDOUT.md").write_text(text, encoding="utf-8")
        parser.exit(0, text)
    if chosen.details:
        text = details.table(data.parent, arbitrary.load(threads=1), workers)
        (Path(__file__).parent / "DETAILS.md").write_text(text, encoding="utf-8")
        parser.exit(0, text)
    encoder = FeatureEncoder(threads=1)
    measured = works.measure(labels, encoder, chosen.cache, workers)
    if chosen.fit:
        everything = np.ones(len(measured), bool)
        path = catalog.find(EMBEDDED).file("metric").path
        metric = fitting.fit(measured, labels.artists, everything)
        digest = hashlib.sha256(encoder.file.read()).hexdigest()
        path.write_bytes(replace(metric, encoder=digest).to_bytes())
        parser.exit(
            0, f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; now run scripts/refresh_catalog.py\n"
        )
    model = arbitrary.load(threads=1)
    codes = works.encode(labels, model, chosen.cache, workers) if chosen.codes else None
    few = few_works(labels)

    wikiart = labels.wikiart
    names = labels.artists[wikiart]
    parts: list[Row] = []
    layers: list[Row] = []
    whole: list[Row] = []
    strict: list[Row] = []
    some: list[Row] = []
    for name, distances in (*all_pairs(measured, codes), *fitted(measured, labels)):
        on_set = row_of(name, distances[np.ix_(wikiart, wikiart)], names)
        (layers if ":" in name else parts).append(on_set)
        if ":" not in name:
            whole.append(row_of(name, distances, labels.artists))
            strict.append(row_of(name, within_folds(distances, labels, wikiart), names))
            some.append(row_of(name, distances[np.ix_(few, few)], labels.artists[few]))
        print(f"{name}: mAP {on_set.answers.precision.mean():.4f}", flush=True)
    if not chosen.quick:
        kept = chosen.cache / f"wasserstein-{works.key_of(labels.only(few), encoder.file.read())}"
        kept.mkdir(exist_ok=True)
        slow = [("wasserstein", wasserstein(measured, few, kept, workers))]
        if codes is None:
            slow += code_pairs(works.encode(labels.only(few), model, chosen.cache, workers))
        some += [row_of(name, distances, labels.artists[few]) for name, distances in slow]

    folder = works.ROOT / ("docs/lab/benchmarks" if chosen.docs else "out")
    folder.mkdir(parents=True, exist_ok=True)
    title = f"Works by the same artist among {len(names):,} of WikiArt, {len(np.unique(names))} artists"
    report.plot(parts, title).save(folder / "retrieval.png", optimize=True)
    text = (Path(__file__).parent / "INTRODUCTION.md").read_text(encoding="utf-8")
    # Links from here to docs/ become links between the pages of docs/.
    text = text.replace("](../../docs/lab/benchmarks/", "](").replace("](../../docs/", "](../../")
    sections = {
        f"{title}": report.table(parts),
        "The same, only works of artists that the map was not fitted on": report.table(strict),
        f"All {len(labels.artists):,} labeled works, Van Gogh's 350 too": report.table(whole),
        "Layers by themselves": report.table([*layers, *(row for row in parts if row.baseline)]),
    }
    if not chosen.quick:
        heading = f"{FEW} works each of {len(few) // FEW} artists, with the metrics that take long"
        sections[heading] = report.table(some)
    for name, heading in KEPT.items():
        sections[heading] = (Path(__file__).parent / name).read_text(encoding="utf-8")
    text += "".join(f"\n### {heading}\n\n{body}\n" for heading, body in sections.items())
    taken = {"style codes of": model.name, **describe()}
    text += "\n### Taken with\n\n" + "".join(f"- {name}: {value}\n" for name, value in taken.items())
    (folder / "retrieval.md").write_text(text, encoding="utf-8")
    figures = {"wikiart": parts, "strict": strict, "all": whole, "layers": layers, "few": some}
    found = {name: report.values(rows) for name, rows in figures.items()}
    (folder / "retrieval.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{folder / 'retrieval.md'}")


if __name__ == "__main__":
    main()
