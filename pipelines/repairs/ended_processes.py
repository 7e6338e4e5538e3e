"""What killed processes have left: workspaces, runs that MLflow shows as running, servers."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lockstep.storage.checkout import main_checkout
from lockstep.tracking import killed_runs
from pipelines import worktrees
from pipelines.repairs.repair import Repair
from pipelines.servers import lost_servers, orphan_killer


def find(root: Path) -> Iterator[Repair]:
    """Yield them; what a running process uses is left out."""
    for workspace in worktrees.orphaned(root):
        remove = partial(worktrees.remove, root, workspace)
        yield Repair(f"{workspace}: its process was killed", "remove the workspace", remove)
    killed = killed_runs.names(root)
    if killed:
        end = partial(killed_runs.end, root)
        yield Repair(f"MLflow: killed runs are RUNNING: {', '.join(killed)}", "set KILLED", end)
    for mark, processes in lost_servers.find(main_checkout(root)).items():
        listed = ", ".join(map(str, processes))
        stop = partial(orphan_killer.stop, mark)
        yield Repair(f"servers whose `make up` was killed: processes {listed}", "stop them", stop)
