"""Experiments that are compared are made from the same files, whatever is edited meanwhile."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lockstep.storage import layout
from pipelines.sweeps import record
from tests.support.workspaces import SMALL, git

pytestmark = pytest.mark.system
DATA = "x,label\n" + "".join(f"{n / 10},{'yes' if n % 3 else 'no'}\n" for n in range(90))
SWEEP = ["lockstep", "sweep", "train.epochs=1,2"]


@pytest.fixture
def root(make_workspace: Callable[..., Path]) -> Path:
    own = {"data.name": "csv", "data.path": "own.csv", "data.target": "label"}
    root = make_workspace({**SMALL, **own, "register.threshold": None}, until="evaluate")
    (root / "own.csv").write_text(DATA)
    return root


def edited_after(root: Path, command: list[str], line: str, edit: Callable[[], object]) -> str:
    """Run a command, edit something after the line, and return the output; it must end with 3."""
    code, output = run_with_edit(root, command, line, edit)
    assert code == 3, output
    return output


def run_with_edit(
    root: Path, command: list[str], line: str, edit: Callable[[], object]
) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    lines = []
    with subprocess.Popen(
        command, cwd=root, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        for each in process.stdout or ():
            lines.append(each)
            if each.startswith(line):
                edit()
    return process.returncode, "".join(lines)


def states(root: Path) -> list[str]:
    files = (root / layout.SWEEPS).glob("sweep-*.json")
    return [each.state for file in files for each in record.trials_in(record.read(file))]


def test_a_fold_with_other_code_than_the_first_is_not_run(root: Path) -> None:
    def edit() -> None:
        with (root / "models" / "mlp.py").open("a") as file:
            file.write("# edited\n")

    command = ["lockstep", "run", "data.folds=2", "data.fold=all"]
    output = edited_after(root, command, "saved as", edit)
    assert "models/mlp.py: changed while the folds ran, expected the same" in output
    assert output.count("train: ran") == 1
    assert not (root / layout.FOLDS_PAGE).exists()


def test_data_that_are_edited_while_a_run_goes_on_are_not_saved_with_it(root: Path) -> None:
    command = ["lockstep", "run", "train.epochs=1"]
    edit = (root / "own.csv").write_text
    output = edited_after(root, command, "train: ran", lambda: edit(DATA + "1.0,yes\n"))
    assert "own.csv: changed while the run went on, expected the same until it ends" in output
    assert git(root, "for-each-ref", "refs/exps") == ""


@pytest.mark.parametrize(
    ("line", "ended"), [("trial 0: complete", ["complete"]), ("trial 0: train", [])]
)
def test_a_sweep_whose_data_are_edited_ends_and_goes_on_with_the_first_ones(
    root: Path, line: str, ended: list[str]
) -> None:
    edit = (root / "own.csv").write_text
    output = edited_after(root, SWEEP, line, lambda: edit(DATA + "1.0,yes\n"))
    assert "own.csv: changed while the sweep ran, expected the same until it ends" in output
    assert states(root) == ended
    edit(DATA)
    code, output = run_with_edit(root, SWEEP, "none", list)
    assert code == 0, output
    assert ("trial 0:" in output) == (not ended)
    assert states(root) == ["complete", "complete"]


def test_all_trials_have_the_preset_that_the_sweep_began_with(root: Path) -> None:
    preset = root / "presets" / "mine.yaml"
    preset.write_text("train:\n  batch_size: 16\n")
    command = [*SWEEP, "--preset", "mine"]
    edit = preset.write_text
    line = "trial 0: complete"
    code, output = run_with_edit(
        root, command, line, lambda: edit("train:\n  batch_size: 8\n")
    )  # fmt: skip
    assert code == 0, output
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("lockstep").experiment_id])
    found = [each.data.params.get("train.batch_size") for each in runs]
    assert found.count("16") == 2, found
    assert "8" not in found
