"""The order of stages by what they read and write, without DVC."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath


def ordered(deps: Mapping[str, Iterable[str]], outs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names of stages, each after those whose outputs it reads.

    Both are paths by the stages' names.
    """
    makers = {path: name for name, written in outs.items() for path in written}
    before = {
        name: [makers[each] for path in read for each in itself_and_above(path) if each in makers]
        for name, read in deps.items()
    }
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError:
        return list(deps)


def needed_for(
    path: str, deps: Mapping[str, Iterable[str]], outs: Mapping[str, Iterable[str]]
) -> set[str]:
    """Return the stage that writes a path, and all those whose outputs it needs."""
    found: set[str] = set()
    wanted = [path]
    while wanted:
        above = set(itself_and_above(wanted.pop()))
        for name in [each for each, written in outs.items() if not above.isdisjoint(written)]:
            if name not in found:
                found.add(name)
                wanted += deps[name]
    return found


def itself_and_above(path: str) -> Iterator[str]:
    """Yield a path and the folders that it is in."""
    yield path
    yield from (str(each) for each in PurePosixPath(path).parents)


def is_in(path: str, folders: Iterable[str]) -> bool:
    """Return whether a path is one of these paths, or in one of them."""
    return not set(itself_and_above(path)).isdisjoint(folders)
