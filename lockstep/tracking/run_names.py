"""The name and the description of an experiment's run: what differs from the parameters at HEAD."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lockstep.config import presets
from lockstep.config.overrides import overridden
from lockstep.config.reading import BESIDE, differences
from lockstep.config.schema import Params
from lockstep.config.yaml_files import parse_yaml
from lockstep.errors import ParamsError
from lockstep.storage import layout
from lockstep.storage.checkout import changed_files, commit_of
from lockstep.storage.history import read_at
from lockstep.tracking import PRESET

# Parameters whose value alone says what it is, as `sgd` or `cnn`.
ALONE = ("name", "loss", "path")
SHORT = {"learning_rate": "lr"}
SHOWN, LONGEST = 6, 40  # differences in a name, and characters of each
LONGEST_NAME = 250  # in the databases of MLflow


def run_name(params: Params, root: Path, preset: str | None = None) -> str:
    """Return such as `SGD lr=0.1 seed=2`; where nothing differs, the data, model and commit.

    A preset, by default the one of the environment, has its name, and only what differs from it is
    listed.
    """
    preset = os.environ.get(PRESET, "") if preset is None else preset
    labels = [_label(*each) for each in changed_from_head(params, root, preset).items()]
    more = [f"and {len(labels) - SHOWN} more"] if len(labels) > SHOWN else []
    labels = [*([preset] if preset else []), *labels[:SHOWN], *more]
    name = " ".join(labels or [params.data.name, params.model.name, commit_of(root)[:7]])
    return name.strip()[:LONGEST_NAME]


def changed_from_head(params: Params, root: Path, preset: str = "") -> dict[str, Any]:
    """Return the parameters that differ from those at HEAD, or those at HEAD with a preset.

    Nothing differs where HEAD has no parameters.
    """
    try:
        before = parse_yaml(read_at(root, "HEAD", layout.PARAMS), layout.PARAMS)
        if preset:
            before = overridden(before, presets.assignments(root, preset))
    except ParamsError:
        return {}
    if not isinstance(before, dict):
        return {}
    found = differences(params, before, root)
    return {key: each for key, each in found.items() if key not in BESIDE}


def description_of(params: Params, root: Path, metrics: Mapping[str, float | None]) -> str:
    """Return Markdown: data, model and commit, what differs from there, and the test metrics."""
    changed = [f"{key}: {_shown(each)}" for key, each in changed_from_head(params, root).items()]
    tested = [f"{name} {_number(each)}" for name, each in metrics.items()]
    files = [each for each in changed_files(root) if each != str(layout.PARAMS)]
    commit = f", commit {commit_of(root)[:7]}" if commit_of(root) else ""
    state = f", with changes in {', '.join(files[:SHOWN])}" if files else ""
    # No tables: MLflow's pages draw them without any space, and fold what is higher than 3 lines.
    parts = [
        f"**{params.data.name}, {params.model.name}**{commit}{state}",
        _listed("Parameters that differ from the commit", map(_as_code, changed)),
        _listed("Metrics of the test split", tested),
    ]
    text = "\n\n".join(filter(None, parts))
    return text.encode(errors="replace").decode()  # of file names that aren't UTF-8


def _listed(title: str, entries: Iterable[str]) -> str:
    text = ", ".join(entries)
    return f"{title}: {text}" if text else ""


def _as_code(text: str) -> str:
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"


def _label(key: str, value: Any) -> str:
    last = key.rpartition(".")[2]
    if isinstance(value, str) and "/" in value:
        value = Path(value).stem
    label = _shown(value) if last in ALONE else f"{SHORT.get(last, last)}={_shown(value)}"
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.6g}"
