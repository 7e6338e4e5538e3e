"""The commands that a section of docs/servers.md gives."""

import shlex

from tests.support.workspaces import REPOSITORY


def commands(section: str, start: str, word: str) -> list[list[str]]:
    """The commands of a section that start so and have a word in them, split as by a shell."""
    page = (REPOSITORY / "docs" / "servers.md").read_text().replace("\\\n", "")
    text = page.partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [each.strip() for each in text.splitlines() if each.startswith("    ")]
    return [shlex.split(each) for each in lines if each.startswith(start) and word in each]
