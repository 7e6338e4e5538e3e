"""Move a champion by hand: `lockstep promote` and `lockstep rollback`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from lockstep.errors import ParamsError
from lockstep.tracking import champion
from lockstep.tracking.client import connect, given_or_there, registry_error
from lockstep.tracking.trace import SERVER
from lockstep.versioning.promotions import Move

SHOWN = 10  # the newest versions, in a message


def promote(root: Path, name: str, version: str) -> str:
    """Make a version champion without comparing it, and say what has changed.

    Raises ParamsError if there is none, UnavailableError if the registry can't be reached.
    """
    with _registry(root, name) as client:
        known = _versions(client, name)
        if version not in known:
            raise ParamsError(
                f"models:/{name}: got version {version}, expected one of {', '.join(known[:SHOWN])}"
            )
        before = champion.current(client, name)
        if before and str(before.version) == version:
            return f"models:/{name}@champion: is version {version} already"
        was = champion.move(client, root, client.get_model_version(name, version), "promote")
        return f"models:/{name}@champion: now version {version}, {_before(was)}"


def roll_back(root: Path, name: str) -> str:
    """Make the champion before the present one champion again, and say what has changed.

    Raises as `promote` does.
    """
    with _registry(root, name) as client:
        known = _versions(client, name)
        moved = champion.move_back(client, root, name)
        if moved is None:
            raise ParamsError(
                f"models:/{name}@champion: got no earlier champion that still exists, expected "
                f"one; `lockstep promote VERSION` takes one of {', '.join(known[:SHOWN])}"
            )
        return f"models:/{name}@champion: version {moved[1]} again, {_before(moved[0])}"


def restore(root: Path, moves: Sequence[Move]) -> Iterator[str]:
    """Give the alias to the version that each model's last move names, and say so.

    Its weights name it, since a new registry counts versions anew. Raises as `promote` does.
    """
    for name, move in {each.model: each for each in moves}.items():
        with _registry(root, name) as client:
            query = f"name = '{name}' and tags.weights = '{move.weights}'"
            found = [str(each.version) for each in client.search_model_versions(query)]
            if found:  # the same weights are another version with other test data
                number = move.version if move.version in found else found[0]
                client.set_registered_model_alias(name, champion.CHAMPION, number)
                yield f"models:/{name}@champion: version {number}, by the last move in git's notes"
            else:
                yield f"models:/{name}@champion: no version has the weights of git's last move"


def _before(version: str) -> str:
    return f"before it version {version}" if version else "before it none"


@contextmanager
def _registry(root: Path, name: str) -> Iterator[MlflowClient]:
    if not given_or_there(root):
        raise ParamsError(f"models:/{name}: got no MLflow database here, expected one; {SERVER}")
    try:
        with champion.held(root):
            yield connect(root)[0]
    except MlflowException as error:
        raise registry_error(error, root) from None


def _versions(client: MlflowClient, name: str) -> list[str]:
    """Return all versions, the newest first; raises ParamsError if there is none."""
    found = client.search_model_versions(f"name = '{name}'", max_results=10_000)
    if not found:
        registered = [each.name for each in client.search_registered_models()]
        expected = f"one of {', '.join(registered)}" if registered else "one, by the stage register"
        raise ParamsError(f"models:/{name}: got no version of this name, expected {expected}")
    return sorted((str(each.version) for each in found), key=int, reverse=True)
