"""make compose-env: write .env, the passwords of the servers in compose.yaml."""

import os
import secrets
import sys
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.process import console
from lockstep.process.exit_codes import exit_code
from lockstep.storage.checkout import find_project

FILE = ".env"
NAMES = (
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "STORE_PASSWORD",
    "MLFLOW_PASSWORD",
    "MLFLOW_SESSION_KEY",
    "PREFECT_PASSWORD",
    "TENSORBOARD_PASSWORD",
)
BYTES = 24


def write(root: Path) -> Path:
    """Write new random passwords to a file that only this user can read, and return its path.

    Raises MachineError if the file exists: the servers keep the passwords of their first start.
    """
    file = root / FILE
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise MachineError(
            f"{file}: exists, expected none, as the servers' data keep its passwords; remove the "
            "file and the volumes to start anew"
        ) from None
    # Hexadecimal, so that no program takes a character for an option or for part of a URL.
    lines = [f"{name}={secrets.token_hex(BYTES)}\n" for name in NAMES]
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.writelines(lines)
    return file


if __name__ == "__main__":
    with exit_code("make compose-env") as outcome:
        console.say(f"wrote {write(find_project(Path.cwd()))}; start with: docker compose up")
    sys.exit(outcome.code)
