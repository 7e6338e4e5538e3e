"""A dvc.lock that isn't whole is named by every command, and has a good copy to come back to."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import DataError
from lockstep.storage import layout
from lockstep.versioning import experiments, lock_file
from lockstep.versioning.experiment_list import read_all
from lockstep.versioning.lock_text import OF_CHECKOUT, parse_checkouts_lock
from pipelines.cli.__main__ import WITHOUT_LOCK, command_names
from tests.support.pretended_stages import CALLED, reproduce
from tests.support.waiting import until
from tests.support.workspaces import STAGES, git, run, stage

# What each command needs besides; none gets as far as to look at it.
ARGUMENTS = {
    "compare": ["HEAD"], "data": ["params.yaml"], "explain": ["HEAD", "workspace"],
    "export": ["best"], "import": ["x.keras"], "predict": ["best", "x.npy"],
    "promote": ["1"], "sweep": ["seed=1..2"], "trace": ["models:/digits@champion"],
}  # fmt: skip
SLOW = "tensorflow,mlflow,prefect.server,uvicorn"
MARKED = "<<<<<<< HEAD\n{}=======\nschema: '2.0'\n>>>>>>> other\n"
BROKEN: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda text: "", "an empty file"),
    "merged": (MARKED.format, "conflict marks of a git merge in line 1"),
    "half": (lambda text: text[: len(text) // 2], "only the first "),
    "between lines": (lambda text: text[: text.rindex("    outs:")], "only the first "),
    "zeros": (lambda text: "\0" * len(text), "only the first 1 lines"),
    "not YAML": (lambda text: f"{text}  - {{\n", "a damaged file (dvc.lock:"),
    "other YAML": (lambda text: "stages: [1]\n", "a damaged file (it isn't of the form that DVC"),
}
FIX = f"expected a whole file; {OF_CHECKOUT}\n"


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    """A copy of a workspace whose stand-ins for stages have run."""
    copied = tmp_path / "lockstep"
    return Path(shutil.copytree(recorded, copied, copy_function=shutil.copy2, symlinks=True))


@pytest.fixture(scope="module")
def torn(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a dvc.lock of which half is left."""
    root = Path(shutil.copytree(recorded, tmp_path_factory.mktemp("torn") / "lockstep"))
    tear(root, "half")
    return root


def tear(root: Path, kind: str) -> str:
    """Break dvc.lock, and return what it was."""
    lock = root / "dvc.lock"
    whole = lock.read_text()
    lock.write_text(BROKEN[kind][0](whole))
    return whole


@pytest.mark.parametrize("command", sorted({*command_names()} - {*WITHOUT_LOCK}))
def test_every_command_names_it(torn: Path, command: str) -> None:
    arguments = ARGUMENTS.get(command, [])
    ended = run(torn, "lockstep", command, *arguments, LOCKSTEP_FORBIDDEN=SLOW)
    assert ended.returncode == 3, ended.stdout
    assert ended.stdout.startswith(f"lockstep {command}: dvc.lock: got only the first ")
    assert ended.stdout.endswith(FIX)
    assert len(ended.stdout.splitlines()) == 1


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_names_it(torn: Path, name: str) -> None:
    ended = stage(torn, name, LOCKSTEP_FORBIDDEN=SLOW)
    assert ended.returncode == 3, ended.stdout
    assert ended.stdout.startswith(f"{name}: dvc.lock: got only the first ")
    assert ended.stdout.endswith(FIX)


def test_a_run_in_a_workspace_names_it(torn: Path) -> None:
    """One that a deployment has made of a checkout with it."""
    with pytest.raises(DataError, match="got only the first"):
        experiments.checkout(torn)


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_wrong_is_named_and_mended_without_running_a_stage(root: Path, kind: str) -> None:
    whole = tear(root, kind)
    ended = run(root, "lockstep", "plan")
    assert ended.returncode == 3, ended.stdout
    assert ended.stdout.startswith(f"lockstep plan: dvc.lock: got {BROKEN[kind][1]}")
    assert ended.stdout.endswith(FIX)
    broken, stages_run = (root / "dvc.lock").read_bytes(), len(CALLED)
    done = lock_file.restore_lock(root)
    assert done.startswith("dvc.lock: is the last good one again; the broken one is .lockstep/")
    assert (root / "dvc.lock").read_text() == whole
    assert (root / lock_file.SET_ASIDE).read_bytes() == broken
    assert "up to date" in run(root, "dvc", "status").stdout
    assert reproduce(root) == ["up to date"] * 6
    assert len(CALLED) == stages_run
    assert lock_file.restore_lock(root) == ""


def test_a_cut_anywhere_is_named_or_changes_nothing(root: Path) -> None:
    """What is left out between two stages or outputs, DVC restores from its run cache."""
    whole = (root / "dvc.lock").read_text()
    lines = [place for place, each in enumerate(whole, 1) if each == "\n"]
    passed = []
    for place in range(len(whole)):
        try:
            parse_checkouts_lock(whole[:place].encode(), whole)
        except DataError:
            continue
        passed.append(place)
    assert {*passed} <= {*lines}
    rest = {whole[place:].split("\n", 1)[0].split(":")[0] for place in passed}
    assert rest <= {*(f"  {name}" for name in STAGES), "    - path"}
    (root / "dvc.lock").write_text(whole[: passed[len(passed) // 2]])
    stages_run = len(CALLED)
    assert set(reproduce(root)) <= {"restored", "up to date"}
    assert len(CALLED) == stages_run
    assert (root / "dvc.lock").read_text() == whole


def test_a_kill_in_a_stage_loses_only_the_last_entry(root: Path) -> None:
    """The copy is that of the stage before: what follows comes from the run cache."""
    whole = (root / "dvc.lock").read_text()
    earlier = whole[: whole.index("  evaluate:\n")]
    (root / layout.LOCK_COPY).write_text(earlier)
    (root / "dvc.lock").write_text(whole[: len(earlier) + 100])
    assert run(root, "lockstep", "plan").returncode == 3
    lock_file.restore_lock(root)
    stages_run = len(CALLED)
    assert reproduce(root) == ["up to date"] * 4 + ["restored"] * 2
    assert len(CALLED) == stages_run
    assert (root / "dvc.lock").read_text() == whole


def test_without_a_copy_that_of_git_or_none_is_taken(root: Path) -> None:
    whole = tear(root, "empty")
    (root / layout.LOCK_COPY).unlink()
    assert lock_file.restore_lock(root).startswith("dvc.lock: removed, since there is no good one;")
    stages_run = len(CALLED)
    assert reproduce(root) == ["restored"] * 6
    assert len(CALLED) == stages_run
    assert (root / "dvc.lock").read_text() == whole
    git(root, "add", "--force", "dvc.lock")
    git(root, "commit", "-qm", "Results")
    tear(root, "half")
    (root / layout.LOCK_COPY).write_text("")
    assert lock_file.restore_lock(root).startswith("dvc.lock: is that of HEAD again;")
    assert (root / "dvc.lock").read_text() == whole


def test_an_earlier_version_is_not_taken_for_a_cut_one(root: Path) -> None:
    """A checkout of a commit at which fewer stages had run."""
    lock_file.check(root)
    whole = (root / "dvc.lock").read_text()
    earlier = whole[: whole.index("  train:\n")]
    (root / "dvc.lock").write_text(earlier)
    lock_file.check(root)
    assert (root / layout.LOCK_COPY).read_text() == earlier


def test_while_dvc_writes_it_is_read_again(root: Path) -> None:
    """DVC empties the file first."""
    program = """
import fcntl, os, sys, time
from pathlib import Path
with open(".dvc/tmp/lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write(f"{os.getpid()}\\n")
    lock.flush()
    text = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text("")
    print("emptied", flush=True)
    time.sleep(0.5)
    Path("dvc.lock").write_text(text)
"""
    (root / layout.LOCK_COPY).unlink(missing_ok=True)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as dvc:
        assert dvc.stdout
        until(dvc.stdout.readline, 20)
        assert (root / "dvc.lock").read_text() == ""
        lock_file.check(root)
    assert (root / layout.LOCK_COPY).read_text() == (root / "dvc.lock").read_text() != ""


def test_an_experiment_with_a_broken_one_is_named(root: Path) -> None:
    (root / "dvc.lock").write_text(MARKED.format(""))
    git(root, "add", "--force", "dvc.lock")
    git(root, "commit", "-qm", "Marks")
    head = git(root, "rev-parse", "HEAD").strip()
    git(root, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/marked", head)
    git(root, "rm", "--quiet", "dvc.lock")
    problem = "dvc.lock: got conflict marks of a git merge in line 1, expected a whole file; run it"
    (found,) = read_all(root)
    assert (found.state, found.why) == ("unreadable", f"{problem} again")
    explained = run(root, "lockstep", "explain", "marked", "workspace")
    assert (explained.returncode, explained.stdout) == (
        3, f"lockstep explain: marked: {problem} again\n",
    )  # fmt: skip
