"""Stop a process when its runner, the process that started it, has ended or was killed.

A runner puts its process name into the environment variable LOCKSTEP_RUNNER. With plain `dvc repro`
the runner is DVC, which sets DVC_STAGE for the stages that it starts.
"""

import os
import select
import signal
import threading
from pathlib import Path

from lockstep.process.process_ids import is_alive, process_name

RUNNER = "LOCKSTEP_RUNNER"
DVC_STAGE = "DVC_STAGE"
SHELLS = {"sh", "ash", "bash", "dash", "fish", "ksh", "zsh"}


def announce_runner() -> None:
    """Make this process the runner of the processes that it starts from now on."""
    os.environ[RUNNER] = process_name()


def end_with_runner() -> None:
    """Stop this process by SIGTERM when its runner has ended; without a runner do nothing.

    Otherwise an orphaned stage would write to the same workspace as the stage's next run.
    """
    runner = os.environ.get(RUNNER) or _dvc_process()
    if runner:
        end_with(runner)


def end_with(name: str) -> None:
    """Stop this process by SIGTERM when the process of this name ends, or at once if it has."""
    try:
        runner = os.pidfd_open(int(name.partition("-")[0]))
    except ProcessLookupError:
        runner = None
    if runner is None or not is_alive(name):
        os.kill(os.getpid(), signal.SIGTERM)
        return

    def watch() -> None:
        select.select([runner], [], [])  # blocks until the runner has ended
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _dvc_process() -> str:
    """The name of the DVC process that started this stage, or empty without one.

    DVC runs a command in a shell, which may still be the parent process.
    """
    if DVC_STAGE not in os.environ:
        return ""
    parent = os.getppid()
    if Path(f"/proc/{parent}/comm").read_text(encoding="utf-8").strip() in SHELLS:
        status = Path(f"/proc/{parent}/status").read_text(encoding="utf-8")
        parent = int(status.partition("PPid:")[2].split()[0])
    return process_name(parent)
