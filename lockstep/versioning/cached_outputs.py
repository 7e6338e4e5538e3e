"""The files that an experiment's stages wrote, in DVC's cache: nothing is checked out."""

import json
from pathlib import Path

from lockstep.errors import DataError
from lockstep.storage import layout
from lockstep.storage.history import read_at
from lockstep.versioning.recorded import md5s, stages_in

FOLDER = ".dir"


class CachedOutputs:
    """The outputs of a commit, which a folder of DVC's cache has."""

    def __init__(self, root: Path, cache: Path, commit: str, name: str) -> None:
        self._cache, self._name = cache, name
        self._md5s = md5s(stages_in(read_at(root, commit, layout.LOCK), name), "outs")

    def path(self, path: Path) -> Path:
        """Return where a file, or a file in a folder that is an output, is in the cache.

        Raises DataError if it isn't there.
        """
        return self._there(path, self.md5(path))

    def md5(self, path: Path) -> str:
        """Return the md5 of an output, or of a file in one; raises DataError if there is none."""
        if str(path) in self._md5s:
            return self._md5s[str(path)]
        for folder in path.parents:
            listed = self._md5s.get(str(folder), "")
            if listed.endswith(FOLDER):
                name = str(path.relative_to(folder))
                entries = self._listing(folder, listed)
                if name in entries:
                    return entries[name]
        raise DataError(
            f"{self._name}: has no {path} in {layout.LOCK}, expected a whole experiment"
        )

    def _listing(self, folder: Path, md5: str) -> dict[str, str]:
        entries = json.loads(self._there(folder, md5).read_text(encoding="utf-8"))
        return {each["relpath"]: each["md5"] for each in entries}

    def _there(self, path: Path, md5: str) -> Path:
        found = self._cache / "files" / "md5" / md5[:2] / md5[2:]
        if not found.exists():
            raise DataError(
                f"{self._name}: {path} isn't in DVC's cache; `dvc exp pull` brings it, "
                "`lockstep run` makes it again"
            )
        return found
