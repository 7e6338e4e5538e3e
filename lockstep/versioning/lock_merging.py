"""Merge two dvc.lock stage by stage: the driver that git calls, see git_merging.py.

A stage's entry says that its command has made these outputs of these inputs. Merged line by line it
could say so of inputs and outputs that no run had: each entry is taken whole, and DVC compares it
with the files. This file is run alone, by any Python from 3.9 on, and imports nothing of the
project.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SECTION = re.compile(r"^(?=[^\s#])", re.MULTILINE)  # begins with `schema:` or `stages:`
ENTRY = re.compile(r"^(?=  [^\s#-])", re.MULTILINE)  # begins with a stage's name
MARK = re.compile(r"^(?:<{7}|>{7})", re.MULTILINE)  # of a conflict
STAGES = "stages"


def merged(base: str, ours: str, theirs: str) -> str:
    """Return a dvc.lock with each stage's entry as the side has it that has changed it.

    It is that of `ours` if both have. A side that isn't whole is left out; empty if both aren't.
    """
    whole = [each for each in (ours, theirs) if _is_whole(each)]
    if len(whole) == 1:
        return whole[0]
    texts = (base if _is_whole(base) else "", ours, theirs)
    found = _three_way(*(_sections(each) for each in texts)) if whole else {}
    entries = _three_way(*(_entries(each) for each in texts)) if whole else {}
    if entries:
        found[STAGES] = f"{STAGES}:\n{''.join(entries.values())}"
    return "".join(found.values())


def _is_whole(text: str) -> bool:
    return text.endswith("\n") and not MARK.search(text)


def _sections(text: str) -> dict[str, str]:
    return {each.partition(":")[0]: each for each in SECTION.split(text) if each.strip()}


def _entries(text: str) -> dict[str, str]:
    blocks = ENTRY.split(_sections(text).get(STAGES, ""))[1:]
    return {each.partition("\n")[0]: each for each in blocks}


def _three_way(
    base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]
) -> dict[str, str]:
    names = dict.fromkeys([*ours, *theirs])
    taken = {
        name: (theirs if ours.get(name) == base.get(name) else ours).get(name, "") for name in names
    }
    return {name: each for name, each in taken.items() if each}


def main(files: list[str]) -> int:
    """Merge the files of the base, of ours and of theirs that git names, into that of ours."""
    texts = [Path(each).read_bytes().decode("utf-8", errors="replace") for each in files]
    found = merged(*texts)
    if found:
        Path(files[1]).write_bytes(found.encode("utf-8"))
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
