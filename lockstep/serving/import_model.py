"""Import a .keras file of others: open it once in a process of its own, with limits."""

import json
import os
import subprocess
import sys
from pathlib import Path

from lockstep.errors import DataError, ParamsError
from lockstep.process.temporary_folders import temporary_folder
from lockstep.serving import locate, trusted_files
from lockstep.serving.keras_archive import check_archive
from lockstep.serving.locate import Saved

SECONDS = 600


def import_model(root: Path, path: Path) -> str:
    """Let this checkout load a .keras file from now on, and return a line about it.

    Raises ParamsError for another kind of file, DataError for one that isn't a plain Keras model.
    """
    if locate.format_of_suffix(path) != "keras" or not path.is_file():
        raise ParamsError(
            f"got {path}, expected a .keras file; other formats with a whole model are never "
            "imported, and weights need no import"
        )
    sha256 = trusted_files.content_sha256(path)
    check_archive(path)
    locate.read_spec(Saved(path, "keras", locate.spec_beside(path, "keras")))
    found = _opened_apart(root, path)
    if trusted_files.content_sha256(path) != sha256:
        raise DataError(f"{path}: was changed while it was checked, expected the same content")
    trusted_files.trust(root, path, sha256, "imported")
    return f"{path}: {found['layers']} layers, {found['weights']:,} weights; sha256 {sha256}"


def _opened_apart(root: Path, path: Path) -> dict[str, int]:
    """Open the file in another process, and return what it says of the model."""
    with temporary_folder() as empty:
        command = [sys.executable, "-P", "-B", "-m", "lockstep.serving.opened_apart"]
        try:
            ended = subprocess.run(
                [*command, str(root.resolve()), str(path.resolve())],
                cwd=empty,
                env=_environment(root, str(empty)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DataError(f"{path}: wasn't opened in {SECONDS} s, expected a model") from None
    if ended.returncode == 0:
        found: dict[str, int] = json.loads(ended.stdout.splitlines()[-1])
        return found
    line = next(reversed(ended.stderr.splitlines()), "")
    prefix = "import: "
    if ended.returncode == DataError.exit_code and line.startswith(prefix):
        raise DataError(line.removeprefix(prefix))
    raise DataError(
        f"{path}: the process that opened it ended with {ended.returncode} ({line}), expected a "
        "model that can be loaded within its limits"
    )


def _environment(root: Path, home: str) -> dict[str, str]:
    """No variable of the caller's, which may be secrets, but those that find Python's modules."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "DO_NOT_TRACK": "1"}
    keras = {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": home}
    return {**kept, **quiet, **keras, "HOME": home, "PYTHONPATH": str(root.resolve())}
