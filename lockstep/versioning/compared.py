"""What DVC experiments and git revisions consist of, read from git: nothing is checked out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lockstep.config.reading import flat_values
from lockstep.config.yaml_files import parse_yaml, read_yaml
from lockstep.errors import DataError, ParamsError
from lockstep.messages import nearest
from lockstep.storage import layout
from lockstep.storage.history import commit_named, read_at, references_below
from lockstep.versioning.recorded import stages_in

EXPERIMENTS = "refs/exps"
PARTS = 5  # of refs/exps/01/2345.../NAME, where 012345... is the baseline; DVC's own have fewer
WORKSPACE = "workspace"  # the files of this checkout as they are, as DVC calls them


class ExperimentReference(NamedTuple):
    """A DVC experiment: its commit, that commit's tree, and the commit that it was started from."""

    name: str
    commit: str
    tree: str
    baseline: str


@dataclass(frozen=True)
class Compared:
    """An experiment or revision: parameters by dotted key, and test metrics, if it has any."""

    name: str
    commit: str  # empty for the workspace
    params: dict[str, Any]
    metrics: dict[str, float | None]
    raw: dict[str, Any]  # params.yaml


def compared(root: Path, name: str) -> Compared:
    """Return a DVC experiment, a git revision, or the workspace.

    Raises ParamsError for a name that is none, and DataError for one without parameters.
    """
    if name == WORKSPACE:
        file = root / layout.METRICS
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return _made(name, "", read_yaml(root / layout.PARAMS), text)
    known = experiments(root)
    commit = known.get(name) or commit_named(root, name)
    if not commit:
        expected = nearest(name, [*known, WORKSPACE])
        raise ParamsError(f"got {name!r}, expected a git revision, or {expected}")
    raw = parse_yaml(read_at(root, commit, layout.PARAMS), layout.PARAMS)
    return _made(name, commit, raw, read_at(root, commit, layout.METRICS))


def _made(name: str, commit: str, raw: Any, metrics: str) -> Compared:
    if not isinstance(raw, dict):
        raise DataError(f"{name}: has no {layout.PARAMS}, expected an experiment of this project")
    try:
        tested = dict(json.loads(metrics)["test"]) if metrics else {}
    except (ValueError, KeyError, TypeError):
        raise DataError(
            f"{name}: {layout.METRICS}: expected the metrics that the stage evaluate writes"
        ) from None
    return Compared(name, commit, flat_values(raw), tested, raw)


def experiments(root: Path) -> dict[str, str]:
    """Return the commit of each DVC experiment by its name, the newest of one."""
    return {each.name: each.commit for each in references(root)}


def references(root: Path) -> list[ExperimentReference]:
    """Return all DVC experiments, the oldest first, without references that DVC needs to run them.

    Those that were started from different commits may have the same name.
    """
    found = ((each, each.name.split("/")) for each in references_below(root, EXPERIMENTS))
    return [
        ExperimentReference(parts[-1], each.commit, each.tree, parts[2] + parts[3])
        for each, parts in found
        if len(parts) == PARTS
    ]


def weights_at(root: Path, commit: str) -> str:
    """Return the md5 of the best weights in dvc.lock at a commit; empty if it has none."""
    outs = stages_in(read_at(root, commit, layout.LOCK)).get("train", {}).get("outs", [])
    return next((each["md5"] for each in outs if each["path"] == str(layout.BEST_WEIGHTS)), "")
