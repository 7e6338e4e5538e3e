"""What a stage wrote when it ran earlier, as far as DVC's cache still has it."""

from collections.abc import Collection, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.utils.serialize import dumps_yaml, parse_yaml
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import ObjectFormatError, Tree

from lockstep.storage import layout
from lockstep.versioning.recorded import recorded_stages
from lockstep.versioning.repository import read_repository, stages_in_order

Entry = dict[str, Any]  # of a stage, in dvc.lock and in the run cache


def locked_params(root: Path, stage: str) -> dict[str, Any]:
    """Return the parameters with which dvc.lock has a stage's outputs, by dotted key."""
    values = _locked(root, stage).get("params", {}).get(str(layout.PARAMS), {})
    return dict(values)


def earlier_folders(
    root: Path, stage: str, out: Path, differing: Collection[str]
) -> Iterator[dict[str, Path]]:
    """Yield the files, by name, of a folder that a stage wrote: what dvc.lock has, then others.

    The others are those of the run cache that had the same parameters but for the `differing` ones,
    as dotted keys. Folders of which a file is missing are left out.
    """
    with read_repository(root) as repo:
        hashes = (_hash_of(entry, out) for entry in _entries(repo, root, stage, differing))
        for md5 in dict.fromkeys(each for each in hashes if each):
            files = _files(repo, md5)
            if files:
                yield files


def files_of_folder(root: Path, md5: str) -> dict[str, Path]:
    """Return the paths in DVC's cache of a folder's files by name; none if one is missing."""
    with read_repository(root) as repo:
        return _files(repo, md5)


def _entries(repo: Repo, root: Path, stage: str, differing: Collection[str]) -> Iterator[Entry]:
    locked = _locked(root, stage)
    yield locked
    command = locked.get("cmd") or f"python -m tasks {stage}"
    parts = [command, *_lines_of_params(repo, stage, differing)]
    for file in sorted(Path(repo.stage_cache.cache_dir).glob("*/*/*")):
        text = file.read_text(encoding="utf-8")
        # Parsing takes tens of milliseconds, and most entries are those of other experiments.
        entry = parse_yaml(text, str(file)) if all(part in text for part in parts) else None
        if isinstance(entry, dict) and entry.get("cmd") == command:
            yield entry


def _lines_of_params(repo: Repo, stage: str, differing: Collection[str]) -> Iterator[str]:
    """The lines of each parameter of a stage as DVC writes them to the run cache."""
    deps = [dep for each in stages_in_order(repo) if each.name == stage for dep in each.deps]
    for dep in deps:
        if isinstance(dep, ParamsDependency):
            for name, value in dep.read_params().items():
                if name not in differing:
                    yield indent(dumps_yaml({name: value}), " " * 4)


def _locked(root: Path, stage: str) -> Entry:
    return dict(recorded_stages(root).get(stage) or {})


def _hash_of(entry: Entry, out: Path) -> str:
    found = (each.get("md5", "") for each in entry.get("outs", ()) if each["path"] == str(out))
    return next(found, "")


def _files(repo: Repo, md5: str) -> dict[str, Path]:
    """The folder's files in the cache by name; none if one is missing."""
    cache = repo.cache.local
    try:
        tree = Tree.load(cache, HashInfo("md5", md5))
    except (FileNotFoundError, ObjectFormatError):
        return {}
    found = {
        "/".join(name): Path(cache.oid_to_path(each.value))
        for name, (_, each) in tree.as_dict().items()
    }
    return found if all(path.exists() for path in found.values()) else {}
