"""Tables and JSON of a benchmark run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.timing import Timing

BUSY = "**The machine was busy: these figures are no measurement.**"


@dataclass(frozen=True)
class Group:
    """Candidates timed together; ratios are only formed within a group.

    Parameters
    ----------
    title : str
    reference : str
        The candidate that the others are divided by: ours.
    timings : mapping of name to Timing
    targets : mapping of name to float
        How many times as long as the reference a row is to take, at least.
    limit : float or None [seconds]
        What the reference is to take, at most.
    rivals : bool
        Whether the other rows do the same work, so that one of them being faster is a loss.
    """

    title: str
    reference: str
    timings: Mapping[str, Timing]
    targets: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    rivals: bool = True

    def ratio(self, name: str) -> float:
        """Return the median of `name` over that of the reference; above 1 the reference is faster."""
        return self.timings[name].median / self.timings[self.reference].median


def in_short(groups: Sequence[Group]) -> list[str]:
    """Return the targets and whether they are met, then every row that beats ours."""
    lines, losses = [], []
    for group in groups:
        for name, target in group.targets.items():
            came = group.ratio(name)
            lines.append(
                f"{group.title}: {came:.2f} times as fast as {name}, target {target:g}"
                f" ({'met' if came >= target else 'missed'})"
            )
        if group.limit is not None:
            took = group.timings[group.reference].median
            lines.append(
                f"{group.title}: {took * 1e3:.0f} ms, target {group.limit * 1e3:.0f} ms"
                f" ({'met' if took <= group.limit else 'missed'})"
            )
        for name in group.timings if group.rivals else ():
            if (ratio := group.ratio(name)) < 1:
                losses.append(
                    f"Loss. {group.title}: {name} takes {ratio:.2f} times as long as {group.reference}"
                )
    return lines + (losses or ["No loss: nothing measured here is faster than restyle at the same work"])


def markdown(groups: Sequence[Group], facts: Mapping[str, str], *, busy: bool) -> str:
    """Return the report as Markdown: facts, targets and losses, then one table per group.

    Parameters
    ----------
    groups : sequence of Group
    facts : mapping of name to text
        Machine, versions, seeds, counts.
    busy : bool
        Whether the machine had other work at the start.
    """
    lines = [BUSY, ""] if busy else []
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "### Summary", "", *(f"- {line}" for line in in_short(groups))]
    for group in groups:
        lines += ["", f"### {group.title}", ""]
        lines += [f"| | median ms | 10 to 90 % | times {group.reference} |", "| --- | ---: | ---: | ---: |"]
        for name, timing in group.timings.items():
            spread = f"{timing.low * 1e3:.0f} to {timing.high * 1e3:.0f}"
            lines.append(f"| {name} | {timing.median * 1e3:.0f} | {spread} | {group.ratio(name):.2f} |")
    return "\n".join(lines) + "\n"


def as_json(groups: Sequence[Group], facts: Mapping[str, str], *, busy: bool) -> dict[str, object]:
    """Return the report as plain values, with every sample in seconds."""
    return {
        "busy": busy,
        "facts": dict(facts),
        "groups": [
            {
                "title": group.title,
                "reference": group.reference,
                "rows": [
                    {
                        "name": name,
                        "median": timing.median,
                        "low": timing.low,
                        "high": timing.high,
                        "ratio": group.ratio(name),
                        "samples": list(timing.samples),
                    }
                    for name, timing in group.timings.items()
                ],
            }
            for group in groups
        ],
    }
