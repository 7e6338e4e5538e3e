"""The commands that pages of docs/ give: indented lines, but for those of other languages."""

import re
import shlex
from collections.abc import Mapping

from tests.support.workspaces import REPOSITORY

FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def commands(section: str, start: str, word: str) -> list[list[str]]:
    """The commands of a section of docs/servers.md that start so and have a word in them.

    They are split as by a shell.
    """
    text = _text("servers.md").partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [line for block in _blocks(text) for line in block]
    return [shlex.split(each) for each in lines if each.startswith(start) and word in each]


class Page:
    """A page whose commands are run, block by block; it knows those that haven't been."""

    def __init__(self, name: str, values: Mapping[str, str]) -> None:
        self._left = {
            (section.partition("\n")[0], number): block
            for section in re.split(r"^#+ ", _text(name), flags=re.MULTILINE)
            for number, block in enumerate(_blocks(section))
        }
        self._blocks, self.values = dict(self._left), dict(values)

    @property
    def left(self) -> list[list[str]]:
        """The blocks that nobody has taken."""
        return list(self._left.values())

    def take(self, section: str, number: int = 0, **words: str) -> list[str]:
        """The lines of a section's block, with the test's values, and in place of these words."""
        self._left.pop((section, number), None)
        return [self._with_values(line, words) for line in self._blocks[section, number]]

    def _with_values(self, line: str, words: Mapping[str, str]) -> str:
        for text, value in self.values.items():
            assert "..." not in value
            line = line.replace(text, value)
        for word, value in words.items():
            line = re.sub(rf"\b{word}\b", value, line)
        assert "..." not in line, line
        return line


def _text(name: str) -> str:
    page = (REPOSITORY / "docs" / name).read_text(encoding="utf-8").replace("\\\n", "")
    return FENCED.sub("", page)


def _blocks(text: str) -> list[list[str]]:
    """The groups of indented lines."""
    found = re.findall(r"(?:^    .*\n)+", f"{text}\n", re.MULTILINE)
    return [[line.strip() for line in block.splitlines()] for block in found]
