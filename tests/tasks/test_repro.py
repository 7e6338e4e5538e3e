"""`dvc repro` in a fresh clone: the files, the run, the version, and the same bytes twice."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lockstep.modeling.weights import weights_digest
from lockstep.tracking import run_tags
from tests.faults.invariants import recorded
from tests.support.workspaces import REPOSITORY, STAGES, git, run, run_stages

# What users have set for other programs, in their home and in their shell.
SETTINGS = {
    ".config/dvc/config": "[cache]\n    type = symlink\n",
    ".config/matplotlib/matplotlibrc": "font.size: 14\nsavefig.dpi: 60\n",
    ".keras/keras.json": '{"floatx": "float64", "image_data_format": "channels_first"}',
}
VARIABLES = {
    "FORCE_COLOR": "1", "LC_ALL": "C", "MPLBACKEND": "TkAgg", "PYTHONOPTIMIZE": "2",
    "PYTHONUTF8": "0", "TERM": "xterm-256color", "TF_USE_LEGACY_KERAS": "1", "TZ": "Asia/Kolkata",
}  # fmt: skip


class Reproduced(NamedTuple):
    root: Path
    output: str


@pytest.fixture(scope="module")
def reproduced(make_workspace: Callable[..., Path]) -> Reproduced:
    """The default experiment, reproduced in a fresh clone whose path needs quoting."""
    root = make_workspace(name="it's a clone ü")
    ended = run(root, "dvc", "repro")
    assert ended.returncode == 0, ended.stdout
    return Reproduced(root, ended.stdout)


@pytest.fixture(scope="module")
def client(reproduced: Reproduced) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{reproduced.root / 'mlflow.db'}")


def read(root: Path, name: str) -> Any:
    return json.loads((root / "report" / name).read_text())


def test_six_stages_are_recorded(reproduced: Reproduced) -> None:
    lock = (reproduced.root / "dvc.lock").read_text()
    assert [name for name in STAGES if f"\n  {name}:\n" in lock] == list(STAGES)


def test_the_model_is_good(reproduced: Reproduced) -> None:
    assert read(reproduced.root, "metrics.json")["test"]["accuracy"] >= 0.97
    assert read(reproduced.root, "registered.json")["verdict"] == "passed"


def test_a_second_time_no_stage_runs(reproduced: Reproduced) -> None:
    ended = run(reproduced.root, "dvc", "repro")
    assert ended.returncode == 0
    assert "Running stage" not in ended.stdout
    assert "up to date" in run(reproduced.root, "dvc", "status").stdout


def test_git_sees_small_results_only(reproduced: Reproduced) -> None:
    new = git(reproduced.root, "status", "--porcelain", "-uall").splitlines()
    assert sorted(line.split()[-1] for line in new) == [
        "dvc.lock",
        *(
            f"report/{name}"
            for name in (
                "classes.csv", "curves.png", "data.json", "history.csv", "metrics.json",
                "mistakes.png", "model.json", "precision_recall.csv", "predictions.csv",
                "predictions.png", "registered.json", "roc.csv",
            )
        ),
    ]  # fmt: skip


def test_the_best_weights_are_a_logged_model(reproduced: Reproduced, client: Any) -> None:
    models = client.search_logged_models(["1"], "attributes.model_type = 'checkpoint'")
    (best,) = models
    assert (best.name, str(best.status)) == ("best", "READY")
    found = {each.key: (each.dataset_name, each.step) for each in best.metrics}
    epoch = int(best.tags["checkpoint.epoch"])
    assert found["val_loss"] == ("digits validation", epoch)
    assert found["loss"] == ("digits train", epoch)
    assert found["test_accuracy"] == ("digits test", 0)


def test_dvc_shows_metrics_and_plots(reproduced: Reproduced) -> None:
    shown = json.loads(run(reproduced.root, "dvc", "metrics", "show", "--json").stdout)
    assert shown[""]["data"]["report/metrics.json"]["data"] == read(reproduced.root, "metrics.json")
    assert shown[""]["data"]["report/data.json"]["data"]["examples"]["test"] == 360
    plots = run(reproduced.root, "dvc", "plots", "show")
    assert plots.returncode == 0, plots.stdout
    page = (reproduced.root / "dvc_plots" / "index.html").read_text()
    for title in (
        "Loss", "Actual and predicted", "Recall of each class", "Training targets",
        "ROC curve of each class", "Precision and recall of each class",
    ):  # fmt: skip
        assert title in page
    shutil.rmtree(reproduced.root / "dvc_plots")


def test_one_finished_run_records_everything(reproduced: Reproduced, client: Any) -> None:
    (found,) = client.search_runs([client.get_experiment_by_name("lockstep").experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["train.batch_size"] == "32"
    assert found.data.params["model.cnn.filters"] == "[32, 64]"
    assert found.data.tags["training.strategy"] == "MirroredStrategy"
    assert found.data.tags["training.workers"] == "1"
    assert found.data.tags["training.deterministic"] == "True"
    assert found.data.tags["training.replicas"] == "1"
    points = client.get_metric_history(found.info.run_id, "val_accuracy")
    assert [point.step for point in points] == list(range(1, 21))
    assert (
        found.data.metrics["test_accuracy"]
        == read(reproduced.root, "metrics.json")["test"]["accuracy"]
    )
    lock = (reproduced.root / "dvc.lock").read_text()
    inputs = {each.dataset.digest for each in found.inputs.dataset_inputs}
    contexts = {each.dataset.name: each.tags[0].value for each in found.inputs.dataset_inputs}
    assert contexts == {
        "digits": "raw", "digits train": "training", "digits validation": "validation",
        "digits test": "test",
    }  # fmt: skip
    assert len(inputs) == 2
    assert all(f"md5: {digest}.dir" in lock for digest in inputs)
    artifacts = {each.path for each in client.list_artifacts(found.info.run_id, "report")}
    assert {"report/curves.png", "report/mistakes.png", "report/history.csv"} <= artifacts
    assert {"report/data.json", "report/data.md", "report/data"} <= artifacts


def test_each_visible_tag_is_of_a_documented_group(client: Any) -> None:
    page = (REPOSITORY / "docs" / "servers.md").read_text()
    documented = set(re.findall(r"^\| `(\w+\.)` \|", page, re.MULTILINE))
    (found,) = client.search_runs([client.get_experiment_by_name("lockstep").experiment_id])
    visible = {name for name in found.data.tags if not name.startswith("mlflow.")}
    groups = {f"{name.partition('.')[0]}." for name in visible if "." in name}
    assert [name for name in visible if "." not in name] == []
    assert groups == documented - {"prefect."}  # `dvc repro` is no flow run
    assert set(run_tags.NAMES.values()) <= visible
    assert run_tags.PROCESS in found.data.tags


def test_the_champion_has_these_weights(reproduced: Reproduced, client: Any) -> None:
    version = client.get_model_version_by_alias("digits", "champion")
    digest = weights_digest(reproduced.root / "weights" / "best.weights.h5")
    assert version.tags["weights"] == digest == read(reproduced.root, "registered.json")["digest"]


def test_nothing_waits_for_a_network(reproduced: Reproduced, hermetic: Path) -> None:
    assert not hermetic.exists(), hermetic.read_text()


def test_the_network_guard_records_an_attempt(tmp_path: Path, hermetic: Path) -> None:
    attempts = tmp_path / "attempts"
    code = "import socket; socket.create_connection(('192.0.2.1', 80))"
    ended = run(tmp_path, "python", "-c", code, LOCKSTEP_ATTEMPTS=str(attempts))
    assert ended.returncode != 0
    assert "192.0.2.1" in attempts.read_text()


@pytest.mark.system
def test_a_second_clone_ends_in_the_same_weights(
    reproduced: Reproduced, make_workspace: Callable[..., Path], tensorflow: Any
) -> None:
    # All in one process that has trained other models; dvc repro used a process per stage.
    other = run_stages(make_workspace(name="other"), "download", "normalize", "build", "train")
    for name in ("initial", "best", "last"):
        weights = f"weights/{name}.weights.h5"
        assert (other / weights).read_bytes() == (reproduced.root / weights).read_bytes()
    history = "report/history.csv"
    assert (other / history).read_bytes() == (reproduced.root / history).read_bytes()


@pytest.mark.system
def test_no_setting_of_the_user_changes_a_result(
    reproduced: Reproduced, make_workspace: Callable[..., Path], tmp_path: Path
) -> None:
    for name, text in SETTINGS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    root = make_workspace(name="another user's")
    in_a_terminal = ("script", "-qec", "stty cols 47; umask 077; dvc repro", "/dev/null")
    ended = run(root, *in_a_terminal, **VARIABLES, HOME=str(tmp_path), MPLCONFIGDIR="")
    assert ended.returncode == 0, ended.stdout
    assert recorded(root) == recorded(reproduced.root)


@pytest.mark.system
def test_dvc_experiments_work(reproduced: Reproduced) -> None:
    root = reproduced.root
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Reproduce")
    ended = run(root, "dvc", "exp", "run", "--name", "strict", "-S", "register.threshold=0.999")
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.count("Running stage") == 1
    (shown,) = [
        row
        for row in run(root, "dvc", "exp", "show", "--csv").stdout.splitlines()
        if row.startswith("strict,")
    ]
    assert ",0.999," in shown


def test_a_stage_that_fails_leaves_one_line(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace({"data.name": "mnist", "data.mirror": "nowhere"})
    ended = run(root, "dvc", "repro")
    assert ended.returncode == 255
    lines = [line for line in ended.stdout.splitlines() if line.startswith("download: ")]
    assert lines == [
        f"download: data.mirror: got 'nowhere', but there is no folder {root / 'nowhere' / 'mnist'}"
    ]
    assert not (root / "data" / "raw").exists()
