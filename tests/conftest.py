"""Hermetic tests: a temporary home, no network, workspaces in temporary folders."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.process.environment import prepare_environment
from tests.support.loops import make_loop  # noqa: F401  # a fixture
from tests.support.prefect_server import server  # noqa: F401  # a fixture
from tests.support.pretended_stages import recorded_workspace
from tests.support.time_limit import (
    OVER,
    pytest_collection_modifyitems,  # noqa: F401  # a hook
    pytest_runtest_setup,  # noqa: F401  # a hook
)
from tests.support.workspaces import (
    REPOSITORY,
    SMALL,
    STAGES,
    TEST_DATA,
    git,
    keep_stages,
    run_stages,
    write_params,
)

GUARD = REPOSITORY / "tests" / "guard"
KEPT = (
    "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CI", "LOCKSTEP_SCREENSHOTS",
)  # fmt: skip
# A shell without job control starts background jobs with SIGINT ignored, and the processes that the
# tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Accepted reasons for a skip; with LOCKSTEP_STRICT_SKIPS set, any other one fails the run.
SKIPS_ALLOWED = (
    "this user can't mount a small disk",
    "this user can't make network namespaces",
    "this user can't run debootstrap",  # needs root, devices and mounts
    "set LOCKSTEP_TEST_DATA to a mirror",  # no checkout contains the published data sets
    OVER,
)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a strict run in which a test was skipped for a reason that isn't on the list."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or not os.environ.get("LOCKSTEP_STRICT_SKIPS"):
        return
    reasons = {str(each.longrepr[2]) for each in terminal.stats.get("skipped", [])}
    odd = [each for each in reasons if not any(allowed in each for allowed in SKIPS_ALLOWED)]
    if odd:
        terminal.write_line(f"skips that aren't on the list: {'; '.join(sorted(odd))}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Isolate this process and its children; yields the file that lists refused attempts."""
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
        PYTHONHASHSEED="0",  # with which stages run in a flow's process
        MPLCONFIGDIR=str(home / "matplotlib"),
        **{
            f"GIT_{who}_{what}": "t@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
        GIT_CONFIG_GLOBAL="/dev/null",
    )
    prepare_environment(home)
    yield attempts
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def make_workspace(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes a fresh clone of the working tree, with changed parameters.

    `until` is the last stage to keep.
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
        # The smoke test starts a process that imports TensorFlow for each new champion.
        write_params(root, {"register.smoke_test": False, **(changes or {})})
        keep_stages(root, STAGES[: STAGES.index(until) + 1])
        git(root, "init", "-q", "-b", "main")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "Start")
        return root

    return make


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project files that parameters are checked against, without git and DVC."""
    root = tmp_path / "project"
    for folder in ("models", "tasks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
    for file in ("dvc.yaml", "params.yaml", "versions.txt"):
        shutil.copy(REPOSITORY / file, root)
    return root


@pytest.fixture
def workspace(make_workspace: Callable[..., Path]) -> Path:
    """A fresh clone with parameters that train in a few seconds."""
    return make_workspace(SMALL)


@pytest.fixture(scope="session")
def tensorflow(hermetic: Path) -> Any:
    """TensorFlow, initialised as every stage does it."""
    from lockstep.runtime import strategy
    from lockstep.runtime.strategy import start_runtime

    start_runtime(0)
    return strategy.tf


@pytest.fixture(scope="session")
def recorded(make_workspace: Callable[..., Path]) -> Path:
    """A workspace in which cheap stand-ins for all stages have run; tests copy it."""
    return recorded_workspace(make_workspace)


@pytest.fixture(scope="session")
def prepared(make_workspace: Callable[..., Path], tensorflow: Any) -> Path:
    """A workspace whose first three stages have run; tests copy it."""
    return run_stages(make_workspace(SMALL, "prepared"), "download", "normalize", "build")


@pytest.fixture(scope="session")
def judged(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the prepared workspace, trained and evaluated; tests must not change it."""
    root = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("judged") / "lockstep"))
    return run_stages(root, "train", "evaluate")


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
