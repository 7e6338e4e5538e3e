"""Hermetic tests: an own home, no network, workspaces in temporary folders."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import params
from tasks import _environment, _stages
from tests.loops import make_loop  # noqa: F401  # a fixture
from tests.prefect_server import server  # noqa: F401  # a fixture

REPOSITORY = Path(__file__).parent.parent
GUARD = Path(__file__).parent / "guard"
TEST_DATA = Path(
    os.environ.get("LOCKSTEP_TEST_DATA", REPOSITORY.parent / "shared" / "data")
).resolve()
STAGES = ("download", "normalize", "build", "train", "evaluate", "register")
KEPT = (
    "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CI", "LOCKSTEP_SCREENSHOTS",
)  # fmt: skip
SMALL = {
    "train.epochs": 2,
    "train.learning_rate": 0.01,
    "model.name": "mlp",
    "model.mlp.units": [16],
}


@pytest.fixture(scope="session", autouse=True)
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An environment of its own for this process and all it starts; yields the attempts' file."""
    home = tmp_path_factory.mktemp("home")
    attempts = home / "attempts"
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({name: before[name] for name in KEPT if name in before})
    os.environ.update(
        HOME=str(home),
        PATH=f"{Path(sys.executable).parent}:{before['PATH']}",
        PYTHONPATH=str(GUARD),
        LOCKSTEP_ATTEMPTS=str(attempts),
        MPLCONFIGDIR=str(home / "matplotlib"),
        **{
            f"GIT_{who}_{what}": "t@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
        GIT_CONFIG_GLOBAL="/dev/null",
    )
    _environment.prepare(home)
    yield attempts
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def make_workspace(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what makes a fresh clone of the repository as it stands, with parameters changed.

    `until` is its last stage, where the others would only take time.
    """

    def make(
        changes: dict[str, Any] | None = None,
        name: str = "workspace",
        until: str = STAGES[-1],
    ) -> Path:
        root = tmp_path_factory.mktemp(name) / "lockstep"
        listed = git(REPOSITORY, "ls-files", "-co", "--exclude-standard").splitlines()
        for file in filter(lambda each: (REPOSITORY / each).is_file(), listed):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / file, root / file)
        for result in ("dvc.lock", "report"):
            subprocess.run(["rm", "-rf", root / result], check=True)
        write_params(root, changes or {})
        keep_stages(root, STAGES[: STAGES.index(until) + 1])
        git(root, "init", "-q", "-b", "main")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "Start")
        return root

    return make


@pytest.fixture
def workspace(make_workspace: Callable[..., Path]) -> Path:
    """A fresh clone with parameters that train in a moment."""
    return make_workspace(SMALL)


@pytest.fixture(scope="session")
def tensorflow(hermetic: Path) -> Any:
    """TensorFlow, started as every stage starts it."""
    from tasks import _runtime

    _runtime.start(0)
    return _runtime.tf


@pytest.fixture(scope="session")
def prepared(make_workspace: Callable[..., Path], tensorflow: Any) -> Path:
    """A workspace whose first three stages have run; tests copy it."""
    return run_stages(make_workspace(SMALL, "prepared"), "download", "normalize", "build")


def run_stages(root: Path, *names: str) -> Path:
    """Run stages in this process, where TensorFlow is imported already."""
    for name in names or STAGES:
        _stages.run(name, root)
    return root


@pytest.fixture(scope="session")
def judged(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the prepared workspace that is trained and evaluated too; tests only look."""
    root = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("judged") / "lockstep"))
    return run_stages(root, "train", "evaluate")


def champion(root: Path, name: str = "digits") -> Any:
    """Return a registered model as anyone loads it."""
    import mlflow

    from tasks._tracking import store

    with store.as_default(store.connect(root)[0]):
        return mlflow.pyfunc.load_model(f"models:/{name}@champion")


@pytest.fixture
def ready(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared workspace."""
    return Path(shutil.copytree(prepared, tmp_path / "lockstep"))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with the publishers' files; without it the test is skipped."""
    if not (TEST_DATA / "mnist").is_dir():
        pytest.skip(f"no folder {TEST_DATA / 'mnist'}: set LOCKSTEP_TEST_DATA to a mirror")
    return TEST_DATA


def load(root: Path) -> params.Params:
    return params.load(root / "params.yaml")


def change_params(root: Path, changes: dict[str, Any]) -> params.Params:
    """Change dotted keys of a workspace's params.yaml, and return all of it, checked."""
    write_params(root, changes)
    return load(root)


def keep_stages(root: Path, names: Collection[str]) -> None:
    """Take the other stages out of a workspace's dvc.yaml."""
    yaml, path = YAML(), root / "dvc.yaml"
    graph = yaml.load(path)
    left = {name: graph["stages"][name] for name in names}
    if left != graph["stages"]:
        yaml.dump({"stages": left}, path)


def write_params(root: Path, changes: dict[str, Any]) -> None:
    yaml, path = YAML(), root / "params.yaml"
    values = yaml.load(path)
    put(values, changes)
    yaml.dump(values, path)


def with_values(changes: dict[str, Any]) -> params.Params:
    """Return the repository's parameters with dotted keys changed, checked."""
    values = params.read(REPOSITORY / "params.yaml")
    put(values, changes)
    return params.check(values)


def put(values: Any, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        *sections, last = key.split(".")
        inside = values
        for section in sections:
            inside = inside[section]
        inside[last] = value


def git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return answer.stdout


def run(
    root: Path, *command: str, timeout: float = 280, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a workspace; its output is what it printed and complained of together."""
    return subprocess.run(
        command,
        cwd=root,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )


def stage(root: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(root, sys.executable, "-m", "tasks", name, **environment)
