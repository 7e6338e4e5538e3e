"""Reads many objects of a git repository by one process; nothing is checked out."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lockstep.storage import git
from lockstep.storage.checkout import folder_in_repository

Entry = tuple[bool, str]  # of a tree: whether it is a folder, and its id
FOLDER = b"40000"  # its mode


class _Search(NamedTuple):
    """A file that is looked for: in which tree, and the path that is left in a folder of it."""

    place: int
    path: Path
    parts: tuple[str, ...]
    folder: str


def read_objects(root: Path, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the content of each object, once; those that are missing are left out."""
    wanted = list(dict.fromkeys(ids))
    command = git.command("cat-file", "--batch", "--buffer")
    # From a file: git would stop reading a pipe while nobody reads what it writes.
    with tempfile.TemporaryFile() as requests:
        requests.write("".join(f"{each}\n" for each in wanted).encode())
        requests.seek(0)
        with subprocess.Popen(command, cwd=root, stdin=requests, stdout=subprocess.PIPE) as process:
            assert process.stdout  # noqa: S101  # stdout=PIPE
            for each in wanted:
                *_, size = process.stdout.readline().split()
                if size != b"missing":
                    yield each, process.stdout.read(int(size) + 1)[:-1]


def find_files(root: Path, trees: Sequence[str], paths: Sequence[Path]) -> list[dict[Path, str]]:
    """Return the ids of the project's files at these paths in each tree, of those it has."""
    found: list[dict[Path, str]] = [{} for _ in trees]
    above = folder_in_repository(root)
    left = [
        _Search(place, path, (above / path).parts, tree)
        for place, tree in enumerate(trees)
        for path in paths
    ]
    while left:
        names = {os.fsencode(each.parts[0]): each.parts[0] for each in left}
        folders = {
            folder: dict(_entries(content, folder, names))
            for folder, content in read_objects(root, (each.folder for each in left))
        }
        deeper = []
        for each in left:
            (name, *rest), entries = each.parts, folders.get(each.folder, {})
            is_folder, entry = entries.get(name, (not rest, ""))
            if rest and is_folder:
                deeper.append(each._replace(parts=tuple(rest), folder=entry))
            elif not rest and not is_folder:
                found[each.place][each.path] = entry
        left = deeper
    return found


def _entries(content: bytes, tree: str, names: dict[bytes, str]) -> Iterator[tuple[str, Entry]]:
    """Yield entries of a tree by name; each is stored as `MODE NAME`, a zero byte, and the id."""
    start, length = 0, len(tree) // 2
    while start < len(content):
        end = content.index(b"\0", start)
        mode, _, name = content[start:end].partition(b" ")
        start = end + 1 + length
        if name in names:
            yield names[name], (mode == FOLDER, content[end + 1 : start].hex())
