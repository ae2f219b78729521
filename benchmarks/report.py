"""Tables and JSON of a benchmark run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.timing import Timing

BUSY = "**The machine was busy: these figures are no measurement.**"


@dataclass(frozen=True)
class Group:
    """Candidates timed together, among which ratios may be formed.

    Parameters
    ----------
    title : str
    reference : str
        The candidate that the others are divided by: ours.
    timings : mapping of name to Timing
    """

    title: str
    reference: str
    timings: Mapping[str, Timing]

    def ratio(self, name: str) -> float:
        """Median of `name` over median of the reference; above 1 the reference is faster."""
        return self.timings[name].median / self.timings[self.reference].median


def markdown(groups: Sequence[Group], facts: Mapping[str, str], *, busy: bool) -> str:
    """The report as Markdown: facts, then one table a group.

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
    for group in groups:
        lines += ["", f"### {group.title}", ""]
        lines += [f"| | median ms | 10 to 90 % | times {group.reference} |", "| --- | ---: | ---: | ---: |"]
        for name, timing in group.timings.items():
            spread = f"{timing.low * 1e3:.0f} to {timing.high * 1e3:.0f}"
            lines.append(f"| {name} | {timing.median * 1e3:.0f} | {spread} | {group.ratio(name):.2f} |")
    return "\n".join(lines) + "\n"


def as_json(groups: Sequence[Group], facts: Mapping[str, str], *, busy: bool) -> dict[str, object]:
    """The report as plain values, with every sample in seconds."""
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
