"""A full or read-only disk is exit code 4 and one line with the path and the bytes needed."""

import errno
import re
import shutil
from pathlib import Path

import pytest

from lockstep.errors import MachineError
from lockstep.process.machine_errors import machine_error
from tests.faults.full_disk import LOCKSTEP_RUN
from tests.support.small_disk import small_disk
from tests.support.workspaces import change_params, keep_stages, run, run_stages, stage

FULL = "No space left on device"


def test_a_stage_alone(ready: Path) -> None:
    shutil.rmtree(ready / "data" / "ready")
    raw = ready / "data" / "raw"
    shutil.move(raw, ready / "raw")
    with small_disk(ready / "data", "100k"):
        (ready / "data" / "none").touch()
        shutil.move(ready / "raw", raw)
        ended = stage(ready, "normalize")
        left = {each.name for each in (ready / "data").iterdir()}
    assert ended.returncode == 4, ended.stdout
    line = rf"normalize: {ready}/data/ready: {FULL}: [\d,]+ bytes are needed, [\d,]+ are free; .*\n"
    assert re.fullmatch(line, ended.stdout)
    assert left == {"none", "raw"}


@pytest.mark.system
@pytest.mark.parametrize(
    ("folder", "size", "line"),
    [
        ("data", "8k", f"download: {{root}}/data/raw: {FULL}: 57,523 bytes are needed, "),
        ("weights", "64k", f"build: {{root}}/weights/initial.weights.h5: {FULL}: "),
        (".dvc/cache", "16k", f"download: {{root}}/.dvc/cache: {FULL}: "),
    ],
)
def test_a_stage_in_the_flow(
    workspace: Path, server: str, folder: str, size: str, line: str
) -> None:
    keep_stages(workspace, ("download", "normalize", "build"))
    with small_disk(workspace / folder, size):
        if folder == "data":
            (workspace / "data" / "none").touch()
        ended = run(workspace, *LOCKSTEP_RUN, PREFECT_API_URL=server)
    assert ended.returncode == 4, ended.stdout
    assert "Traceback" not in ended.stdout
    assert ended.stdout.count(FULL) == 1
    assert f"lockstep run: {line.format(root=workspace)}" in ended.stdout
    assert "bytes are needed" in ended.stdout


@pytest.mark.parametrize("size", ["16k", "64k", "128k", "160k"])
def test_build_ends_without_a_segmentation_fault(ready: Path, size: str, tmp_path: Path) -> None:
    with small_disk(ready / "weights", size), pytest.raises(MachineError) as caught:
        run_stages(ready, "build")
    weights = ready / "weights" / "initial.weights.h5"
    assert str(caught.value).startswith(f"{weights}: {FULL}: ")
    assert "bytes are needed" in str(caught.value)


def test_the_cache_of_dvc(workspace: Path) -> None:
    cache = workspace / ".dvc" / "cache"
    with small_disk(cache, "16k"):
        ended = run(workspace, "dvc", "repro", "download")
    assert ended.returncode == 255, ended.stdout
    assert f"download: {cache}: {FULL}: 65,536 bytes are needed, " in ended.stdout
    assert "failed to transfer" not in ended.stdout
    assert not (workspace / "dvc.lock").exists()


def register(root: Path) -> None:
    try:
        run_stages(root, "register")
    except OSError as error:  # as each command reports it
        raise machine_error(error, None) or error from None


@pytest.mark.system
def test_the_artifacts_of_mlflow(judged: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(judged, tmp_path / "lockstep"))
    change_params(root, {"register.threshold": 0})
    for database in root.glob("mlflow.db*"):
        database.unlink()  # its runs have the artifacts' folder of the original
    with small_disk(root / "mlartifacts", "16k"), pytest.raises(MachineError) as caught:
        register(root)
    assert str(caught.value).startswith(f"{root}/mlartifacts/")
    assert FULL in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "size", "options", "line"),
    [
        ("data", "1g", ["ro"], "not writable, expected to write results there"),
        ("weights", "64k", [], "bytes free, expected 500,000,000; make room or run elsewhere"),
        (".dvc/cache", "64k", [], "bytes free, expected 500,000,000; make room or run elsewhere"),
        (".lockstep", "1g", ["ro"], "not writable, expected to write results there"),
    ],
)
def test_disks_are_checked_before_prefect_starts(
    workspace: Path, folder: str, size: str, options: list[str], line: str
) -> None:
    with small_disk(workspace / folder, size, *options):
        if folder == "data":
            change_params(workspace, {"data.path": "params.yaml"})
        ended = run(workspace, "lockstep", "run", LOCKSTEP_FORBIDDEN="tensorflow,uvicorn")
    assert ended.returncode == 4, ended.stdout
    assert ended.stdout.count("\n") == 1
    assert ended.stdout.startswith(f"lockstep run: {workspace / folder}")
    assert line in ended.stdout


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, FULL, "/a/read", None, "/b/written"), f"/b/written: {FULL}"),
        (OSError(errno.EACCES, "Permission denied", "/a"), "/a: Permission denied"),
        (
            RuntimeError(f"UNKNOWN: /a/b.data; {FULL} [Op:SaveV2]"),
            f"/a/b.data: {FULL}; make room, and run again",
        ),
        (
            RuntimeError("(sqlite3.OperationalError) database or disk is full"),
            "a file: database or disk is full; make room, and run again",
        ),
        (
            RuntimeError("(sqlite3.OperationalError) database or disk is full [SQL: '/no/path']"),
            "a file: database or disk is full; make room, and run again",
        ),
        (
            MemoryError("Unable to allocate 59.6 GiB for an array"),
            "too little memory: Unable to allocate 59.6 GiB for an array; use smaller data or a "
            "smaller batch, or a machine with more memory",
        ),
    ],
)
def test_what_libraries_say_is_understood(error: Exception, line: str) -> None:
    wrapped = RuntimeError("saving failed")
    wrapped.__cause__ = error
    assert str(machine_error(error, None)) == line
    if not isinstance(error, PermissionError):
        assert str(machine_error(wrapped, None)) == line


@pytest.mark.system
def test_mlflows_database_on_a_full_disk_prints_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from lockstep.tracking.client import MlflowClient, MlflowException

    with small_disk(tmp_path / "disk", "3m", lazy=True):
        client = MlflowClient(f"sqlite:///{tmp_path / 'disk' / 'mlflow.db'}")
        run_id = client.create_run("0").info.run_id

        def fill() -> None:
            for number in range(1000):
                client.set_tag(run_id, f"tag{number}", 5000 * "x")

        with pytest.raises(MlflowException, match="disk is full"):
            fill()
    assert "Traceback" not in capfd.readouterr().err


def test_the_place_is_named_where_an_error_names_no_file() -> None:
    place = Path("/some/checkout")
    full = f"{place}: {FULL}"
    assert str(machine_error(OSError(errno.ENOSPC, FULL), place)) == full
    assert str(machine_error(RuntimeError(FULL), place)) == f"{full}; make room, and run again"
    assert str(machine_error(RuntimeError(f"/a.h5: {FULL}"), place)).startswith("/a.h5: ")
    assert str(machine_error(OSError(errno.EMFILE, "Too many"), place)) == "Too many open files"


def test_a_bug_is_no_failure_of_the_machine() -> None:
    bug = KeyError("x")
    bug.__context__ = PermissionError(errno.EPERM, "Operation not permitted")
    assert machine_error(bug, None) is None
    assert machine_error(FileNotFoundError(errno.ENOENT, "No such file"), None) is None


def test_a_chain_of_errors_that_is_closed_has_an_end() -> None:
    from lockstep.process.machine_errors import machine_error

    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first
    assert machine_error(first, None) is None
