"""How the long loops run commands: found first, without a server, and without output."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(root: Path, command: list[str]) -> None:
    """Run a command to its end; raises CalledProcessError if it fails."""
    subprocess.run(command, cwd=root, env=environment(), check=True, **quiet())


def environment() -> dict[str, str]:
    """This environment, with this program's commands found first, and no server."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: each for name, each in os.environ.items() if not name.endswith("_URI")}
    return {**kept, "PATH": path}


def quiet() -> dict[str, Any]:
    """A session of its own, and no output."""
    return {
        "start_new_session": True,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
