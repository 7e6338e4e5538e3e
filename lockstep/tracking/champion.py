"""The alias `champion` of a registered model, and the versions that had it."""

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

CHAMPION = "champion"
BEFORE = "champions"  # a tag of the registered model: the versions that were champion, in order
REMEMBERED = 100


def current(client: MlflowClient, name: str) -> ModelVersion | None:
    """Return the champion's version, or None without one."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def former(client: MlflowClient, name: str) -> list[str]:
    """Return the versions that were champion, the present one last."""
    versions = client.get_registered_model(name).tags.get(BEFORE, "")
    return [each for each in versions.split(",") if each]


def move(client: MlflowClient, name: str, version: str) -> None:
    """Give a version the alias, last of all: whoever is killed before does it again."""
    leader, versions = current(client, name), former(client, name)
    if leader and versions[-1:] != [str(leader.version)]:  # moved by hand, or before this tag
        versions.append(str(leader.version))
    _remember(client, name, [*versions, version] if versions[-1:] != [version] else versions)
    client.set_registered_model_alias(name, CHAMPION, version)


def move_back(client: MlflowClient, name: str) -> tuple[str, str] | None:
    """Give the alias back to the last champion before the present one; return both versions.

    Returns None if none is known.
    """
    leader, versions = current(client, name), former(client, name)
    at = str(leader.version) if leader else ""
    while versions and versions[-1] == at:
        versions.pop()
    if not versions:
        return None
    client.set_registered_model_alias(name, CHAMPION, versions[-1])
    _remember(client, name, versions)
    return at, versions[-1]


def _remember(client: MlflowClient, name: str, versions: list[str]) -> None:
    client.set_registered_model_tag(name, BEFORE, ",".join(versions[-REMEMBERED:]))
