"""What DVC experiments and git revisions consist of, read from git: nothing is checked out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.config.reading import flat_values
from lockstep.config.yaml_files import parse_yaml, read_yaml
from lockstep.errors import DataError, ParamsError
from lockstep.messages import nearest
from lockstep.storage import layout
from lockstep.storage.checkout import commit_named, commits_below, read_at

EXPERIMENTS = "refs/exps"
WORKSPACE = "workspace"  # the files of this checkout as they are, as DVC calls them


@dataclass(frozen=True)
class Compared:
    """An experiment or revision: parameters by dotted key, and test metrics, if it has any."""

    name: str
    commit: str  # empty for the workspace
    params: dict[str, Any]
    metrics: dict[str, float | None]


def compared(root: Path, name: str) -> Compared:
    """Return a DVC experiment, a git revision, or the workspace.

    Raises ParamsError for a name that is none, and DataError for one without parameters.
    """
    if name == WORKSPACE:
        file = root / layout.METRICS
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return Compared(name, "", flat_values(read_yaml(root / layout.PARAMS)), _test_of(text))
    experiments = commits_below(root, EXPERIMENTS)
    commit = experiments.get(name) or commit_named(root, name)
    if not commit:
        known = nearest(name, [*experiments, WORKSPACE])
        raise ParamsError(f"got {name!r}, expected a git revision, or {known}")
    raw = parse_yaml(read_at(root, commit, layout.PARAMS), layout.PARAMS)
    if not isinstance(raw, dict):
        raise DataError(f"{name}: has no {layout.PARAMS}, expected an experiment of this project")
    return Compared(name, commit, flat_values(raw), _test_of(read_at(root, commit, layout.METRICS)))


def _test_of(text: str) -> dict[str, float | None]:
    found: dict[str, float | None] = json.loads(text)["test"] if text else {}
    return found
