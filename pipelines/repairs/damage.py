"""Damaged files in DVC's cache and on the default remote."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lockstep.storage import layout
from lockstep.versioning import cache_check, remotes
from pipelines.repairs.repair import Repair

IN_CACHE = f"move it to {layout.DAMAGED}: `dvc pull` fetches it, or its stage makes it again"
ON_REMOTE = "remove it there: `dvc push` sends it again"


def find(root: Path, *, remote: bool) -> Iterator[Repair]:
    """Yield the damaged files of the cache and, with `remote`, of the default remote."""
    for each in cache_check.damaged_in_cache(root):
        act = partial(cache_check.set_aside, root, each)
        yield Repair(f"{each.path}: damaged, its md5 isn't {each.md5}", IN_CACHE, act)
    if remote and remotes.default_address(root):
        for each in cache_check.damaged_on_remote(root):
            act = partial(cache_check.remove_from_remote, root, each)
            problem = f"the DVC remote's {each.path}: damaged, its md5 isn't {each.md5}"
            yield Repair(problem, ON_REMOTE, act)
