"""A process that runs trials one after the other in one workspace: TensorFlow is imported once.

python -m pipelines.sweeps.slot FILE_DESCRIPTOR MAIN_CHECKOUT, in the workspace.
"""

import socket
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

from lockstep.process import stopping

if __name__ == "__main__":
    stopping.postpone()  # until the imports below have ended

from lockstep.errors import LockstepError
from lockstep.process.exit_codes import exit_code
from lockstep.process.machine_errors import machine_error
from lockstep.process.runner import end_with_runner
from lockstep.storage import layout
from lockstep.versioning.remembered_yaml import remembered_yaml
from lockstep.versioning.repository import kept_repositories
from pipelines import local
from pipelines.sweeps.messages import Answer, Line, request_in
from pipelines.sweeps.trial import Pruned, TrialRun


def main(arguments: list[str]) -> int:
    """Serve requests until the sweep closes the connection, and return the exit code."""
    stopping.handle("trial")
    descriptor, project = arguments
    with exit_code("trial") as outcome:
        end_with_runner()
        workspace = Path.cwd()
        local.prepare(workspace)
        line = Line(socket.socket(fileno=int(descriptor)))
        with remembered_yaml(), kept_repositories():
            serve(line, Path(project), workspace)
    return outcome.code


def serve(line: Line, project: Path, workspace: Path) -> None:
    """Answer each request; all of them start from the same params.yaml."""
    base = (workspace / layout.PARAMS).read_text(encoding="utf-8")
    while (message := line.receive()) is not None:
        (workspace / layout.PARAMS).write_text(base, encoding="utf-8")
        run = TrialRun(project, workspace, request_in(message), line)
        line.send({"ended": asdict(answer(run))})


def answer(run: TrialRun) -> Answer:
    """Run a trial; a failure is an answer too."""
    try:
        return run.complete()
    except Pruned:
        return run.ended_early("pruned")
    except LockstepError as error:
        return run.ended_early("failed", error)
    except Exception as error:
        traceback.print_exc()
        found = machine_error(error, run.workspace) or _unexpected(error)
        return run.ended_early("failed", found, restart=True)


def _unexpected(error: Exception) -> LockstepError:
    return LockstepError(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
