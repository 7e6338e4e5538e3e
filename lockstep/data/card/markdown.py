"""A data card as Markdown, with pictures in the folder beside it."""

import html
import re
from collections.abc import Iterable

from lockstep.data.card.sections import Section

SPECIAL = re.compile(r"([\\`*_\[\]|#~$])")


def as_markdown(sections: Iterable[Section], folder: str) -> str:
    """Return the Markdown of the sections; pictures are in `folder`."""
    return "\n".join(line for each in sections for line in _lines(each, folder))


def _lines(section: Section, folder: str) -> list[str]:
    lines = [f"## {_plain(section.title)}", ""]
    lines += [*(f"- {_plain(line)}" for line in section.lines), ""] if section.lines else []
    if section.rows:
        lines += [_row(section.header), "|---" * len(section.header) + "|"]
        lines += [*map(_row, section.rows), ""]
    if section.picture:
        lines += [f"![{_plain(section.title)}]({folder}/{section.picture})", ""]
    return lines


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """A text that no Markdown reader takes for markup."""
    return SPECIAL.sub(r"\\\1", html.escape(text, quote=False))
