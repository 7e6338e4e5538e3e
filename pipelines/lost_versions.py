"""Versions that the stage register has recorded, and that the registry hasn't got."""

from pathlib import Path

from lockstep.config.reading import load_params
from lockstep.errors import UnavailableError
from lockstep.process.environment import prepare_environment
from lockstep.storage import atomic_files, layout
from lockstep.tracking.recorded_version import is_registered
from lockstep.tracking.recorder import say_once

STAGE = "register"


def is_lost(root: Path) -> bool:
    """Return whether the registry lacks the version of a workspace whose stages are up to date.

    If the registry can't be reached, this is said, and the answer is no.
    """
    file = root / layout.REGISTERED
    recorded = atomic_files.read_json(file) if file.exists() else {}
    if recorded.get("verdict") != "passed":
        return False
    prepare_environment(root)
    from lockstep.evaluation.identity import identity  # imports NumPy

    try:
        return not is_registered(root, recorded["name"], identity(load_params(root), root))
    except UnavailableError as error:
        say_once(f"{STAGE}: whether the version is there isn't known: {error}")
        return False
