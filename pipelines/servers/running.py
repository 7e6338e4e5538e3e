"""A file by which other commands of the checkout find the servers of `lockstep up`."""

import os
from pathlib import Path

from lockstep.process import console
from lockstep.process.process_ids import is_alive
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout

# Prefect's commands read this file from the current directory.
PREFECT_FILE = Path("prefect.toml")
MARK = "# Written by `lockstep up`, and removed when it ends.\n"


def announce(main: Path, process: str, variables: dict[str, str]) -> None:
    """Write the addresses of running servers, and the name of the process that started them."""
    content = {"process": process, "variables": variables}
    atomic_files.write_json(main / layout.SERVER_ADDRESSES, content)
    if _is_ours(main / PREFECT_FILE):
        api = f'[api]\nurl = "{variables["PREFECT_API_URL"]}"\n'
        atomic_files.write_text(main / PREFECT_FILE, MARK + api)


def withdraw(main: Path) -> None:
    """Remove the files that `announce` wrote."""
    (main / layout.SERVER_ADDRESSES).unlink(missing_ok=True)
    if _is_ours(main / PREFECT_FILE):
        (main / PREFECT_FILE).unlink(missing_ok=True)


def use(root: Path) -> None:
    """Set this process's variables to the checkout's running servers, where the user hasn't.

    If the servers were killed, a line says so.
    """
    main = main_checkout(root)
    if not (main / layout.SERVER_ADDRESSES).exists():
        return
    found = atomic_files.read_json(main / layout.SERVER_ADDRESSES)
    if is_alive(found["process"]):
        for name, value in found["variables"].items():
            os.environ.setdefault(name, value)
        return
    withdraw(main)
    console.say("the servers of `make up` were killed; continuing without them")


def _is_ours(file: Path) -> bool:
    return not file.exists() or file.read_text(encoding="utf-8").startswith(MARK)
