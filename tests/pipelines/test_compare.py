"""`lockstep compare`: what differs between experiments, read from git and MLflow."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.config.overrides import write_overridden
from tests.support.browser import keep, opened
from tests.support.mlflow_server import mlflow_server
from tests.support.workspaces import git, run

NAME = "seed-2-1a2b3c4d"


@pytest.fixture(scope="module")
def root(make_workspace: Callable[..., Path]) -> Path:
    """A project with metrics at HEAD and in one DVC experiment."""
    root = make_workspace(name="compared")
    (root / "report").mkdir(exist_ok=True)

    def commit(metrics: dict[str, float], *assignments: str) -> None:
        write_overridden(root / "params.yaml", list(assignments))
        (root / "report" / "metrics.json").write_text(json.dumps({"test": metrics}))
        git(root, "add", "--force", "params.yaml", "report/metrics.json")
        git(root, "commit", "--quiet", "--message", "results")

    commit({"accuracy": 0.9, "loss": 0.5})
    commit({"accuracy": 0.95}, "seed=2", "model.name=mlp", "train.epochs=null", "train.steps=9")
    git(root, "update-ref", f"refs/exps/ab/cdef/{NAME}", "HEAD")
    git(root, "reset", "--quiet", "--hard", "HEAD^")
    return root


def test_the_table_has_what_differs_and_all_metrics(root: Path) -> None:
    ended = run(root, "lockstep", "compare", NAME, "HEAD")
    assert ended.returncode == 0, ended.stdout
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert rows[0] == [NAME, "HEAD"]
    assert ["seed", "2", "0"] in rows
    assert ["model.name", "mlp", "cnn"] in rows
    assert ["test", "accuracy", "0.95", "0.9"] in rows
    assert ["test", "loss", "-", "0.5"] in rows
    assert ["train.epochs", "null", "20"] in rows  # which isn't one that it hasn't
    assert not [row for row in rows if row[0].startswith("data.")]
    assert ended.stdout.splitlines()[-1] == f"MLflow: no run of {NAME}, HEAD"


def test_one_alone_is_compared_with_the_workspace(root: Path) -> None:
    found = json.loads(run(root, "lockstep", "compare", "HEAD", "--json").stdout)
    assert found == {"params": {}, "metrics": {"accuracy": [0.9, 0.9], "loss": [0.5, 0.5]}}


def test_an_unknown_name_is_one_line(root: Path) -> None:
    # What DVC keeps while it runs an experiment isn't one to compare.
    git(root, "update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    ended = run(root, "lockstep", "compare", "seed-3")
    known = f"one of {NAME}, workspace; did you mean {NAME}?"
    line = f"lockstep compare: got 'seed-3', expected a git revision, or {known}\n"
    assert (ended.returncode, ended.stdout) == (2, line)


def test_a_revision_without_parameters_is_bad_data(root: Path) -> None:
    tree = git(root, "hash-object", "-t", "tree", "-w", "/dev/null").strip()
    empty = git(root, "commit-tree", tree, "-m", "empty").strip()
    ended = run(root, "lockstep", "compare", empty)
    assert ended.returncode == 3
    assert "has no params.yaml, expected an experiment of this project" in ended.stdout


def test_metrics_that_arent_are_bad_data(root: Path) -> None:
    file = root / "report" / "metrics.json"
    kept = file.read_text()
    file.write_text("<<<<<<< HEAD\n")
    ended = run(root, "lockstep", "compare", "HEAD")
    file.write_text(kept)
    assert ended.returncode == 3
    assert (
        "workspace: report/metrics.json: expected the metrics that the stage evaluate"
        in ended.stdout
    )


def test_mlflow_that_doesnt_answer_is_a_line_below_the_table(root: Path) -> None:
    ended = run(
        root, "lockstep", "compare", NAME, "HEAD",
        MLFLOW_TRACKING_URI="http://127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
    )  # fmt: skip
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "MLflow: http://127.0.0.1:9 doesn't answer"


@pytest.fixture(scope="module")
def tracked(root: Path) -> tuple[str, list[str]]:
    """The database, and the ids of two runs.

    One has the experiment's name, the other the weights in the commit's dvc.lock.
    """
    import mlflow
    from mlflow.entities import Metric

    out = {"path": "weights/best.weights.h5", "md5": "abcdef"}
    lock = {"schema": "2.0", "stages": {"train": {"cmd": "python -m tasks train", "outs": [out]}}}
    (root / "dvc.lock").write_text(json.dumps(lock))
    git(root, "add", "--force", "dvc.lock")
    git(root, "commit", "--quiet", "--message", "trained")
    uri = f"sqlite:///{root / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    experiment = client.create_experiment("lockstep")
    tags = {"first": {"dvc.experiment": NAME}, "second": {"dvc.weights/best.weights.h5": "abcdef"}}
    made = [client.create_run(experiment, tags=each, run_name=name) for name, each in tags.items()]
    curves = [Metric(name, 1 / step, 0, step) for name in ("loss", "val_loss") for step in (1, 2)]
    for each in made:
        client.log_batch(each.info.run_id, metrics=curves)
    return uri, [each.info.run_id for each in made]


def test_without_a_server_the_runs_are_named(root: Path, tracked: tuple[str, list[str]]) -> None:
    line = run(root, "lockstep", "compare", NAME, "HEAD").stdout.splitlines()[-1]
    assert line == f"MLflow: {', '.join(tracked[1])}; `make up` shows their page"


@pytest.mark.system
def test_mlflows_pages_compare_the_runs(
    root: Path, tracked: tuple[str, list[str]], tmp_path: Path
) -> None:
    with mlflow_server(tracked[0], tmp_path) as address:
        ended = run(root, "lockstep", "compare", NAME, "HEAD", MLFLOW_TRACKING_URI=address)
        pages = dict(line.split(": ", 1) for line in ended.stdout.splitlines()[-2:])
        with opened(pages["MLflow"]) as page:
            page.get_by_text("Comparing 2 Runs from 1 Experiment").first.wait_for()
        with opened(pages["curves"]) as page:
            for name in ("first (loss)", "first (val_loss)", "second (loss)", "second (val_loss)"):
                page.get_by_text(name, exact=True).first.wait_for()
            keep(page, "mlflow-curves", tmp_path)


@pytest.mark.system
def test_the_list_of_all_runs_has_an_address(
    root: Path, tracked: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lockstep.tracking import run_url

    with mlflow_server(tracked[0], tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        found = run_url.of_all_runs(root)
    assert found.startswith(f"{address}/#/experiments/1/runs?")
    assert found.endswith("&viewStateShareKey=lockstep")
