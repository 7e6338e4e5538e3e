"""What `lockstep sweep` refuses, before TensorFlow, Prefect, MLflow or DVC is imported."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import SMALL, run

SLOW = "tensorflow,prefect,mlflow,dvc"
RATES = "train.learning_rate=0.1,0.01"


@pytest.fixture(scope="module")
def project(make_workspace: Callable[..., Path]) -> Path:
    """One project for all: nothing is changed in it."""
    return make_workspace(SMALL)


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["train.learning_rat=1,2"], 2, "train.learning_rat: unknown key"),
        (["train.batch_size=32,none"], 2, "train.batch_size: got 'none'"),
        (["train.epochs=3"], 2, "got no key with several values"),
        ([RATES, "--objective", "accuracy"], 2, "expected a metric of the validation split"),
        ([RATES, "data.validation_split=0"], 2, "got no validation split"),
        (
            [RATES, "data.validation_split=0", "train.validation=test"],
            2,
            "would be a test metric",
        ),
        (["seed=0..1999", "--parallel", "2000"], 4, "--parallel: got 2000, expected at most"),
        (["nightly"], 2, "got 'nightly', expected key=values, or the name of a file in sweeps/"),
        (["train.learning_rate=log:1e-3..1"], 2, "--trials: not given"),
    ],
)
def test_a_mistake_is_one_line(project: Path, arguments: list[str], code: int, line: str) -> None:
    ended = run(project, "lockstep", "sweep", *arguments, LOCKSTEP_FORBIDDEN=SLOW)
    assert (ended.returncode, ended.stdout.count("\n")) == (code, 1), ended.stdout
    assert line in ended.stdout


def test_a_file_with_a_mistake_is_named(project: Path) -> None:
    (project / "sweeps" / "mine.yaml").write_text("overrides: {seed: 0..4}\ntrails: 3\n")
    ended = run(project, "lockstep", "sweep", "mine", LOCKSTEP_FORBIDDEN=SLOW)
    assert ended.returncode == 2
    assert "sweeps/mine.yaml: trails: unknown key, expected one of" in ended.stdout


def test_one_seed_has_no_spread(project: Path) -> None:
    ended = run(project, "lockstep", "run", "--seeds", "1", LOCKSTEP_FORBIDDEN=SLOW)
    assert ended.returncode == 2
    assert "--seeds: got 1, expected a number of 2 or more" in ended.stdout


def test_json_of_a_single_run(project: Path) -> None:
    ended = run(project, "lockstep", "run", "--json", LOCKSTEP_FORBIDDEN=SLOW)
    assert ended.returncode == 2
    assert ended.stdout == "lockstep run: --json: got it without --seeds, expected both\n"
