"""An empty Prefect database, created when the environment is installed, as migration is slow.

The Dockerfile runs this file alone, before the project is in the image.
"""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

TEMPLATE = Path(sys.prefix, "share", "lockstep", f"prefect-{version('prefect')}.db")
URL = "PREFECT_API_DATABASE_CONNECTION_URL"


def url_of(file: Path) -> str:
    """Return the database URL of a file."""
    return f"sqlite+aiosqlite:///{file}"


def copy_template(file: Path) -> None:
    """Copy the template database, if there is one; otherwise the server creates its tables."""
    if TEMPLATE.exists():
        shutil.copyfile(TEMPLATE, file)


def create(file: Path) -> None:
    """Let Prefect create its tables in a new file."""
    environment = {**os.environ, URL: url_of(file), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


def make_template() -> None:
    """Create a database beside the template's place, and rename it."""
    part = TEMPLATE.with_name(f".part-{TEMPLATE.name}")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    create(part)
    part.replace(TEMPLATE)


if __name__ == "__main__":
    make_template()
