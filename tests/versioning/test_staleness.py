"""An edit of a package that affects results makes exactly its dependent stages stale."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockstep.storage.content import content_sha256
from lockstep.training import fingerprint
from lockstep.versioning.forecast import forecast
from tests.support.pretended_stages import recorded_workspace
from tests.support.workspaces import STAGES, git, load

DOWNLOAD, NORMALIZE, BUILD, TRAIN, EVALUATE, REGISTER = STAGES
MODEL = {BUILD, TRAIN, EVALUATE, REGISTER}
# Files of each package, and the stages that an edit makes stale.
STALE = {
    "lockstep/data/fetch/http.py": {DOWNLOAD, NORMALIZE},
    "lockstep/data/readers/idx.py": {DOWNLOAD, NORMALIZE},
    "lockstep/data/checks.py": {NORMALIZE},
    "lockstep/data/card/writing.py": {NORMALIZE},
    "lockstep/data/spec/files.py": {NORMALIZE, *MODEL},
    "lockstep/data/spec/target_kinds/mask.py": {NORMALIZE, *MODEL},
    "lockstep/evaluation/reports/mask.py": {EVALUATE, REGISTER},
    "lockstep/modeling/compile.py": MODEL,
    "lockstep/runtime/strategy.py": MODEL,
    "lockstep/training/loop.py": {TRAIN, EVALUATE},
    "lockstep/evaluation/plots.py": {EVALUATE, REGISTER},
    "lockstep/evaluation/scores.py": {EVALUATE, REGISTER},
    "lockstep/evaluation/directions.py": {TRAIN, EVALUATE, REGISTER},
    "lockstep/serving/serving_model.py": {REGISTER},
    "lockstep/tracking/pyfunc_model.py": {REGISTER},
    "models/cnn.py": MODEL,
    "models/_shared/__init__.py": MODEL,
    "tasks/datasets/digits.py": {DOWNLOAD, NORMALIZE},
    "tasks/datasets/_shared/digit_images.py": {DOWNLOAD, NORMALIZE},
    "tasks/build.py": {BUILD},
    "versions.txt": {NORMALIZE, *MODEL},
    "data/none": {DOWNLOAD},
}
NEVER_STALE = (
    "lockstep/errors.py",
    "lockstep/messages.py",
    "lockstep/__main__.py",
    "lockstep/config/reading.py",
    "lockstep/process/console.py",
    "lockstep/storage/atomic_files.py",
    "lockstep/versioning/forecast.py",
    "lockstep/tracking/recorder.py",
    "lockstep/serving/predict.py",
    "lockstep/storage/mirrors.py",
    "models/backbone.py",
    "models/_custom.py",  # as params.yaml doesn't name it
    "models/mlp.py",
    "tasks/datasets/mnist.py",
    "pipelines/experiment.py",
    "data/README.md",
    "requirements.lock",
)
LEFT_BY_EDITORS = (
    "lockstep/training/loop.py~",
    "lockstep/training/.loop.py.swp",
    "lockstep/training/#loop.py#",
    "lockstep/training/loop.py.orig",
    "lockstep/training/.ipynb_checkpoints/loop.py",
    "lockstep/training/.idea/workspace.xml",
    "lockstep/modeling/.DS_Store",
    "lockstep/modeling/__pycache__/model.cpython-311.pyc",
)


@pytest.fixture(scope="module")
def recorded(make_workspace: Callable[..., Path]) -> Path:
    root = recorded_workspace(make_workspace)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Record")
    return root


@pytest.fixture
def edit(recorded: Path) -> Iterator[Callable[[str], None]]:
    """Return a function that adds a line to a file; the edit is undone after the test."""
    edited: list[Path] = []

    def add(name: str) -> None:
        path = recorded / name
        edited.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write("# edited\n")

    yield add
    git(recorded, "checkout", "-q", "--", "lockstep", "models", "tasks", "pipelines", "data/none")
    git(recorded, "checkout", "-q", "--", "versions.txt", "data/README.md", "requirements.lock")
    git(recorded, "clean", "-qfdx", "lockstep", "models", "tasks")


def stale(root: Path) -> set[str]:
    """The stages with a changed dependency that isn't the output of a stage."""
    return {
        each.stage
        for each in forecast(root)
        if any(reason.endswith("has changed") for reason in each.reasons)
    }


@pytest.mark.parametrize("name", STALE)
def test_code_that_affects_results_makes_its_stages_stale(
    recorded: Path, edit: Callable[[str], None], name: str
) -> None:
    before = fingerprint.of(load(recorded), recorded, 1)
    edit(name)
    assert stale(recorded) == STALE[name]
    after = fingerprint.of(load(recorded), recorded, 1)
    assert (after["code"] != before["code"]) == (TRAIN in STALE[name])
    assert {**after, "code": ""} == {**before, "code": ""}


@pytest.mark.parametrize("name", [*NEVER_STALE, *LEFT_BY_EDITORS])
def test_code_that_affects_no_result_makes_no_stage_stale(
    recorded: Path, edit: Callable[[str], None], name: str
) -> None:
    before = fingerprint.of(load(recorded), recorded, 1)
    edit(name)
    assert stale(recorded) == set()
    assert fingerprint.of(load(recorded), recorded, 1) == before


def test_data_files_are_dependencies_whatever_their_names(
    recorded: Path, edit: Callable[[str], None]
) -> None:
    before = content_sha256(recorded, "data/ready")
    for name in ("copy.orig", "._x.npy", ".part-x"):
        (recorded / "data" / "ready" / name).write_text(name)
    changed = content_sha256(recorded, "data/ready")
    (recorded / "data" / "ready" / ".part-x").unlink()
    assert before != changed == content_sha256(recorded, "data/ready")
    for name in ("copy.orig", "._x.npy"):
        (recorded / "data" / "ready" / name).unlink()


def test_an_installed_engine_replaces_a_missing_one(recorded: Path, tmp_path: Path) -> None:
    mine = content_sha256(recorded, "lockstep/runtime")
    assert content_sha256(tmp_path, "lockstep/runtime") == mine
