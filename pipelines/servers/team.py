"""What `lockstep up` needs to serve other machines: an address and passwords."""

import configparser
import ipaddress
import os
import secrets
from pathlib import Path

from lockstep.errors import ParamsError
from lockstep.storage import layout
from pipelines.servers.tensorboard_server import PASSWORD as TENSORBOARD_PASSWORD

LOOPBACK = "127.0.0.1"
USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
PREFECT = "PREFECT_SERVER_API_AUTH_STRING"
LOGINS = (USER, PASSWORD, PREFECT, TENSORBOARD_PASSWORD)
CLIENT_LOGINS = (USER, PASSWORD, "PREFECT_API_AUTH_STRING")
SHORTEST = 12  # characters of a password; MLflow refuses shorter ones
USERS = "mlflow_users.db"


def check(host: str) -> None:
    """Check the address to listen on, and that other machines need passwords if it isn't loopback.

    Raises ParamsError; no message has a password.
    """
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        address = None
    if address is None or address.is_unspecified:
        raise ParamsError(
            f"--host: got {host}, expected the IPv4 address by which other machines reach this one"
        )
    missing = [name for name in LOGINS if not os.environ.get(name)]
    if missing and not address.is_loopback:
        raise ParamsError(
            f"--host {host}: other machines reach this address, expected passwords; set the "
            f"environment variable{'s' * (len(missing) > 1)} {', '.join(missing)}"
        )
    if not missing:
        _check_lengths()


def _check_lengths() -> None:
    user, _, prefect = os.environ[PREFECT].partition(":")
    if not user or not prefect:
        raise ParamsError(f"{PREFECT}: expected USER:PASSWORD")
    given = {PREFECT: prefect, **{name: os.environ[name] for name in LOGINS if name != PREFECT}}
    short = [name for name in given if name != USER and len(given[name]) < SHORTEST]
    if short:
        raise ParamsError(
            f"{short[0]}: got a password of {len(given[short[0]])} characters, expected at least "
            f"{SHORTEST}"
        )


def has_logins() -> bool:
    """Return whether the servers ask for passwords: all variables of theirs are set."""
    return all(os.environ.get(name) for name in LOGINS)


def check_artifacts(main: Path, host: str) -> None:
    """Raise ParamsError if other machines couldn't reach the artifacts of the experiment."""
    if host == LOOPBACK:
        return
    from lockstep.tracking.client import local_artifacts

    folder = local_artifacts(main)
    if folder:
        raise ParamsError(
            f"{layout.TRACKING_DATABASE}: the experiment's artifacts are in {folder}, where other "
            "machines can't write; set MLFLOW_EXPERIMENT_NAME to a new name, here and there"
        )


def settings(folder: Path) -> dict[str, str]:
    """Return the variables of servers that ask for passwords; the file in `folder` has none."""
    parser = configparser.ConfigParser()
    parser["mlflow"] = {
        "default_permission": "EDIT",  # all log to one experiment
        "database_uri": f"sqlite:///{folder / USERS}".replace("%", "%%"),  # as configparser reads
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        # A check of a password takes 0.1 s of a CPU, and a run sends hundreds of requests. What the
        # server's one process remembers is forgotten when a user's password changes.
        "auth_cache_ttl_seconds": "60",
    }
    file = folder / "mlflow_auth.ini"
    with file.open("w", encoding="utf-8") as stream:
        parser.write(stream)
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(file),
        "MLFLOW_AUTH_ADMIN_USERNAME": os.environ[USER],
        "MLFLOW_AUTH_ADMIN_PASSWORD": os.environ[PASSWORD],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(),
        "PREFECT_API_AUTH_STRING": os.environ[PREFECT],
    }
