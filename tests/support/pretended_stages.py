"""Workspaces with cheap stand-ins for the stages, which write a short text to each output."""

import json
from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML

from lockstep.versioning.reproduction import reproduce_stage
from tests.support.workspaces import STAGES, load

CALLED: list[str] = []


def recorded_workspace(make_workspace: Callable[..., Path]) -> Path:
    """Return a workspace with a cheap stand-in for each stage, all of which have run."""
    root = make_workspace(name="recorded")
    shorten(root)
    reproduce(root)
    return root


def shorten(root: Path) -> None:
    """Replace the stage modules; keep the stages' graph and parameters."""
    for name in STAGES:
        (root / "tasks" / f"{name}.py").write_text("# version 1\n")


def pretend(root: Path) -> Callable[[str], bool]:
    """Return a stand-in for stage commands that writes a short text to each output."""
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
                file.write_text(json.dumps({"text": f"{text} {file.name}"}))
        return True

    return act


def reproduce(root: Path, *names: str) -> list[str]:
    return [reproduce_stage(root, name, pretend(root)) for name in names or STAGES]
