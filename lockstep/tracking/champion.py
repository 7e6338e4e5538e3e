"""The alias `champion` of a registered model, and the versions that had it.

Each move ends with the alias: a process that was killed before that can begin again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from lockstep.process import file_locks
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.tracking import passport
from lockstep.versioning import promotions
from lockstep.versioning.promotions import Move

CHAMPION = "champion"
FORMER = "champions"  # a tag of the registered model: the versions that were champion, in order
REMEMBERED = 100
ROLLED_BACK = "rolled_back"  # a tag of a version that the gate doesn't promote again: the time


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Let only this process register models and move champions, of those in all workspaces.

    Otherwise two models that end together could both beat the same champion, and the worse of them
    could be the last to get the alias. Other machines' models wait for their turn, see turns.py.
    """
    with file_locks.held(main_checkout(root) / layout.CHAMPION_LOCK):
        yield


def current(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the champion's version, or None without one."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def move(
    client: MlflowClient, root: Path, version: ModelVersion, by: str, verdict: str = ""
) -> str:
    """Give a version the alias, and return the champion before it, which may be none."""
    name, number, before = version.name, str(version.version), _number(client, version.name)
    _record(root, version, before, by, verdict)
    if ROLLED_BACK in version.tags:
        client.delete_model_version_tag(name, number, ROLLED_BACK)
    _remember(client, name, _with_move(former(client, name), before, number))
    client.set_registered_model_alias(name, CHAMPION, number)
    return before


def move_back(client: MlflowClient, root: Path, name: str) -> tuple[str, str] | None:
    """Give the alias back to the last champion before the present one; return both versions.

    Returns None if none is known that still exists.
    """
    leader = _number(client, name)
    before = _before(former(client, name), leader)
    versions = [each for each in before if _is_there(client, name, each)]
    if not versions:
        return None
    version = client.get_model_version(name, versions[-1])
    _record(root, version, leader, "rollback")
    if leader:
        time = datetime.now(UTC).isoformat(timespec="seconds")
        client.set_model_version_tag(name, leader, ROLLED_BACK, time)
    _remember(client, name, versions)
    client.set_registered_model_alias(name, CHAMPION, versions[-1])
    return leader, versions[-1]


def _record(root: Path, version: ModelVersion, before: str, by: str, verdict: str = "") -> None:
    commit = version.tags.get(passport.COMMIT, "")
    weights = version.tags.get("weights", "")
    number = str(version.version)
    promotions.record(root, commit, Move(version.name, number, before, by, weights, verdict))


def _with_move(versions: list[str], before: str, version: str) -> list[str]:
    """Return the history with a move, unless a process was killed that had written it already."""
    if [*versions[-2:]] == [before, version] or (not before and versions[-1:] == [version]):
        return versions
    moved_by_others = before and versions[-1:] != [before]
    return [*versions, *([before] if moved_by_others else []), version]


def _before(versions: list[str], leader: str) -> list[str]:
    """Return the versions that led before the present champion did for the last time."""
    if leader not in versions:
        return versions
    return versions[: len(versions) - 1 - versions[::-1].index(leader)]


def _number(client: MlflowClient, name: str) -> str:
    leader = current(client, name)
    return str(leader.version) if leader else ""


def _is_there(client: MlflowClient, name: str, version: str) -> bool:
    try:
        client.get_model_version(name, version)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True


def former(client: MlflowClient, name: str) -> list[str]:
    """Return the versions that had the alias, in order."""
    versions = client.get_registered_model(name).tags.get(FORMER, "")
    return [each for each in versions.split(",") if each]


def _remember(client: MlflowClient, name: str, versions: list[str]) -> None:
    client.set_registered_model_tag(name, FORMER, ",".join(versions[-REMEMBERED:]))
