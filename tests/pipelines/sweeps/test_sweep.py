"""`lockstep sweep` with real trainings, MLflow's database and DVC's cache."""

import csv
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from lockstep.config.yaml_files import parse_yaml
from lockstep.storage import layout
from lockstep.tracking.run_tags import PROCESS
from tests.support.ports import free_port
from tests.support.waiting import LONG, until
from tests.support.workspaces import SMALL, git, run

pytestmark = pytest.mark.system
SPACE = ["train.learning_rate=log:1e-3..1e-1", "model.mlp.units=[8],[16]"]


@pytest.fixture
def make(make_workspace: Callable[..., Path]) -> Callable[[], Path]:
    """Return a function that makes a fresh project, whose model has dropout."""
    return lambda: make_workspace({**SMALL, "register.threshold": 0.1, "model.mlp.dropout": 0.2})


def sweep(root: Path, *arguments: str) -> dict[str, Any]:
    """Run a sweep and return what it prints as JSON."""
    ended = subprocess.run(
        ["lockstep", "sweep", *arguments, "--json"],
        cwd=root, capture_output=True, text=True, timeout=LONG, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def runs(root: Path) -> list[Run]:
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lockstep")
    return list(client.search_runs([experiment.experiment_id]))


def experiments(root: Path) -> dict[str, str]:
    """The commit of each DVC experiment by its name."""
    listed = git(root, "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps")
    names = (line.split() for line in listed.splitlines() if "EXEC" not in line)
    return {name.rpartition("/")[2]: commit for name, commit in names}


def outputs(root: Path, commit: str) -> dict[str, str]:
    """The md5 of each output in dvc.lock, up to evaluate."""
    stages = parse_yaml(git(root, "show", f"{commit}:dvc.lock"), Path("dvc.lock"))["stages"]
    kept = (each for name, each in stages.items() if name != "register")
    return {out["path"]: out["md5"] for stage in kept for out in stage["outs"]}


def test_six_trials_are_six_experiments_and_the_best_is_reproduced(
    make: Callable[[], Path],
) -> None:
    root = make()
    found = sweep(root, *SPACE, "--trials", "6", "--parallel", "2")
    assert [each["state"] for each in found["trials"]] == ["complete"] * 6
    saved = experiments(root)
    assert {each["experiment"] for each in found["trials"]} == set(saved)
    assert len(saved) == 6
    assert git(root, "status", "--porcelain") == ""
    (parent,) = (each for each in runs(root) if "sweep.name" in each.data.tags)
    children = [each for each in runs(root) if "mlflow.parentRunId" in each.data.tags]
    assert {each.data.tags["mlflow.parentRunId"] for each in children} == {parent.info.run_id}
    assert sorted(each.data.tags["sweep.trial"] for each in children) == list("012345")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best_val_loss"] == found["best"]["value"]
    assert found["best"]["value"] == min(each["value"] for each in found["trials"])
    # Only the best has been registered.
    (version,) = MlflowClient(f"sqlite:///{root / 'mlflow.db'}").search_model_versions()
    (of_best,) = (each for each in children if each.info.run_id == version.run_id)
    assert of_best.data.tags["dvc.experiment"] == found["best"]["experiment"]
    page = (root / "report" / "sweeps" / f"{found['name']}.html").read_text()
    assert page.count("<img") == 3
    # In another clone, alone in a process of its own, the trial has the same bits.
    other = make()
    ended = run(other, *shlex.split(found["best"]["command"]))
    assert ended.returncode == 0, ended.stdout
    assert "train: ran" in ended.stdout
    ((name, commit),) = experiments(other).items()
    assert name == found["best"]["experiment"]
    assert outputs(other, commit) == outputs(root, saved[name])
    again = sweep(root, *SPACE, "--trials", "6", "--parallel", "2")
    assert again["trials"] == found["trials"]
    applied = run(root, "dvc", "exp", "apply", found["trials"][0]["experiment"])
    assert applied.returncode == 0, applied.stdout
    status = run(root, "dvc", "status", "train", "evaluate")
    assert "up to date" in status.stdout, status.stdout


def test_no_bit_depends_on_which_trial_ran_before(make: Callable[[], Path]) -> None:
    given = ["seed=1", "train.epochs=1"]
    forwards, backwards = make(), make()
    first = sweep(forwards, *given, "model.mlp.units=[8],[16],[16,8]", "train.replicas=1,2")
    second = sweep(backwards, *given, "model.mlp.units=[16,8],[16],[8]", "train.replicas=2,1")
    for one in first["trials"]:
        (two,) = (each for each in second["trials"] if each["values"] == one["values"])
        assert one["value"] == two["value"]
        commits = [
            experiments(root)[each["experiment"]]
            for root, each in ((forwards, one), (backwards, two))
        ]
        assert outputs(forwards, commits[0]) == outputs(backwards, commits[1])


def test_a_pruned_and_a_failed_trial_leave_their_state_and_end_nothing(
    make: Callable[[], Path],
) -> None:
    root = make()
    rates = "train.learning_rate=0.01,0.012,0.014,0.016,0.018,1e-7,1e30"
    found = sweep(root, rates, "train.epochs=3", "--prune", "median", "--trials", "7",
                  "--sampler", "grid")  # fmt: skip
    states = [each["state"] for each in found["trials"]]
    assert states == [*["complete"] * 5, "pruned", "failed"]
    *_, pruned, failed = found["trials"]
    assert list(pruned["history"]) == ["1"]
    assert "loss" in failed["reason"]
    by_trial = {each.data.tags["sweep.trial"]: each for each in runs(root) if
                "sweep.trial" in each.data.tags}  # fmt: skip
    assert (by_trial["5"].info.status, by_trial["6"].info.status) == ("KILLED", "FAILED")
    assert by_trial["5"].data.tags["sweep.state"] == "pruned"
    assert by_trial["5"].data.params["train.learning_rate"] == "1e-07"
    assert by_trial["5"].data.metrics["val_loss"] == pruned["history"]["1"]
    assert len(experiments(root)) == 5
    # The same trial, trained whole by somebody, is pruned all the same.
    whole = run(root, "lockstep", "run", "train.epochs=3", "train.learning_rate=1e-7")
    assert whole.returncode == 0, whole.stdout
    (root / layout.SWEEPS / f"{found['name']}.json").unlink()
    again = sweep(root, rates, "train.epochs=3", "--prune", "median", "--trials", "7",
                  "--sampler", "grid")  # fmt: skip
    assert [each["state"] for each in again["trials"]] == states
    assert again["trials"][5]["history"] == pruned["history"]


def test_parameters_that_do_not_go_together_fail_one_trial(make: Callable[[], Path]) -> None:
    root = make()
    found = sweep(root, "train.batch_size=32,33", "train.replicas=1,2", "train.epochs=1")
    states = {tuple(each["values"].values()): each["state"] for each in found["trials"]}
    assert states == {
        ("32", "1"): "complete",
        ("32", "2"): "complete",
        ("33", "1"): "complete",
        ("33", "2"): "failed",
    }
    (failed,) = (each for each in runs(root) if each.data.tags.get("sweep.state") == "failed")
    assert failed.data.params == {"train.batch_size": "33", "train.replicas": "2"}


def trials_in(root: Path) -> Iterator[dict[str, Any]]:
    for file in (root / layout.SWEEPS).glob("*.json"):
        yield from json.loads(file.read_text())["trials"]


def test_a_process_that_has_grown_runs_no_further_trial(make: Callable[[], Path]) -> None:
    root = make()
    code = (
        "import sys; from pipelines.cli.__main__ import main; from pipelines.sweeps import slots; "
        "slots.GROWTH = -1; sys.exit(main(sys.argv[1:]))"
    )
    given = ("sweep", "train.epochs=1", "model.mlp.units=[8],[16],[4]")
    ended = run(root, sys.executable, "-c", code, *given, PYTHONPATH=str(root))
    assert ended.returncode == 0, ended.stdout
    trials = [each for each in runs(root) if "model.mlp.units" in each.data.params]
    assert len({each.data.tags[PROCESS] for each in trials}) == len(trials) == 3


def test_a_killed_sweep_goes_on_with_the_same_trials(make: Callable[[], Path]) -> None:
    whole = sweep(make(), *SPACE, "--trials", "6", "--parallel", "2")
    root = make()
    command = ["lockstep", "sweep", *SPACE, "--trials", "6", "--parallel", "2"]
    for ended in (1, 3):
        process = subprocess.Popen(command, cwd=root)
        until(lambda n=ended: len(list(trials_in(root))) >= n, LONG)
        time.sleep(random.random() * 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = sweep(root, *SPACE, "--trials", "6", "--parallel", "2")
    same = ("number", "values", "state", "value", "history", "experiment", "test")
    assert [{key: each[key] for key in same} for each in found["trials"]] == [
        {key: each[key] for key in same} for each in whole["trials"]
    ]
    assert len(experiments(root)) == 6
    children = [each for each in runs(root) if "mlflow.parentRunId" in each.data.tags]
    assert sorted(each.data.tags["sweep.trial"] for each in children) == list("012345")
    assert {each.info.status for each in runs(root)} == {"FINISHED"}
    assert list((root / layout.WORKSPACES).glob("*")) == []


def test_seeds_show_the_spread_and_what_is_larger_than_it(make: Callable[[], Path]) -> None:
    root = make()
    ended = run(root, "lockstep", "run", "--seeds", "3", "train.epochs=1")
    assert ended.returncode == 0, ended.stdout
    with (root / layout.SEEDS).open() as file:
        rows = {row["metric"]: row for row in csv.DictReader(file)}
    values = [float(rows["accuracy"][f"seed_{seed}"]) for seed in range(3)]
    assert float(rows["accuracy"]["mean"]) == pytest.approx(sum(values) / 3)
    assert len(set(values)) > 1
    (line,) = (each for each in ended.stdout.splitlines() if each.startswith("accuracy "))
    assert float(line.split()[1]) == pytest.approx(sum(values) / 3, rel=1e-5)
    (parent,) = (each for each in runs(root) if "sweep.name" in each.data.tags)
    assert parent.data.metrics["test_accuracy_mean"] == pytest.approx(sum(values) / 3)
    assert not MlflowClient(f"sqlite:///{root / 'mlflow.db'}").search_registered_models()
    worse = sweep(root, "seed=0..1", "train.epochs=1", "train.learning_rate=1e-6")
    first = parent.data.tags["sweep.name"]
    compared = compare(root, first, worse["name"])
    assert compared["over"] == "test examples and seeds"
    found = compared["metrics"]["accuracy"]
    assert found["certain"]
    assert found["first"] == pytest.approx(sum(values) / 3, abs=1e-6)
    assert found["low"] < found["difference"] < found["high"] < 0
    assert not compare(root, first, first)["metrics"]["accuracy"]["certain"]
    refused = run(root, "lockstep", "compare", first, "HEAD")
    assert refused.returncode == 2
    assert "expected two sweeps, or none" in refused.stdout


def compare(root: Path, *names: str) -> dict[str, Any]:
    """Compare two sweeps, and return what is printed as JSON."""
    command = ["lockstep", "compare", *names, "--json"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_sweep_without_mlflow_is_complete_there_when_it_is_back(
    make: Callable[[], Path],
) -> None:
    root, command = make(), ["train.epochs=1", "train.learning_rate=0.01,0.02"]
    absent = {**os.environ, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    ended = subprocess.run(
        ["lockstep", "sweep", *command, "--json"],
        cwd=root, env=absent, capture_output=True, text=True, timeout=LONG, check=False,
    )  # fmt: skip
    # The trials have ended; the registry, which the best one needs, is out of reach.
    assert ended.returncode == 75, ended.stderr
    assert [each["state"] for each in trials_in(root)] == ["complete"] * 2
    synced = run(root, "lockstep", "sync")
    assert synced.returncode == 0, synced.stdout
    found = sweep(root, *command)
    assert found["best"]["value"] == min(each["value"] for each in found["trials"])
    (parent,) = (each for each in runs(root) if "sweep.name" in each.data.tags)
    children = [each for each in runs(root) if "mlflow.parentRunId" in each.data.tags]
    assert {each.data.tags["mlflow.parentRunId"] for each in children} == {parent.info.run_id}
    assert sorted(each.data.tags["sweep.trial"] for each in children) == list("01")
    assert parent.data.metrics["val_loss"] == found["trials"][1]["value"]


def test_an_objective_that_the_history_lacks_is_named(make: Callable[[], Path]) -> None:
    root = make()
    ended = run(root, "lockstep", "sweep", "train.learning_rate=0.01,0.02", "train.epochs=1",
                "--objective", "val_auc")  # fmt: skip
    assert ended.returncode == 2
    assert "--objective: got 'val_auc', expected one of val_loss, val_accuracy" in ended.stdout
    assert not list(trials_in(root))
