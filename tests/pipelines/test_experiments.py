"""`lockstep experiments`: all DVC experiments, read from git, the best first."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.config.overrides import write_overridden
from tests.support.workspaces import git, load, run

SLOW = "tensorflow,prefect,mlflow,dvc"
STAGES = ("train", "evaluate", "register")


class Project:
    """A project whose experiments have the files that stages would have written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        name: str,
        *assignments: str,
        until: str = "evaluate",
        metrics: dict[str, float | None] | None = None,
        ran_with: dict[str, Any] | None = None,
        verdict: str = "",
    ) -> None:
        """Save an experiment that has run until a stage."""
        root = self.root
        write_overridden(root / "params.yaml", list(assignments))
        text = json.dumps({"test": metrics or {}})
        (root / "report").mkdir(exist_ok=True)  # git removes it with its last file
        (root / "report" / "metrics.json").write_text(text)
        registered = {"verdict": verdict, "metric": "accuracy"}
        (root / "report" / "registered.json").write_text(json.dumps(registered))
        lock = {
            "schema": "2.0",
            "stages": {
                stage: self._stage(stage, text, ran_with)
                for stage in STAGES[: STAGES.index(until) + 1]
            },
        }
        (root / "dvc.lock").write_text(json.dumps(lock, indent=1))
        git(root, "add", "--force", "params.yaml", "dvc.lock", "report")
        git(root, "commit", "--quiet", "--message", name)
        head = git(root, "rev-parse", "HEAD^").strip()
        git(root, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", "HEAD")
        git(root, "reset", "--quiet", "--hard", "HEAD^")

    def _stage(self, stage: str, metrics: str, ran_with: dict[str, Any] | None) -> dict[str, Any]:
        md5 = hashlib.md5(metrics.encode(), usedforsecurity=False).hexdigest()
        path = {"train": "weights/best.weights.h5", "evaluate": "report/metrics.json"}
        out = {"path": path.get(stage, "report/registered.json"), "hash": "md5", "md5": md5}
        params = ran_with or {"train.epochs": load(self.root).train.epochs}
        deps = [{"path": "weights/best.weights.h5"}] if stage == "evaluate" else []
        return {"cmd": "", "deps": deps, "params": {"params.yaml": params}, "outs": [out]}


@pytest.fixture(scope="module")
def project(make_workspace: Callable[..., Path]) -> Project:
    """A project with an experiment in each state."""
    project = Project(make_workspace(name="experiments"))
    project.add(
        "good", "seed=1", "train.epochs=5", metrics={"accuracy": 0.9, "loss": 0.5, "own": 1}
    )
    project.add("best", "seed=1", "model.name=mlp", metrics={"accuracy": 0.95, "loss": 0.7},
                until="register", verdict="passed")  # fmt: skip
    project.add("early", "seed=1", until="train")
    project.add("old", "seed=1", "train.epochs=6", ran_with={"train.epochs": 4},
                metrics={"accuracy": 0.99, "loss": 0.1})  # fmt: skip
    project.add("undefined", "seed=1", metrics={"accuracy": None, "loss": 0.9})
    git(project.root, "update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    git(project.root, "update-ref", "refs/exps/stash", "HEAD")
    return project


def listed(project: Project, *arguments: str) -> dict[str, Any]:
    ended = run(
        project.root, "lockstep", "experiments", "--json", *arguments, LOCKSTEP_FORBIDDEN=SLOW
    )
    assert ended.returncode == 0, ended.stdout
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [each["name"] for each in found["experiments"]]


def test_the_best_come_first_and_those_without_a_value_last(project: Project) -> None:
    found = listed(project)
    assert (found["metric"], found["direction"]) == ("accuracy", "max")
    assert names(found)[:2] == ["best", "good"]
    assert set(names(found)[2:]) == {"early", "old", "undefined"}
    assert names(listed(project, "--sort", "loss"))[:3] == ["good", "best", "undefined"]
    assert names(listed(project, "--sort", "loss", "--mode", "max", "--limit", "1")) == [
        "undefined"
    ]


def test_states_and_differences(project: Project) -> None:
    found = listed(project)
    found_by_name = {each["name"]: each for each in found["experiments"]}
    states = {name: each["state"] for name, each in found_by_name.items()}
    assert states == {
        "good": "complete", "best": "registered", "early": "partial", "old": "outdated",
        "undefined": "complete",
    }  # fmt: skip
    assert found_by_name["old"]["why"] == "train has run with train.epochs 4, not 6"
    assert found_by_name["early"]["why"] == "train is the last stage that has run"
    assert found_by_name["old"]["metrics"] == {}  # they are of other parameters
    assert found["common"] == {"seed": 1}
    assert found_by_name["good"]["params"] == {"seed": 1, "train.epochs": 5}
    assert found_by_name["best"]["params"] == {
        "seed": 1,
        "model.name": "mlp",
    }  # its units are HEAD's
    assert {each["baseline"] for each in found_by_name.values()} == {found["head"]}


def test_the_table(project: Project) -> None:
    ended = run(project.root, "lockstep", "experiments")
    first, common, _, header, *rows = ended.stdout.splitlines()
    assert first.startswith(
        "5 experiments by accuracy, highest first, with the parameters that dif"
    )
    assert common == "all of them: seed=1"
    assert header.split() == ["experiment", "accuracy", "state", "baseline", "parameters"]
    head = git(project.root, "rev-parse", "HEAD")[:7]
    assert rows[0].split() == ["best", "0.95", "registered", head, "model.name=mlp"]
    assert next(row for row in rows if row.startswith("old ")).split()[1:3] == ["-", "outdated"]


def test_only_those_with_a_value(project: Project) -> None:
    assert names(listed(project, "model.name=mlp")) == ["best"]
    assert names(listed(project, "train.epochs=5", "seed=1")) == ["good"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--sort", "acuracy"],
            "--sort: got 'acuracy', expected one of ",
        ),
        (
            ["--sort", "own"],
            "--sort: got 'own', a metric with no known direction, expected --mode min",
        ),
        (["train.epoch=5"], "train.epoch: unknown key, expected one of "),
        (["train"], "got 'train', expected key=value"),
    ],
)
def test_a_mistake_is_one_line(project: Project, arguments: list[str], line: str) -> None:
    ended = run(project.root, "lockstep", "experiments", *arguments)
    assert (ended.returncode, ended.stdout.count("\n")) == (2, 1), ended.stdout
    assert ended.stdout.startswith(f"lockstep experiments: {line}")


def test_an_unreadable_experiment_is_listed(project: Project) -> None:
    root = project.root
    file = root / "params.yaml"
    kept = file.read_text()
    file.write_text(f"<<<<<<< HEAD\n{kept}")
    git(root, "commit", "-qam", "conflict")
    file.write_text(kept)
    git(root, "update-ref", f"refs/exps/ab/{38 * 'c'}/broken", "HEAD")
    git(root, "reset", "--quiet", "--hard", "HEAD^")
    (found,) = [each for each in listed(project)["experiments"] if each["name"] == "broken"]
    assert (found["state"], found["baseline"]) == ("unreadable", "ab" + 38 * "c")
    assert found["why"].startswith("params.yaml:")
    git(root, "update-ref", "-d", f"refs/exps/ab/{38 * 'c'}/broken")


def test_without_experiments(workspace: Path) -> None:
    ended = run(workspace, "lockstep", "experiments", "--sort", "accuracy")
    assert (ended.returncode, ended.stdout) == (
        0, "no experiments; `lockstep run key=value` makes one\n",
    )  # fmt: skip
