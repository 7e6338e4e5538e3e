"""A data card as text on a terminal."""

import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lockstep.data.card.sections import Section

WIDE = 200  # columns where the output is no terminal


def print_sections(sections: list[Section]) -> None:
    """Print the sections to stdout; long cells continue below where the terminal is narrow."""
    width = None if sys.stdout.isatty() else WIDE
    console = Console(width=width, soft_wrap=False, highlight=False)
    for each in sections:
        console.print(Text(each.title, "bold"))
        for line in each.lines:
            console.print(Text(f"  {line}"), soft_wrap=True)
        if each.rows:
            console.print(_table(each))
        else:
            console.print()


def _table(section: Section) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=True)
    for name in section.header:
        table.add_column(Text(name), no_wrap=name == "histogram", overflow="fold")
    for row in section.rows:
        table.add_row(*map(Text, row))
    return table
