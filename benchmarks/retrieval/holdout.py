"""Does it matter that the encoder was trained on the pictures of the test?

Two encoders of one small recipe and seed: one trained on all style pictures, one on those that are not by a
held-out artist. Both answer the works of the held-out artists; the style metric is fitted on the others. All
of it is kept, and a run that was stopped goes on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.retrieval import fitting, works
from benchmarks.retrieval.distances import all_pairs, cosines
from benchmarks.retrieval.report import LINEAR, OURS
from benchmarks.retrieval.scoring import Answers, answer, ratio
from restyle.models.catalog import ModelFile
from restyle.models.session import FeatureEncoder
from restyle.options.train import EncoderOptions, TrainOptions

SHOWN = ("gram", "moments", LINEAR, OURS)
TEACHER = "vgg19_compact16x.safetensors"
STEPS, TRIAL = 400, 10
RECIPE = EncoderOptions(crop=64, batch=8, hint_weight=1.0)
TRAINING = TrainOptions(steps=STEPS, rate=4e-3, warmup=30, average=0.98, seed=1, save_every=50, log_every=10)


def compare(labels: works.Labels, data: Path, folder: Path, workers: int, steps: int = STEPS) -> str:
    """Train both encoders, compare their retrieval, and return the table as Markdown.

    Parameters
    ----------
    data : Path
        Folder with `style/`; the teacher is looked for in `../../teachers` from there.
    folder : Path
        Where encoders, graphs and measurements are kept.
    """
    kept, held = link_others(data / "style", labels, folder / "others")
    print(f"{held} works of {len(held_artists(labels))} artists held out, {kept} pictures left", flush=True)
    teacher = data.parent.parent / "teachers" / TEACHER
    files = [
        trained(name, pictures, teacher, folder, replace(TRAINING, steps=steps, threads=workers))
        for name, pictures in (("seen", data / "style"), ("unseen", folder / "others"))
    ]
    seen, unseen = (with_encoder(file, labels, folder, workers) for file in files)
    return seen_table(seen, unseen, labels)


def held_artists(labels: works.Labels) -> list[str]:
    """Return every second artist in alphabetical order."""
    return sorted(set(labels.artists.tolist()))[1::2]


def link_others(source: Path, labels: works.Labels, folder: Path) -> tuple[int, int]:
    """Link the style pictures that are not by a held-out artist; return how many are linked and left out."""
    out = set(held_artists(labels))
    held = {path.name for path, artist in zip(labels.paths, labels.artists, strict=True) if artist in out}
    folder.mkdir(parents=True, exist_ok=True)
    kept = [path for path in sorted(source.iterdir()) if path.name not in held]
    for path in kept:
        link = folder / path.name
        if not link.is_symlink():
            link.symlink_to(path.resolve())
    return len(kept), len(held)


def trained(name: str, pictures: Path, teacher: Path, folder: Path, options: TrainOptions) -> Path:
    """Train an encoder on these pictures, resume an interrupted run, or return the finished one."""
    from restyle.nn.encoders import PerceptualEncoder, save_encoder
    from restyle.train.encoder import EncoderTask
    from restyle.train.loop import Step, fit

    def report(at: Step) -> None:
        loss = at.losses["total"]
        print(f"{name}: step {at.step} of {at.steps}, loss {loss:.3f}, {at.seconds:.1f} s a step", flush=True)

    file = folder / f"{name}.safetensors"
    if not file.exists():
        run = folder / f"{name}.run"
        task = EncoderTask([pictures], [teacher], RECIPE, seed=options.seed)
        model = fit(task, run, options, resume=(run / "checkpoint.pt").exists(), callback=report)
        assert isinstance(model, PerceptualEncoder)
        save_encoder(model, file)
    return file


def with_encoder(path: Path, labels: works.Labels, cache: Path, workers: int) -> dict[str, Answers]:
    """Score the held-out artists' WikiArt works with another encoder, metric by metric."""
    from restyle.nn.encoders import load_encoder
    from restyle.train.export import export_encoder

    graph = path.with_suffix(".onnx")
    export_encoder(load_encoder(path), graph, path.stem)
    encoder = FeatureEncoder(ModelFile("features", graph), threads=1)
    measured = works.measure(labels, encoder, cache, workers)
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
    """Return both encoders side by side, with the interval of their ratio, as Markdown."""
    asking = len(seen[OURS].precision)
    lines = [
        f"Two encoders of one recipe ({STEPS} steps, {RECIPE.batch} crops of {RECIPE.crop} px), one trained "
        "on all style pictures and one without those of every second artist of the alphabet. Queries are "
        f"{asking:,} works of these held-out artists; the gallery is {int(labels.wikiart.sum()):,} works of "
        "WikiArt. The style vector's map was fitted on the rest. `python -m benchmarks.retrieval --hold-out` "
        "trains both again.",
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
