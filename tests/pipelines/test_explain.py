"""`lockstep explain`: why two experiments differ, with experiments that have really run."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lockstep.config.overrides import write_overridden
from lockstep.versioning.hashes import experiment_inputs
from pipelines import workspaces
from pipelines.attribution import stages_until
from tests.support.workspaces import REPOSITORY, SMALL, STAGES, git, run

MODEL, EVALUATE = Path("models", "mlp.py"), Path("tasks", "evaluate.py")
SLOW = "tensorflow,prefect,mlflow,dvc"
GUARD = REPOSITORY / "tests" / "guard"
UNTIL = STAGES[: STAGES.index("evaluate") + 1]


class Experiments(NamedTuple):
    """A project, and what was run in it: names of DVC experiments, and commits."""

    root: Path
    other_code: str  # a commit: as the experiment `both`, with another model's file
    comment: str  # as that, but evaluate.py has a comment more
    versions: str  # as `both`, with another version of NumPy


@pytest.fixture(scope="module")
def made(make_workspace: Callable[..., Path]) -> Experiments:
    """Experiments of digits with a small dense model; `both` has two other parameters."""
    root = make_workspace({**SMALL, "train.epochs": 1}, "explained", until="evaluate")
    bring_up_to_date(root)
    workspaces.save(root, "first", experiment_inputs(root), None)
    write_overridden(root / "params.yaml", ["train.epochs=2", "train.learning_rate=0.03"])
    bring_up_to_date(root)
    workspaces.save(root, "both", experiment_inputs(root), None)
    versions = commit(root, Path("versions.txt"), "numpy==", "numpy==1.")
    git(root, "reset", "--quiet", "--hard", "HEAD^")
    other_code = commit(root, MODEL, "relu", "tanh")
    comment = commit(root, EVALUATE, '"""', '"""One more. ')
    git(root, "reset", "--quiet", "--hard", "HEAD^^")
    return Experiments(root, other_code, comment, versions)


def bring_up_to_date(root: Path) -> None:
    """Run the stages by the project's own code: this process has that of the repository."""
    path = os.pathsep.join([str(root), str(GUARD)])
    ended = run(root, sys.executable, "-P", stages_until.__file__, "evaluate", PYTHONPATH=path)
    assert ended.returncode == 0, ended.stdout


def commit(root: Path, file: Path, old: str, new: str) -> str:
    """Edit a file of the experiment `both`, run what depends on it, and return the commit."""
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    write_overridden(root / "params.yaml", ["train.epochs=2", "train.learning_rate=0.03"])
    if file.suffix == ".py":
        bring_up_to_date(root)
    else:  # another environment would have run the stages
        before, after = md5(text), md5((root / file).read_text())
        lock = root / "dvc.lock"
        lock.write_text(lock.read_text().replace(before, after))
    git(root, "add", "params.yaml", "dvc.lock", "report", str(file))
    git(root, "commit", "--quiet", "--message", f"another {file}")
    return git(root, "rev-parse", "HEAD").strip()


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def explained(root: Path, *arguments: str, **environment: str) -> Any:
    ended = run(root, "lockstep", "explain", "--json", *arguments, **environment)
    assert ended.returncode == 0, ended.stdout
    return json.loads(ended.stdout[ended.stdout.index("{\n") :])


@pytest.mark.system
def test_parameters_and_the_first_stage_that_differs(made: Experiments) -> None:
    found = explained(made.root, "first", "both", LOCKSTEP_FORBIDDEN=SLOW)
    assert found["params"] == [
        {"key": "train.epochs", "a": 1, "b": 2},
        {"key": "train.learning_rate", "a": 0.01, "b": 0.03},
    ]
    assert (found["code"], found["data"], found["versions"]) == ([], [], [])
    assert found["first"] == "train"
    stages = {each["stage"]: each for each in found["stages"]}
    assert list(stages) == list(UNTIL)
    assert stages["train"]["inputs"] == ["train.epochs", "train.learning_rate"]
    assert "weights/best.weights.h5" in stages["train"]["outputs"]
    assert stages["build"]["inputs"] == stages["build"]["outputs"] == []
    before, after = found["metrics"]["accuracy"]
    assert before < after
    assert found["not_reproducible"] == []


@pytest.mark.system
def test_a_code_file_is_named(made: Experiments) -> None:
    found = explained(made.root, "both", made.other_code)
    assert found["code"] == [{"path": str(MODEL), "files": {str(MODEL): "M"}, "note": ""}]
    assert found["first"] == "train"
    assert found["metrics"]["accuracy"][0] != found["metrics"]["accuracy"][1]


def test_equal_outputs_of_other_inputs(made: Experiments) -> None:
    found = explained(made.root, made.other_code, made.comment)
    assert [each["path"] for each in found["code"]] == [str(EVALUATE)]
    assert found["first"] == ""
    text = run(made.root, "lockstep", "explain", made.other_code, made.comment).stdout
    assert "evaluate   other inputs, same outputs" in text
    assert "no output differs, although inputs do" in text


def test_other_outputs_of_the_same_inputs_are_a_warning(made: Experiments) -> None:
    root = made.root
    git(root, "checkout", "--quiet", made.other_code)
    lock = (root / "dvc.lock").read_text()
    md5 = lock.partition("weights/last.weights.h5\n")[2].partition("md5: ")[2][:32]
    assert len(md5) == 32
    (root / "dvc.lock").write_text(lock.replace(md5, 32 * "a"))
    text = run(root, "lockstep", "explain", "HEAD", "workspace").stdout
    git(root, "checkout", "--quiet", "--force", "main")
    assert "NOT REPRODUCIBLE: train has other weights/" in text


def test_stages_that_never_ran_and_versions(made: Experiments) -> None:
    found = explained(made.root, "main", made.versions)
    assert {tuple(each["never_ran"]) for each in found["stages"]} == {("main",)}
    (version,) = found["versions"]
    assert (version["library"], version["decides"]) == ("numpy", True)
    assert found["a"]["problem"] == "dvc.lock has no stages"
    assert found["b"]["problem"] == ""


def test_data_that_dvc_records_and_files_of_a_folder(workspace: Path) -> None:
    root = workspace
    file = root / "data" / "houses.csv.dvc"
    for md5 in ("a" * 32, "b" * 32):
        file.write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: houses.csv\n")
        git(root, "add", str(file))
        git(root, "commit", "--quiet", "--message", "data")
    for name in ("models/_shared/parts.py", "lockstep/config/parts.py", "models/other.py"):
        (root / name).write_text("WIDTH = 3\n")
        git(root, "add", name)
    git(root, "commit", "--quiet", "--message", "code")
    found = explained(root, "HEAD~2", "HEAD", LOCKSTEP_FORBIDDEN=SLOW)
    (data,) = found["data"]
    assert data == {
        "path": "data/houses.csv", "a": "a" * 32, "b": "b" * 32,
        "recorded_by": "data/houses.csv.dvc",
    }  # fmt: skip
    (code,) = found["code"]  # no stage reads another model's file
    assert (code["path"], code["files"]) == ("models/_shared", {"models/_shared/parts.py": "A"})
    assert code["note"] == "no stage of HEAD~2 and HEAD has run with it"
    assert found["other_code"] == ["lockstep/config/parts.py"]


def test_an_unknown_name_is_one_line(made: Experiments) -> None:
    ended = run(made.root, "lockstep", "explain", "first", "bot", LOCKSTEP_FORBIDDEN=SLOW)
    assert ended.returncode == 2
    line = "lockstep explain: got 'bot', expected a git revision, or one of "
    assert ended.stdout.startswith(line)
    assert ended.stdout.count("\n") == 1


def test_other_versions_are_not_attributable(made: Experiments) -> None:
    ended = run(made.root, "lockstep", "explain", "first", made.versions, "--attribute")
    assert ended.returncode == 2
    last = ended.stdout.splitlines()[-1]
    assert last.startswith("lockstep explain: --attribute: numpy ")
    assert "not attributable" in last
    assert git(made.root, "worktree", "list").count("\n") == 1


@pytest.mark.system
def test_the_shares_of_two_parameters_sum_to_the_total(made: Experiments) -> None:
    before = git(made.root, "status", "--porcelain", "-uall")
    found = explained(made.root, "first", "both", "--attribute")["attribution"]
    assert found["metric"] == "accuracy"
    total = found["b"] - found["a"]
    assert [each["difference"] for each in found["differences"]] == [
        "train.epochs", "train.learning_rate",
    ]  # fmt: skip
    for order in ("forward", "backward"):
        assert sum(each[order] for each in found["differences"]) == pytest.approx(total)
    assert found["experiments_between"] == 2
    assert found["stages_run"] == ["train", "evaluate"] * 2
    again = explained(made.root, "first", "both", "--attribute")["attribution"]
    assert again == {**found, "stages_run": []}
    assert git(made.root, "status", "--porcelain", "-uall") == before
    assert git(made.root, "worktree", "list").count("\n") == 1
    names = git(made.root, "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps").split()
    assert set(names) == {"first", "both"}


@pytest.mark.system
def test_code_and_a_parameter_without_effect(made: Experiments) -> None:
    root = made.root
    git(root, "checkout", "--quiet", "--detach", made.comment)
    write_overridden(root / "params.yaml", ["register.threshold=0.5"])
    git(root, "commit", "--quiet", "-am", "a parameter that only register reads")
    ended = run(root, "lockstep", "explain", "both", "HEAD", "--attribute", "--metric", "loss")
    git(root, "checkout", "--quiet", "main")
    assert ended.returncode == 0, ended.stdout
    table = [line.split() for line in ended.stdout.partition("loss: ")[2].splitlines()]
    shares = {row[0]: row[1:3] for row in table if row and row[0] in (str(MODEL), "total")}
    assert shares[str(MODEL)] == shares["total"]  # a comment has no share
    assert [str(EVALUATE), "+0", "+0"] in table
    assert "no share, since no stage before the test metrics reads it: register.threshold" in (
        ended.stdout
    )
