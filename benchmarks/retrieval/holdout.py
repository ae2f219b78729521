"""Does it matter that the encoder was trained on the pictures that it is tried on?

Two encoders of one small recipe and seed: one trained on all style pictures, one on those that are not by a
held-out artist. Both answer the works of the held-out artists; the style metric is fitted on the others.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.retrieval import fitting, works
from benchmarks.retrieval.distances import all_pairs, cosines
from benchmarks.retrieval.report import LINEAR, OURS
from benchmarks.retrieval.scoring import Answers, answer, ratio
from restyle.models.catalog import ModelFile
from restyle.models.features import FeatureEncoder

SHOWN = ("gram", "moments", LINEAR, OURS)


def held_artists(labels: works.Labels) -> list[str]:
    """Every second artist in the order of the alphabet."""
    return sorted(set(labels.artists.tolist()))[1::2]


def link_others(source: Path, labels: works.Labels, folder: Path) -> tuple[int, int]:
    """Link the style pictures that are not by a held-out artist; tell how many are linked and left out."""
    out = set(held_artists(labels))
    held = {path.name for path, artist in zip(labels.paths, labels.artists, strict=True) if artist in out}
    folder.mkdir(parents=True, exist_ok=True)
    kept = [path for path in sorted(source.iterdir()) if path.name not in held]
    for path in kept:
        link = folder / path.name
        if not link.is_symlink():
            link.symlink_to(path.resolve())
    return len(kept), len(held)


def with_encoder(path: Path, labels: works.Labels, cache: Path, threads: int | None) -> dict[str, Answers]:
    """Answers of the held-out artists' WikiArt works with another encoder, metric by metric."""
    graph = path
    if path.suffix == ".safetensors":
        from restyle.export.encoder import export_encoder
        from restyle.nn.encoders import load_encoder

        cache.mkdir(parents=True, exist_ok=True)
        graph = cache / f"{path.stem}.onnx"
        export_encoder(load_encoder(path), graph, path.stem)
    encoder = FeatureEncoder(ModelFile("features", graph), threads=threads)
    measured = works.measure(labels, encoder, cache)
    out = np.isin(labels.artists, held_artists(labels))
    metric = fitting.fit(measured, labels.artists, ~out)
    found = {name: each for name, each in all_pairs(measured, None) if name in SHOWN}
    found[LINEAR], found[OURS] = (cosines(each) for each in fitting.applied(metric, measured))
    among = labels.wikiart
    asking = out[among]
    return {
        name: answer(each[np.ix_(among, among)], labels.artists[among], asking)
        for name, each in found.items()
    }


def seen_table(seen: dict[str, Answers], unseen: dict[str, Answers], labels: works.Labels) -> str:
    """The two encoders side by side, with the interval of their ratio, as Markdown."""
    asking = len(seen[OURS].precision)
    lines = [
        "Two encoders of one recipe, one trained on all style pictures and one without those of every second "
        f"artist of the alphabet. Queries are {asking} works of these held-out artists; the gallery is "
        f"{int(labels.wikiart.sum()):,} works of WikiArt. The style vector's map was fitted on the rest.",
        "",
        "| metric | mAP, encoder has seen them | mAP, encoder has not | seen over unseen | 95 % |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name in SHOWN:
        times = ratio(seen[name], unseen[name])
        a, b = seen[name].precision.mean(), unseen[name].precision.mean()
        lines.append(
            f"| {name} | {a:.4f} | {b:.4f} | {times.value:.3f} | {times.low:.3f} to {times.high:.3f} |"
        )
    return "\n".join(lines) + "\n"
