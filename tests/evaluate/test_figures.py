"""The columns of a report."""

from restyle.evaluate.figures import BY_NAME, FIGURES, shown


def test_names_are_unique_and_explained() -> None:
    assert len(BY_NAME) == len(FIGURES)
    assert all(figure.about for figure in FIGURES)


def test_figures_on_our_encoder_are_not_called_as_those_on_standard_networks() -> None:
    for ours, theirs in (("perceptual", "lpips-alex"), ("frechet", "fid"), ("art", "art-fid")):
        assert "in kind, on another network" in BY_NAME[ours].about
        assert theirs in BY_NAME


def test_only_similarity_is_better_when_higher() -> None:
    assert [figure.name for figure in FIGURES if figure.higher] == ["ssim"]


def test_shown() -> None:
    assert shown("style", 0.12345) == "0.1235"
    assert shown("art", float("nan")) == "-"
