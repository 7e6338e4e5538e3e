"""The command line before a stage runs: overrides, plans, and the graph read from dvc.yaml."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lockstep.versioning.forecast import forecast
from lockstep.versioning.hashes import experiment_key
from lockstep.versioning.reproduction import graph, reproduce_stage
from pipelines import workspaces, worktrees
from pipelines.experiment_names import name_of
from tests.support.pretended_stages import CALLED, pretend, recorded_workspace, reproduce
from tests.support.workspaces import REPOSITORY, STAGES, git, run, write_params


def plan(root: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    ended = run(root, "lockstep", "plan", "--json", *arguments)
    assert ended.returncode == 0, ended.stdout
    printed = ended.stdout[ended.stdout.index("[") :]
    return {each["stage"]: each for each in json.loads(printed)}


def actions(found: dict[str, dict[str, Any]]) -> list[str]:
    return [each["action"] for each in found.values()]


@pytest.mark.parametrize(
    ("override", "code", "line"),
    [
        ("train.batch_size=64x", 2, "got '64x', expected a whole number of at least 1"),
        ("train.batch_size=-1", 2, "got -1, expected a whole number of at least 1"),
        ("train.epochs=1e9999", 2, "got inf, expected a whole number"),
        ("train.epoch=3", 2, "train.epoch: unknown key"),
        ("nosuch.key=1", 2, "nosuch: unknown key"),
        ("model.name=nosuch", 2, "got 'nosuch', expected one of any, backbone, cnn, "),
        ("data.name=nosuch", 2, "got 'nosuch', expected one of csv, diabetes"),
        ("train.learning_rate=nan", 2, "got 'nan', expected a number above 0"),
        ("train.learning_rate=.nan", 2, "got nan, expected a number above 0"),
        ("train.batch_size=", 2, "got None, expected a whole number of at least 1"),
        ("train", 2, "got 'train', expected key=value such as train.epochs=3"),
        ("seed.x=1", 2, "seed.x: unknown key, seed isn't a mapping"),
        ("train.epochs=[", 2, "expected a value that is YAML"),
        ("train.replicas=64", 4, "train.replicas: got 64, expected at most"),
    ],
)
def test_a_bad_override_is_one_line(workspace: Path, override: str, code: int, line: str) -> None:
    slow = "tensorflow,prefect,mlflow,dvc"
    ended = run(workspace, "lockstep", "run", override, LOCKSTEP_FORBIDDEN=slow)
    assert ended.returncode == code, ended.stdout
    assert ended.stdout.startswith("lockstep run: ")
    assert ended.stdout.count("\n") == 1
    assert line in ended.stdout
    assert git(workspace, "status", "--porcelain") == ""
    assert not (workspace / ".lockstep").exists()


def test_the_graph_is_that_of_dvc_yaml() -> None:
    written = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")["stages"]
    made: dict[str, str] = {}
    for name, stage in written.items():
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, []):
                made[out if isinstance(out, str) else next(iter(out))] = name
    found = graph(REPOSITORY)
    assert [node.name for node in found] == list(STAGES)
    for node in found:
        stage = written[node.name]
        upstream = {
            maker
            for dep in stage["deps"]
            for out, maker in made.items()
            if Path(dep.replace("${evaluate.weights}", "best")).is_relative_to(out)
        }
        assert set(node.upstream) == upstream
        assert (node.description, node.meta) == (stage["desc"], stage.get("meta", {}))


def test_a_task_has_the_retries_and_timeout_of_its_stage() -> None:
    from pipelines.experiment import as_task

    (download, *_) = graph(REPOSITORY)
    made = as_task(download)
    assert (made.name, made.description) == ("download", download.description)
    assert (made.retries, made.retry_delay_seconds, made.timeout_seconds) == (3, 10, 7200.0)
    assert made.persist_result is False


@pytest.fixture(scope="module")
def recorded(make_workspace: Callable[..., Path]) -> Path:
    """A workspace with a cheap stand-in for each stage, all of which have run."""
    return recorded_workspace(make_workspace)


@pytest.mark.system
def test_states_are_correct_and_nothing_runs_twice(recorded: Path) -> None:
    assert reproduce(recorded) == ["up to date"] * 6
    write_params(recorded, {"train.epochs": 3})
    CALLED.clear()
    assert reproduce(recorded) == ["up to date"] * 3 + ["ran"] * 3
    assert CALLED == ["train", "evaluate", "register"]
    write_params(recorded, {"train.epochs": 20})
    CALLED.clear()
    assert reproduce(recorded) == ["up to date"] * 3 + ["restored"] * 3
    assert CALLED == []
    assert "up to date" in run(recorded, "dvc", "status").stdout


@pytest.mark.system
def test_a_plan_matches_what_happens(recorded: Path) -> None:
    said = {
        "ran": {"run", "maybe"},
        "up to date": {"skip", "maybe"},
        "restored": {"restore", "maybe"},
    }
    for changes in (
        {},
        {"data.validation_split": 0.3},
        {"data.validation_split": 0.1, "evaluate.weights": "last"},
        {"evaluate.weights": "best"},
        {"model.name": "mlp"},
        {"model.name": "cnn", "seed": 1},
        {"seed": 0},
    ):
        write_params(recorded, changes)
        planned = [each.action for each in forecast(recorded)]
        outcomes = reproduce(recorded)
        for action, outcome in zip(planned, outcomes, strict=True):
            assert action in said[outcome], (changes, planned, outcomes)


@pytest.mark.system
def test_a_plan_gives_reasons_and_runs_nothing(recorded: Path) -> None:
    git(recorded, "add", "-A")
    git(recorded, "commit", "-qm", "Record")
    before = git(recorded, "status", "--porcelain", "-uall")
    assert actions(plan(recorded)) == ["skip"] * 6
    found = plan(recorded, "train.epochs=5")
    assert actions(found) == ["skip", "skip", "skip", "run", "maybe", "maybe"]
    assert found["train"]["reasons"] == ["train.epochs: 20 -> 5"]
    assert found["evaluate"]["reasons"] == ["depends on train"]
    found = plan(recorded, "model.name=mlp")
    assert "model.name: cnn -> mlp" in found["build"]["reasons"]
    assert git(recorded, "status", "--porcelain", "-uall") == before
    assert git(recorded, "worktree", "list").count("\n") == 1
    (recorded / "tasks" / "evaluate.py").write_text("# a version never run\n")
    found = plan(recorded)
    assert actions(found) == ["skip"] * 4 + ["run", "maybe"]
    assert found["evaluate"]["reasons"] == ["tasks/evaluate.py has changed"]
    git(recorded, "checkout", "-q", "tasks")


def test_a_plan_sees_a_missing_output(recorded: Path) -> None:
    weights = recorded / "weights" / "last.weights.h5"
    weights.unlink()
    (train,) = [each for each in forecast(recorded) if each.stage == "train"]
    assert (train.action, train.reasons) == ("restore", ["weights/last.weights.h5 is deleted"])
    assert reproduce_stage(recorded, "train", pretend(recorded)) == "restored"
    assert weights.exists()


@pytest.mark.parametrize("stage", [{"outs": ["done"]}, {"deps": ["params.yaml"]}, {}])
def test_a_plan_takes_stages_without_dependencies_or_outputs(
    workspace: Path, stage: dict[str, Any]
) -> None:
    YAML().dump({"stages": {"own": {"cmd": "touch done", **stage}}}, workspace / "dvc.yaml")
    assert [each.action for each in forecast(workspace)] == ["run"]


def test_a_stage_that_fails_raises_its_own_error(recorded: Path) -> None:
    from lockstep.errors import DataError

    def fail(command: str) -> bool:
        raise DataError("row 7 is odd")

    write_params(recorded, {"seed": 5})
    with pytest.raises(DataError, match="row 7 is odd"):
        reproduce_stage(recorded, "normalize", fail)
    write_params(recorded, {"seed": 0})


def test_a_stage_with_another_command_is_run_by_dvc(recorded: Path) -> None:
    from lockstep.errors import LockstepError

    text = (recorded / "dvc.yaml").read_text()
    shell = "  shell:\n    cmd: echo hello > said && exit 75\n    outs: [said]\n"
    (recorded / "dvc.yaml").write_text(text.replace("stages:\n", "stages:\n" + shell))
    with pytest.raises(LockstepError, match="failed to run") as caught:
        reproduce_stage(recorded, "shell", lambda command: False)
    assert caught.value.exit_code == 75
    (recorded / "dvc.yaml").write_text(text)


def test_an_experiment_name_is_readable_and_valid_for_git(workspace: Path) -> None:
    for words, expected in (
        (["train.epochs=3", "model.mlp.units=[64, 32]"], "epochs-3-units-64-32"),
        (["model.name=cnn", "seed=2"], "cnn-seed-2"),
        (["data.name=csv", "data.path=/tmp/w/real/houses.csv"], "csv-houses"),
        (["mnist-cnn", "train.batch_size=128"], "mnist-cnn-batch_size-128"),
        ([], "unchanged"),
    ):
        name = name_of(words, "1a2b3c4d5e")
        assert name == f"{expected}-1a2b3c4d"
        assert git(workspace, "check-ref-format", "--branch", name)
    assert len(name_of(["model.name=" + 99 * "x"], "1a2b3c4d5e")) <= 50


def test_a_workspace_includes_uncommitted_changes(workspace: Path) -> None:
    (workspace / "models" / "mine.py").write_text("# new\n")
    (workspace / "models" / "mlp.py").write_text("# changed\n")
    (workspace / "LICENSE").unlink()
    write_params(workspace, {"model.mine": {}})
    before = git(workspace, "status", "--porcelain", "-uall")
    directory = workspaces.create(workspace, ["train.epochs=7", "model.name=mine"])
    assert (directory / "models" / "mine.py").read_text() == "# new\n"
    assert (directory / "models" / "mlp.py").read_text() == "# changed\n"
    assert not (directory / "LICENSE").exists()
    assert "epochs: 7 " in (directory / "params.yaml").read_text()
    assert "# passes over the training split" in (directory / "params.yaml").read_text()
    assert git(workspace, "status", "--porcelain", "-uall") == before
    worktrees.remove(workspace, directory)
    assert not directory.exists()


def test_a_folder_outside_of_a_checkout_is_reported(tmp_path: Path) -> None:
    ended = run(tmp_path, "lockstep", "plan")
    assert ended.returncode == 4
    assert ended.stdout == (
        f"lockstep plan: {tmp_path}: no dvc.yaml here or above, expected to be run in a project\n"
    )


def test_data_ignored_by_git_are_found_in_a_workspace(recorded: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(recorded, tmp_path / "lockstep"))
    git(root, "add", "-A")  # dvc.lock: otherwise its stages have never run in the workspace
    git(root, "commit", "-qm", "Result")
    mine = root / "data" / "mine.csv"
    mine.write_text("a,b\n" + "1,2\n" * 9)
    found = plan(root, "data.name=csv", "data.path=data/mine.csv")
    assert "data/mine.csv is missing" not in found["download"]["reasons"]
    found = plan(root, "data.name=csv", "data.path=data/nowhere.csv")
    assert "data/nowhere.csv is missing" in found["download"]["reasons"]
    assert mine.exists()


def test_missing_data_are_bad_data(recorded: Path) -> None:
    from lockstep.errors import DataError

    write_params(recorded, {"data.name": "csv", "data.path": "nowhere.csv"})
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file or folder"):
        reproduce_stage(recorded, "download", pretend(recorded))
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file or folder"):
        experiment_key(recorded)


@pytest.mark.system
def test_what_doesnt_fit_known_data_is_told_before_a_server_starts(
    make_workspace: Callable[..., Path],
) -> None:
    workspace = make_workspace()
    assert run(workspace, "dvc", "repro", "--quiet", "normalize").returncode == 0
    slow = "tensorflow,prefect,mlflow"
    ended = run(workspace, "lockstep", "run", "train.metrics=[R2Score]", LOCKSTEP_FORBIDDEN=slow)
    assert ended.returncode == 2
    line = "lockstep run: train.metrics: got R2Score, which isn't for the target kind classificat"
    assert ended.stdout.startswith(line)
