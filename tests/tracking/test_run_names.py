"""Names and descriptions by which runs are told apart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.config import presets
from lockstep.config.overrides import write_overridden
from lockstep.config.reading import load_params
from lockstep.storage.checkout import commit_of
from lockstep.tracking import PRESET, run_names
from lockstep.tracking.run_names import description_of, run_name
from tests.support.workspaces import git

PHASES = 'train.phases=[{"epochs": 1, "freeze": "conv2d"}, {"epochs": 2}]'


@pytest.fixture
def named(make_workspace: Callable[..., Path]) -> Callable[..., str]:
    """Return a function that gives the name of a run with overrides."""
    root = make_workspace()

    def name(*assignments: str) -> str:
        write_overridden(root / "params.yaml", list(assignments))
        found = run_name(load_params(root), root)
        git(root, "checkout", "--quiet", "params.yaml")
        return found

    name.root = root  # type: ignore[attr-defined]
    return name


def test_a_run_like_head_has_its_data_model_and_commit(named: Any) -> None:
    assert named() == f"digits cnn {commit_of(named.root)[:7]}"


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (["seed=2"], "seed=2"),
        (["model.name=mlp", "train.learning_rate=0.1"], "mlp lr=0.1"),
        (["data.name=csv", "data.path=data/mine/cars.csv"], "csv cars"),
        (["data.mirror=/somewhere", "seed=3"], "seed=3"),
        ([PHASES, "train.epochs=null"], 'epochs=null phases=[{"epochs":1,"freeze":["conv2d"]…'),
    ],
)
def test_a_run_is_named_by_what_differs(named: Any, assignments: list[str], expected: str) -> None:
    assert named(*assignments) == expected


def test_many_differences_are_counted(named: Any) -> None:
    changes = ["seed=2", "train.batch_size=7", "train.epochs=2", "train.optimizer=sgd"]
    more = [
        "train.learning_rate=0.1",
        "train.order=sequential",
        "train.log_steps=5",
        "model.name=mlp",
    ]
    found = named(*changes, *more)
    assert found.startswith("seed=2 mlp ")
    assert found.endswith(" and 2 more")


def test_a_preset_has_its_name(named: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRESET, "mnist-cnn")
    assigned = presets.assignments(named.root, "mnist-cnn")
    assert named(*assigned) == "mnist-cnn"
    assert named(*assigned, "seed=5") == "mnist-cnn seed=5"


def test_parameters_at_head_that_arent_valid_today_are_compared_as_written(named: Any) -> None:
    params = named.root / "params.yaml"
    before = params.read_text()
    params.write_text(
        before.replace("  epochs: 20 ", "  epochs: 20x ").replace("seed: 0", "seed: 3")
    )
    git(named.root, "commit", "--quiet", "-am", "a mistake")
    params.write_text(before)
    assert run_name(load_params(named.root), named.root) == "seed=0 epochs=20"
    git(named.root, "reset", "--quiet", "--hard", "HEAD^")


def test_a_name_fits_into_mlflows_databases(named: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_names, "LONGEST_NAME", 12)
    assert named("seed=2", "train.batch_size=7") == "seed=2 batch"


def test_a_value_stays_in_its_code(named: Any) -> None:
    write_overridden(named.root / "params.yaml", ['data.delimiter="`"'])
    found = description_of(load_params(named.root), named.root, {})
    git(named.root, "checkout", "--quiet", "params.yaml")
    assert "commit: `data.delimiter: '`" in found


def test_parameters_at_head_that_cannot_be_read_make_no_difference(named: Any) -> None:
    params = load_params(named.root)
    (named.root / "params.yaml").write_text("- no mapping\n")
    git(named.root, "commit", "--quiet", "-am", "broken")
    assert run_name(params, named.root) == f"digits cnn {commit_of(named.root)[:7]}"


def test_the_description_has_differences_changed_files_and_metrics(named: Any) -> None:
    root = named.root
    write_overridden(root / "params.yaml", ["seed=2"])
    with (root / "models" / "cnn.py").open("a") as file:
        file.write("# more\n")
    found = description_of(load_params(root), root, {"accuracy": 0.98, "auc": None})
    commit = commit_of(root)[:7]
    assert f"**digits, cnn**, commit {commit}, with changes in models/cnn.py\n" in found
    assert "\n\nParameters that differ from the commit: `seed: 2`\n\n" in found
    assert found.endswith("\n\nMetrics of the test split: accuracy 0.98, auc not defined")
