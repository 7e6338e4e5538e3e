"""Workspaces whose stages cost nothing: each writes what it depends on into its outputs."""

import json
from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML

from lockstep.versioning.reproduction import reproduce_stage
from tests.support.workspaces import STAGES, load

CALLED: list[str] = []


def recorded_workspace(make_workspace: Callable[..., Path]) -> Path:
    """Return a workspace whose stages write a file each, all of them run."""
    root = make_workspace(name="recorded")
    shorten(root)
    reproduce(root)
    return root


def shorten(root: Path) -> None:
    """Leave the stages' graph and parameters, with outputs that cost nothing to make."""
    for name in STAGES:
        (root / "tasks" / f"{name}.py").write_text("# version 1\n")


def pretend(root: Path) -> Callable[[str], bool]:
    """Stand in for the stages: write each output, with what it depends on in it."""
    stages = YAML(typ="safe").load(root / "dvc.yaml")["stages"]

    def act(command: str) -> bool:
        name = command.rsplit(maxsplit=1)[-1]
        CALLED.append(name)
        text = f"{name} {load(root).model_dump_json() if name in ('normalize', 'train') else ''}"
        for kind in ("outs", "metrics", "plots"):
            for entry in stages[name].get(kind, []):
                out = root / (entry if isinstance(entry, str) else next(iter(entry)))
                file = out / "spec.json" if out.parent.name == "data" else out
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps({"text": text}))
        return True

    return act


def reproduce(root: Path) -> list[str]:
    return [reproduce_stage(root, name, pretend(root)) for name in STAGES]
