"""What `reproduce` would do with each stage, and why, found out without doing it."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.stage.cache import _get_cache_hash
from dvc.stage.serialize import to_single_stage_lockfile
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.tree import Tree

from lockstep.versioning.repository import opened, stages_in_order

RUN, SKIP, RESTORE, MAYBE = "run", "skip", "restore", "maybe"
MISSING, UNKNOWN = object(), object()  # in place of a file's hash: there is none; not before a run


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What would become of a stage."""

    stage: str
    action: str  # RUN, SKIP, RESTORE or MAYBE
    reasons: list[str]


def forecast(root: Path, checked_out: bool = False) -> list[Forecast]:
    """Return what would become of each stage, in order; nothing is run or written.

    `checked_out` supposes that what dvc.lock names has been fetched from the cache first.
    """
    with chdir(root), opened(root) as repo:  # as reproduce does
        forecaster = _Forecaster(repo, checked_out)
        return [forecaster.add(stage) for stage in stages_in_order(repo)]


class _Forecaster:
    """Goes through the stages in order, and knows what each output would be by then."""

    def __init__(self, repo: Repo, checked_out: bool) -> None:
        self.repo = repo
        self.checked_out = checked_out
        self.outputs: dict[str, Any] = {}  # path to hash
        self.makers: dict[str, str] = {}  # path to stage

    def add(self, stage: PipelineStage) -> Forecast:
        """Tell what would become of the next stage."""
        outputs = {out.fs_path: UNKNOWN for out in stage.outs}
        hashes = {
            dep.fs_path: self._hash_of(dep)
            for dep in stage.deps
            if not isinstance(dep, ParamsDependency)
        }
        unsure = dict.fromkeys(
            self.makers[self._output_with(path)]
            for path, value in hashes.items()
            if value is UNKNOWN
        )
        reasons = list(self._reasons(stage, hashes))
        if unsure:
            action = RUN if reasons else MAYBE
            reasons = reasons or [f"depends on {' and '.join(unsure)}"]
        elif reasons:
            cached = self._cached_outputs(stage, hashes)
            action, outputs = (RESTORE, cached) if cached else (RUN, outputs)
        else:
            action, outputs = SKIP, {out.fs_path: out.hash_info for out in stage.outs}
        self.outputs |= outputs
        self.makers |= dict.fromkeys(outputs, stage.name)
        return Forecast(stage.name, action, reasons)

    def _hash_of(self, dep: Any) -> Any:
        """The hash that a dependency will have when its stage's turn comes."""
        output = self._output_with(dep.fs_path)
        if not output:
            return dep.get_hash() if dep.exists else MISSING
        made = self.outputs[output]
        inner = Path(dep.fs_path).relative_to(output).parts
        if made is UNKNOWN or not inner:
            return made
        found = Tree.load(self.repo.cache.local, made).get(inner)
        return found[1] if found else MISSING

    def _output_with(self, path: str) -> str:
        """The output that a path is, or lies in; or nothing."""
        return next((out for out in self.outputs if Path(path).is_relative_to(out)), "")

    def _reasons(self, stage: PipelineStage, hashes: Mapping[str, Any]) -> Iterator[str]:
        if not any(out.hash_info for out in stage.outs):
            yield "it has never run here"
            return
        if stage.cmd_changed:
            yield f"its command is now {stage.cmd}"
        if stage.always_changed:
            yield "it always runs"
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                yield from _changed_params(dep)
            elif hashes[dep.fs_path] is MISSING:
                yield f"{dep.def_path} is missing"
            elif hashes[dep.fs_path] not in (UNKNOWN, dep.hash_info):
                yield f"{dep.def_path} has changed"
        yield from self._changed_outs(stage)

    def _changed_outs(self, stage: PipelineStage) -> Iterator[str]:
        for out in stage.outs:
            fetched = self.checked_out and out.use_cache and not out.changed_cache()
            yield from () if fetched else (f"{out.def_path} is {w}" for w in out.status().values())

    def _cached_outputs(
        self, stage: PipelineStage, hashes: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The outputs' hashes, if DVC has this very stage in its run cache, with all its files."""
        if MISSING in hashes.values():
            return None
        for dep in stage.deps:
            is_file = not isinstance(dep, ParamsDependency)
            dep.hash_info = hashes[dep.fs_path] if is_file else dep.get_hash()
            # A file that dvc.lock doesn't know yet is loaded as if of DVC 2, and one that it knows
            # repeats its old hash here.
            dep.hash_name = dep.hash_info.name
            dep.meta = Meta(isexec=bool(dep.meta and dep.meta.isexec))
        entry = self._run_cache_entry(stage)
        if entry is None:
            return None
        cached = self.repo.stage_cache._create_stage(entry, wdir=stage.wdir)
        return {out.fs_path: out.hash_info for out in cached.outs} if cached.outs_cached() else None

    def _run_cache_entry(self, stage: PipelineStage) -> Any:
        key = _get_cache_hash(to_single_stage_lockfile(stage), key=True)
        folder = Path(self.repo.stage_cache._get_cache_dir(key))
        if not folder.is_dir():
            return None
        newest = max(folder.iterdir(), key=lambda file: file.stat().st_mtime)
        return self.repo.stage_cache._load_cache(key, newest.name)


def _changed_params(dep: ParamsDependency) -> Iterator[str]:
    before = dict(_flat(dep.hash_info.value or {}))
    after = dict(_flat(dep.read_params()))
    for name in sorted(before.keys() | after.keys()):
        old, new = (values.get(name, "nothing") for values in (before, after))
        if old != new:
            yield f"{name}: {old} -> {new}"


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
