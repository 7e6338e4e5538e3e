"""Which checkout has made an MLflow run: its git alone tells whether the experiment was removed.

A server, or a database that several clones use, has runs of the others too.
"""

import platform
from collections.abc import Mapping
from pathlib import Path

from mlflow.entities import Run

from lockstep.process.machine import machine_name
from lockstep.storage.checkout import main_checkout
from lockstep.tracking.run_tags import CHECKOUT, HOST, MACHINE

SEVERAL = "several"  # have made it, and any of them may have the experiment


def own_tag(root: Path) -> dict[str, str]:
    """Return the tag of a run that is created in a checkout, or in a worktree of it."""
    return {CHECKOUT: _name(main_checkout(root))}


def shared_tag(run: Run, root: Path) -> dict[str, str]:
    """Return the tag that a run needs when this checkout writes to it: none if it is its own."""
    own = _name(main_checkout(root))
    needed = {CHECKOUT: own if _maker(run.data.tags, own) == own else SEVERAL}
    return {} if needed.items() <= run.data.tags.items() else needed


def is_own(run: Run, main: Path) -> bool:
    """Return whether the main checkout `main` has made a run, and no other one has."""
    own = _name(main)
    return _maker(run.data.tags, own) == own


def _name(main: Path) -> str:
    return f"{machine_name()}:{main}"  # many machines have a clone at the same path


def _maker(known: Mapping[str, str], own: str) -> str:
    """The checkout that a run names.

    Those of an earlier Lockstep name none: if they are of this machine, they count as its own.
    """
    here = machine_name()
    is_here = known.get(HOST) == platform.node() and known.get(MACHINE, here) == here
    return known.get(CHECKOUT, own if is_here else "")
