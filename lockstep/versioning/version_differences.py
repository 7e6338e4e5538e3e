"""In which versions of libraries two experiments differ."""

from typing import NamedTuple

from lockstep.config.versions import pinned
from lockstep.storage import layout
from lockstep.versioning.side import LIBRARIES, Side


class VersionDifference(NamedTuple):
    """A library's version on both sides; empty where it isn't listed."""

    library: str
    a: str
    b: str
    decides: bool  # it is listed in versions.txt, on which stages depend


def version_differences(a: Side, b: Side) -> list[VersionDifference]:
    """Return the lines that differ of versions.txt, and then of requirements.lock."""
    found: dict[str, VersionDifference] = {}
    for path in (LIBRARIES, layout.REQUIREMENTS):
        before, after = pinned(a.text(path)), pinned(b.text(path))
        for name in dict.fromkeys([*before, *after]):
            old, new = before.get(name, ""), after.get(name, "")
            if old != new:
                each = VersionDifference(name, old, new, path == LIBRARIES)
                found.setdefault(name, each)
    return list(found.values())
