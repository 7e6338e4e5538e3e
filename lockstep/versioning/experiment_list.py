"""All DVC experiments of a repository, read from git's objects without DVC."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockstep.config.reading import BESIDE
from lockstep.config.similar_yaml import parse_similar
from lockstep.errors import DataError, LockstepError
from lockstep.storage import layout
from lockstep.storage.git_objects import find_files, read_objects
from lockstep.storage.history import read_at
from lockstep.versioning import experiment_state
from lockstep.versioning.compared import ExperimentReference, references
from lockstep.versioning.lock_text import parse_lock
from lockstep.versioning.parameter_differences import NOTHING, parameter_differences

FILES = (layout.PARAMS, layout.LOCK, layout.METRICS, layout.REGISTERED)
Files = Mapping[Path, str]  # git's id of each of an experiment's files


@dataclass(frozen=True)
class Listed:
    """A DVC experiment."""

    name: str
    commit: str
    baseline: str  # the commit that it was started from
    state: str
    why: str = ""  # it has no metrics
    raw: Mapping[str, Any] = field(default_factory=dict)  # params.yaml
    metrics: Mapping[str, float | None] = field(default_factory=dict)  # of these parameters
    registered_by: str = ""  # the metric that decided on its registration


def read_all(root: Path) -> list[Listed]:
    """Return all DVC experiments, the newest first."""
    found = references(root)[::-1]
    files = find_files(root, [each.tree for each in found], FILES)
    contents = _Contents(root, files)
    return [_listed(*each, contents) for each in zip(found, files, strict=True)]


class DifferencesFromHead:
    """In which parameters experiments differ from params.yaml at HEAD."""

    def __init__(self, root: Path) -> None:
        raw = parse_similar(read_at(root, "HEAD", layout.PARAMS) + "\n", layout.PARAMS)
        self._raw = raw if isinstance(raw, dict) else {}

    def of(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that HEAD hasn't, by dotted key.

        Those of the model are compared with its section at HEAD, whether it is chosen there or not.
        """
        if not raw:
            return {}
        model, name = self._raw.get("model") or {}, (raw.get("model") or {}).get("name")
        head = {**self._raw, "model": {**model, "name": name}}
        other = {"model.name": name} if model.get("name") != name else {}
        return other | {
            each.key: each.b
            for each in parameter_differences(head, raw)
            if each.b is not NOTHING and each.key not in BESIDE
        }


class _Contents:
    """What the experiments' files contain; equal ones are read and parsed once."""

    def __init__(self, root: Path, files: Sequence[Files]) -> None:
        parsers: dict[Path, Callable[[bytes], Any]] = {
            layout.PARAMS: lambda content: parse_similar(content.decode(), layout.PARAMS),
            layout.LOCK: lambda content: parse_lock(content.decode(), parse_similar),
            layout.METRICS: bytes,
            layout.REGISTERED: json.loads,
        }
        paths = {name: path for each in files for path, name in each.items()}
        self._found = {
            name: _parsed(parsers[paths[name]], content, paths[name])
            for name, content in read_objects(root, paths)
        }

    def of(self, files: Files, path: Path) -> Any:
        """Return what a file contains; None if it isn't there. Raises its LockstepError."""
        found = self._found.get(files.get(path, ""))
        if isinstance(found, LockstepError):
            raise found
        return found


def _parsed(parse: Callable[[bytes], Any], content: bytes, path: Path) -> Any:
    try:
        return parse(content)
    except LockstepError as error:
        return error
    except ValueError as error:  # no JSON, or not UTF-8
        return DataError(f"{path}: {error}")


def _listed(reference: ExperimentReference, files: Files, contents: _Contents) -> Listed:
    named = (reference.name, reference.commit, reference.baseline)
    try:
        raw = contents.of(files, layout.PARAMS)
        if not isinstance(raw, dict):
            raise DataError(f"no {layout.PARAMS}")
        stages = (contents.of(files, layout.LOCK) or {}).get("stages", {})
        metrics = contents.of(files, layout.METRICS) or b""
        gate = contents.of(files, layout.REGISTERED) or {}
        state, why = experiment_state.state(raw, stages, metrics, gate.get("verdict", ""))
        tested = json.loads(metrics)["test"] if state in experiment_state.WITH_METRICS else {}
    except (LockstepError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Listed(*named, experiment_state.UNREADABLE, str(error))
    return Listed(*named, state, why, raw, tested, gate.get("metric", ""))
