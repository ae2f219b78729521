"""Writes the reference of the command line from the command line itself, with no figure typed twice."""

import sys
from pathlib import Path
from typing import Any

from restyle.cli.app import COMMANDS, load_command

HEADER = """# Commands

Made by `scripts/docs` from the commands themselves; a test fails when this page is stale.
"""


def reference() -> str:
    """The page as Markdown: a section a command, a table of its arguments and options."""
    parts = [HEADER]
    for name in COMMANDS:
        parts += _section(f"restyle {name}", load_command(name))
    return "\n".join(parts)


def _section(title: str, command: Any) -> list[str]:
    """One command and, where it is a group, those below it."""
    with command.context_class(command, info_name=title, terminal_width=100) as context:
        usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
        parts = [f"## `{title}`\n", f"{_paragraphs(command.help)}\n", f"Usage: `{usage}`\n"]
        records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [f"| `{_cell(name)}` | {_cell(text)} |" for name, text in filter(None, records)]
    if rows:
        parts.append("\n".join(["| option | meaning |", "| --- | --- |", *rows]) + "\n")
    for name, below in getattr(command, "commands", {}).items():
        parts += _section(f"{title} {name}", below)
    return parts


def _paragraphs(text: str | None) -> str:
    """Help text as Markdown; its example lines, which begin with the program's name, as one block."""
    blocks = [" ".join(block.split()) for block in (text or "").partition("\f")[0].split("\n\n")]
    prose = [block for block in blocks if block and not block.startswith("restyle ")]
    examples = [block for block in blocks if block.startswith("restyle ")]
    if examples:
        prose.append("\n".join(["```", *examples, "```"]))
    return "\n\n".join(prose)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
