"""What `dvc repro` would do with each stage, and why; no stage is run."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.stage.cache import _can_hash
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.tree import Tree

from lockstep.versioning.data_sources import source_outputs
from lockstep.versioning.repository import open_repository, stages_in_order

RUN, SKIP, RESTORE, MAYBE = "run", "skip", "restore", "maybe"
# In place of a hash: the file doesn't exist; the hash isn't known until an earlier stage has run.
MISSING, UNKNOWN = object(), object()


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What `dvc repro` would do with one stage."""

    stage: str
    action: str  # RUN, SKIP, RESTORE or MAYBE
    reasons: list[str]


def forecast(root: Path, checked_out: bool = False) -> list[Forecast]:
    """Return what `dvc repro` would do with each stage, in order; nothing is run or written.

    `checked_out` assumes that `dvc checkout` has been run first.
    """
    with chdir(root), open_repository(root) as repo:  # as reproduce_stage does
        forecaster = _Forecaster(repo, checked_out)
        return [forecaster.add(stage) for stage in stages_in_order(repo)]


class _Forecaster:
    """Forecasts the stages in order, and records the hash that each output would have."""

    def __init__(self, repo: Repo, checked_out: bool) -> None:
        self.repo = repo
        self.checked_out = checked_out
        sources = source_outputs(repo) if checked_out else []
        self.outputs: dict[str, Any] = {out.fs_path: out.hash_info for out in sources}
        self.producers: dict[str, str] = {}  # path to stage

    def add(self, stage: PipelineStage) -> Forecast:
        """Return the forecast of the next stage."""
        outputs = {out.fs_path: UNKNOWN for out in stage.outs}
        hashes = {
            dep.fs_path: self._hash_of(dep)
            for dep in stage.deps
            if not isinstance(dep, ParamsDependency)
        }
        unsure = dict.fromkeys(
            self.producers[self._output_with(path)]
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
        self.producers |= dict.fromkeys(outputs, stage.name)
        return Forecast(stage.name, action, reasons)

    def _hash_of(self, dep: Any) -> Any:
        """The hash that a dependency will have when its stage would be run."""
        output = self._output_with(dep.fs_path)
        if not output:
            return dep.get_hash() if dep.exists else MISSING
        output_hash = self.outputs[output]
        inner = Path(dep.fs_path).relative_to(output).parts
        if output_hash is UNKNOWN or not inner:
            return output_hash
        found = Tree.load(self.repo.cache.local, output_hash).get(inner)
        return found[1] if found else MISSING

    def _output_with(self, path: str) -> str:
        """The output that a path is or is inside of; empty if there is none."""
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
        """The outputs' hashes if the run cache has this stage with all its files, or else None."""
        if MISSING in hashes.values():
            return None
        for dep in stage.deps:
            is_file = not isinstance(dep, ParamsDependency)
            dep.hash_info = hashes[dep.fs_path] if is_file else dep.get_hash()
            # The run cache computes the hash again, but the file may not exist yet.
            dep.get_hash = partial(getattr, dep, "hash_info")
            # The run cache's key includes hash name and meta. DVC would use DVC 2's hash name for a
            # file that isn't in dvc.lock; for one that is, the meta would have its old hash.
            dep.hash_name = dep.hash_info.name
            dep.meta = Meta(isexec=bool(dep.meta and dep.meta.isexec))
        cached = _run_cache_entry(stage)
        return {out.fs_path: out.hash_info for out in cached.outs} if cached else None


def _run_cache_entry(stage: PipelineStage) -> PipelineStage | None:
    """The stage with its outputs as DVC's run cache has them for these dependencies, or None.

    The run cache has no stages without dependencies or outputs. DVC has no public API for this; a
    test fails if these private functions change.
    """
    if not _can_hash(stage):
        return None
    cache = stage.repo.stage_cache
    entry = cache._load(stage)
    cached = cache._create_stage(entry, wdir=stage.wdir) if entry else None
    return cached if cached and cached.outs_cached() else None


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
